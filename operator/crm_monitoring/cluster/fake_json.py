"""JSON patch and merge patch for the in-memory cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson


class PatchFailed(Exception):
    """A `test` failed or a path does not exist."""


def copied(value: Any) -> Any:
    """Return a deep copy of JSON."""
    return orjson.loads(orjson.dumps(value))


def json_patched(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Return a changed copy by RFC 6902; raise PatchFailed, and then nothing was changed."""
    document = copied(document)
    for operation in operations:
        path = operation["path"]
        match operation["op"]:
            case "test":
                if _get(document, path) != operation["value"]:
                    raise PatchFailed
            case "add":
                document = _add(document, path, copied(operation["value"]))
            case "replace":
                _get(document, path)
                document = _add(_removed(document, path), path, copied(operation["value"]))
            case "remove":
                document = _removed(document, path)
            case "move":
                value = _get(document, operation["from"])
                document = _add(_removed(document, operation["from"]), path, value)
            case "copy":
                document = _add(document, path, copied(_get(document, operation["from"])))
            case _:
                raise PatchFailed
    return document


def merged(document: Any, patch: Any) -> Any:
    """Return a copy changed by RFC 7386: maps are merged, None removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return copied(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _parts(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise PatchFailed
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _step(place: Any, part: str) -> Any:
    if isinstance(place, dict) and part in place:
        return place[part]
    if isinstance(place, list) and part.isdigit() and int(part) < len(place):
        return place[int(part)]
    raise PatchFailed


def _get(document: Any, path: str) -> Any:
    for part in _parts(path):
        document = _step(document, part)
    return document


def _add(document: Any, path: str, value: Any) -> Any:
    parts = _parts(path)
    if not parts:
        return value
    place = document
    for part in parts[:-1]:
        place = _step(place, part)
    last = parts[-1]
    if isinstance(place, dict):
        place[last] = value
    elif isinstance(place, list) and last == "-":
        place.append(value)
    elif isinstance(place, list) and last.isdigit() and int(last) <= len(place):
        place.insert(int(last), value)
    else:
        raise PatchFailed
    return document


def _removed(document: Any, path: str) -> Any:
    parts = _parts(path)
    if not parts:
        return None
    place = document
    for part in parts[:-1]:
        place = _step(place, part)
    _step(place, parts[-1])
    del place[int(parts[-1]) if isinstance(place, list) else parts[-1]]
    return document
