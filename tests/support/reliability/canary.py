"""Words in Secrets that must be found nowhere else, in whatever form."""

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_GZIPPED = re.compile(r"H4sI[A-Za-z0-9+/]+={0,2}")


def forms(canary: str) -> Iterator[str]:
    """Yield how a canary looks in clear, escaped, and in base64 at each of the three places where it can begin."""
    yield canary
    yield quote(canary, safe="")
    yield quote_plus(canary)
    yield json.dumps(canary)[1:-1]
    yield canary.encode().hex()
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + canary.encode()).decode()
        yield text[4 if shift else 0 : -4]


def found(canary: str, text: str) -> bool:
    """Return whether a canary is in a text in any form, also in what is gzipped in it."""
    searched = [text, *_unpacked(text)]
    return any(form in each for form in {*forms(canary)} for each in searched)


def _unpacked(text: str) -> Iterator[str]:
    for match in _GZIPPED.finditer(text):
        try:
            yield gzip.decompress(base64.b64decode(match.group())).decode(errors="replace")
        except (binascii.Error, OSError, EOFError, zlib.error):
            continue
