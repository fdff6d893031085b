"""The vendor's official release as a faster way than a build, where a checksum is pinned in `tools/releases.json`.

The table maps a binary to `{"url", "sha256", "member"}`, `member` being the path inside a .tar.gz archive (absent when
the download is the binary itself). It may be empty: an entry is only as good as a checksum that somebody verified.
"""

import hashlib
import io
import json
import socket
import tarfile
import urllib.request
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from testbed import building
from testbed.pins import TOOLS

REACHABLE_WITHIN_SECONDS = 3.0
TABLE = TOOLS / "releases.json"


def fetch(binary: str, target: Path, table: Path = TABLE) -> bool:
    """Download a binary into `target`. False when there is no entry, no network or another checksum."""
    entry = cast(dict[str, dict[str, str]], json.loads(table.read_text())).get(binary)
    if entry is None or not _reachable(entry["url"]):
        return False
    building.say(f"download the release of {binary}: started")
    try:
        with urllib.request.urlopen(entry["url"], timeout=REACHABLE_WITHIN_SECONDS) as answer:
            content: bytes = answer.read()
    except OSError as problem:
        building.say(f"download the release of {binary}: {problem}")
        return False
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        building.say(f"download the release of {binary}: refused, its checksum is not the pinned one")
        return False
    with building.workspace(target.parent) as directory:
        made = directory / "made"
        made.write_bytes(_member(content, entry["member"]) if "member" in entry else content)
        building.publish(made, target)
    return True


def _reachable(url: str) -> bool:
    """Try the connection alone, so that a machine without network does not wait."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=REACHABLE_WITHIN_SECONDS).close()
    except OSError:
        return False
    return True


def _member(archive: bytes, member: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        content = opened.extractfile(member)
        assert content is not None, "the pinned member is a file"
        return content.read()
