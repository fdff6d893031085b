"""Text that Prometheus expands as a Go template, with everything but harmless references taken out of force.

Prometheus expands labels and annotations of alerts. Its templates can run queries over every series it holds, so what
an author wrote may refer to the alert's own labels and value and nothing else.
"""

import re

PERCENTAGE = "{{ $value | humanizePercentage }}"
DURATION = "{{ $value | humanizeDuration }}"
NUMBER = "{{ $value | humanize }}"

_HARMLESS = re.compile(
    r"\{\{ *(\$labels\.[A-Za-z_][A-Za-z0-9_]*|\$value(?: *\| *humanize(?:1024|Duration|Percentage|Timestamp)?)?) *\}\}"
)
_OPENING = "{{"
_LITERAL_OPENING = '{{ "{{" }}'


def label(name: str) -> str:
    """Return the reference to a label of the alert."""
    return f"{{{{ $labels.{name} }}}}"


def disarmed(text: str) -> str:
    """Return the text with each opening `{{` shown as it is, unless it starts a reference to a label or the value.

    Read from the left as Go's own lexer does, so that `{{{ $value }}` cannot slip an opening past the check.
    """
    parts, position = [], 0
    while (start := text.find(_OPENING, position)) >= 0:
        parts.append(text[position:start])
        reference = _HARMLESS.match(text, start)
        parts.append(reference.group() if reference else _LITERAL_OPENING)
        position = reference.end() if reference else start + len(_OPENING)
    return "".join(parts) + text[position:]
