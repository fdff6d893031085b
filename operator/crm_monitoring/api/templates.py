"""The part of Go's templates that annotations may use: the value, a label, and making the value readable.

Prometheus would also run `query`, `range`, `define` and others. With its own rights they read series of other tenants,
or spin without end, so everything that is not on the short list is refused.
"""

import re

_HUMANIZE = r"humanize(?:1024|Duration|Percentage|Timestamp)?"
_ACTION = re.compile(
    rf"\$value|\$labels\.[a-zA-Z_][a-zA-Z0-9_]*|{_HUMANIZE} +\$value|\$value *\| *{_HUMANIZE}",
)

ACCEPTED = "{{ $value }}, {{ $labels.name }}, {{ humanize $value }} and {{ $value | humanizePercentage }}"
"""What may stand between braces, for messages."""


def refused(text: str) -> tuple[int, ...]:
    """Return the positions, counted from 1, of everything in braces that is not accepted."""
    positions = []
    start = text.find("{{")
    while start >= 0:
        end = text.find("}}", start)
        if end < 0 or not _ACTION.fullmatch(text[start + 2 : end].strip(" ")):
            positions.append(start + 1)
        start = text.find("{{", end + 2) if end >= 0 else -1
    return tuple(positions)
