"""From the errors of pydantic to sentences: what is wrong and what would be accepted, never the value that was given."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.base import PORT_HINT
from crm_monitoring.api.v1alpha1.patterns import HINTS
from crm_monitoring.errors import Problem

_SHOWN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,39}")
_KEY = "[key]"
"""What pydantic appends to the place of a map whose key, not value, is wrong."""

_SENTENCES = {
    "string_type": "must be text; put numbers, dates, true and false in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number, without quotes",
    "int_parsing_size": "must be a smaller whole number",
    "bool_type": "must be true or false, without quotes",
    "model_type": "must be a map of fields",
    "model_attributes_type": "must be a map of fields",
    "dict_type": "must be a map",
    "tuple_type": "must be a list",
    "string_too_long": "must be at most {max_length} characters long",
    "string_too_short": "must be at least {min_length} characters long",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
"""By pydantic's type of error; the braces are filled from its context, which holds limits only."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an error is: its path, what the models know of the field there, and what surrounds it."""

    path: str
    field: FieldInfo | None
    parent: type[BaseModel]
    is_key: bool = False
    is_port: bool = False


def problem_of(error: ErrorDetails) -> Problem:
    """Return what a person is told of one error."""
    place = _place_of(error["loc"])
    if place.is_port:
        return Problem(place.path, PORT_HINT)
    sentence = _sentence(error["type"], error.get("ctx", {}), place)
    return Problem(place.path, f"has a key that {sentence}" if place.is_key else sentence)


def shown(name: str) -> str:
    """Return the name of a field or key when it looks like one; a pasted credential does not."""
    return name if _SHOWN.fullmatch(name) else "(a name that is not shown)"


def _sentence(kind: str, context: Mapping[str, Any], place: _Place) -> str:
    description = (place.field.description or "") if place.field else ""
    if kind == "missing":
        return f"is required. {description}".rstrip()
    if kind == "extra_forbidden":
        return _unknown(place)
    if kind == "literal_error":
        return f"must be {context['expected'].replace(chr(39), '')}"
    if kind == "string_pattern_mismatch":
        return f"must be {HINTS[context['pattern']]}"
    if kind in ("string_too_short", "too_short") and context["min_length"] == 1:
        return f"must not be empty. {description}".rstrip()
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**context)
    return f"is not accepted. {description}".rstrip()


def _unknown(place: _Place) -> str:
    """Say that there is no such field, and which ones there are."""
    allowed = sorted(_fields(place.parent))
    given = place.path.rpartition(".")[2]
    close = get_close_matches(given, allowed, n=1, cutoff=0.6)
    if not close:
        lower = {name.lower(): name for name in allowed}
        close = [lower[match] for match in get_close_matches(given.lower(), lower, n=1, cutoff=0.6)]
    if close:
        return f"is not a field here; did you mean {close[0]}?"
    return f"is not a field here; there are {', '.join(allowed)}"


def _place_of(location: Sequence[str | int]) -> _Place:
    """Follow an error's location through the models."""
    path = ""
    annotation: Any = CRMMonitoring
    field: FieldInfo | None = None
    parent: type[BaseModel] = CRMMonitoring
    for part in location:
        kind = _core(annotation)
        if part == _KEY:
            return _Place(path.rpartition(".")[0], field, parent, is_key=True)
        if isinstance(part, int):
            path, annotation = f"{path}[{part}]", get_args(kind)[0]
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            parent, field = kind, _fields(kind).get(part)
            path = f"{path}.{shown(part)}" if path else shown(part)
            annotation = field.annotation if field else None
        elif get_origin(kind) is dict:
            path, annotation = f"{path}.{shown(part)}", get_args(kind)[1]
        else:
            return _Place(path, field, parent, is_port=get_origin(kind) in (Union, UnionType))
    return _Place(path, field, parent)


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by their names in the resource."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _core(annotation: Any) -> Any:
    """Return the type without `Annotated` and without `None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _core(get_args(annotation)[0])
    if origin in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return _core(members[0]) if len(members) == 1 else annotation
    if origin is Literal:
        return str
    return annotation
