"""From the strings of the resource to numbers."""

import re
from decimal import Decimal
from functools import lru_cache

_UNIT_MILLISECONDS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")


def milliseconds(duration: str) -> int:
    """Return the length of a duration such as `1h30m`, in milliseconds."""
    return sum(int(number) * _UNIT_MILLISECONDS[unit] for number, unit in _PART.findall(duration))


def seconds(duration: str) -> float:
    """Return the length of a duration such as `1h30m`, in seconds."""
    return milliseconds(duration) / 1_000


def ratio(percentage: str) -> Decimal:
    """Return a percentage such as `95%` as a share from 0 to 1, exactly."""
    return Decimal(percentage.removesuffix("%")) / 100


@lru_cache(maxsize=512)
def prometheus_duration(duration: str) -> str:
    """Return the duration in the one way in which Prometheus itself prints it: largest unit first, no zero parts."""
    rest = milliseconds(duration)
    if rest == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        number, rest = divmod(rest, _UNIT_MILLISECONDS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)


def plain_number(number: Decimal) -> str:
    """Return a number without exponent or trailing zeros, as PromQL takes it."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
