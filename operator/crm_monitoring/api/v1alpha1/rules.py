"""Rules between fields: each is said once in CEL for the API server and once in Python, side by side.

A model lists its rules in the class variable `rules` and its recommendations in `advice`. The CRD generator copies the
CEL; `validation` evaluates the Python. A test sends the same resources both ways and expects the same verdict.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from crm_monitoring.api.quantities import milliseconds, ratio

CauseReason = Literal["FieldValueInvalid", "FieldValueRequired", "FieldValueForbidden"]

Check = Callable[[Any], bool]
"""Takes the model that the rule belongs to and returns whether the rule holds."""

_CEL_KEYWORDS = frozenset({"for", "in", "if", "as", "namespace"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold within one block; the message says what would be accepted."""

    message: str
    holds: Check
    cel: str
    field: str = ""
    """Name of the field to blame, as in the resource; empty: the block itself."""
    reason: CauseReason = "FieldValueInvalid"


@dataclass(frozen=True, slots=True)
class Advice:
    """What is accepted but rarely meant. It becomes a warning and never keeps a resource from working."""

    message: str
    holds: Check
    field: str = ""


def cel_name(field: str) -> str:
    """Return how CEL spells the field: its keywords are escaped."""
    return f"__{field}__" if field in _CEL_KEYWORDS else field


def attribute(field: str) -> str:
    """Return the name of the Python attribute for a field of the resource."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)
    return f"{snake}_" if snake in {"for", "from"} else snake


def duration_within(field: str, low: str, high: str) -> Rule:
    """Return the rule that a duration, when present, is from `low` to `high`, both included."""
    name = f"self.{cel_name(field)}"
    bounds = (milliseconds(low), milliseconds(high))

    def holds(model: Any) -> bool:
        value = getattr(model, attribute(field))
        return value is None or bounds[0] <= milliseconds(value) <= bounds[1]

    return Rule(
        message=f"must be from {low} to {high}",
        holds=holds,
        cel=f"!has({name}) || (duration({name}) >= duration('{low}') && duration({name}) <= duration('{high}'))",
        field=field,
    )


def ratio_within(field: str, low: str, high: str, *, open_ends: bool = False) -> Rule:
    """Return the rule that a percentage, when present, is between `low` and `high`, with or without the ends."""
    name = f"self.{field}"
    number = f"double({name}.replace('%', ''))"
    bounds = (ratio(low), ratio(high))
    above, below = (">", "<") if open_ends else (">=", "<=")

    def inside(value: Decimal) -> bool:
        return bounds[0] < value < bounds[1] if open_ends else bounds[0] <= value <= bounds[1]

    def holds(model: Any) -> bool:
        value = getattr(model, attribute(field))
        return value is None or inside(ratio(value))

    words = f"must be above {low} and below {high}" if open_ends else f"must be from {low} to {high}"
    limits = f"{number} {above} {_cel_double(low)} && {number} {below} {_cel_double(high)}"
    return Rule(message=words, holds=holds, cel=f"!has({name}) || ({limits})", field=field)


def _cel_double(percentage: str) -> str:
    number = percentage.removesuffix("%")
    return number if "." in number else f"{number}.0"
