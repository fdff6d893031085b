"""From the JSON of a resource to its model, or to a list of everything that is wrong with it."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crm_monitoring.api.messages import problem_of, shown
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.errors import InvalidSpec, Problem

_DEEPEST = 32
"""Levels of maps and lists below which nothing is looked at: no field is half as deep, and recursion has an end."""

_LARGEST_INTEGER = 2**63

_TOO_DEEP = object()
"""Stands for what is below them."""


def parse(body: Mapping[str, Any]) -> CRMMonitoring:
    """Return the resource; raise InvalidSpec with every problem of the schema, each with the path of its field.

    Cross-field rules are `validation.validate`'s. Fields outside of metadata and spec are ignored.
    """
    document = {"metadata": body.get("metadata", {}), "spec": body.get("spec", {})}
    try:
        return CRMMonitoring.model_validate_json(_as_json(_as_stored(document)), by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    raise InvalidSpec(problem_of(detail) for detail in details if not _is_consequence(detail, details))


def _is_consequence(detail: ErrorDetails, all_details: list[ErrorDetails]) -> bool:
    """Return whether a list counts as too short only because an entry of it is wrong: pydantic leaves that one out."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in all_details
    )


def _as_json(document: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        pass  # its text quotes the value
    raise InvalidSpec(_unwritable("", document))


def _unwritable(path: str, value: Any) -> Iterator[Problem]:
    """Yield why a value cannot be written as JSON, for everything in it that cannot."""
    if value is _TOO_DEEP:
        yield Problem(path, "must not be nested that deep; no field here is")
    elif isinstance(value, Mapping):
        for name, below in value.items():
            if not _is_written({name: None}):
                yield Problem(path, "has a key that must be valid UTF-8 text")
            yield from _unwritable(f"{path}.{shown(str(name))}" if path else str(name), below)
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from _unwritable(f"{path}[{index}]", below)
    elif not _is_written(value):
        yield Problem(path, "must be a number of at most 64 bits, or valid UTF-8 text")


def _is_written(value: Any) -> bool:
    try:
        orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return False
    return True


def _as_stored(value: Any, depth: int = 0) -> Any:
    """Return a value as the API server would: without null, which an unfinished line of YAML is, and 8000.0 as 8000."""
    if depth > _DEEPEST:
        return _TOO_DEEP
    if isinstance(value, Mapping):
        return {name: _as_stored(below, depth + 1) for name, below in value.items() if below is not None}
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_INTEGER:
        return int(value)
    return [_as_stored(item, depth + 1) for item in value] if isinstance(value, list | tuple) else value
