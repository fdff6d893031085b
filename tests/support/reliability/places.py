"""Where in a spec something is, by its path and by the schema that holds there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PART = re.compile(r"\[(\d+)\]|([^.\[]+)")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a spec."""

    path: Path
    schema: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the name of the field, that of the list for an entry of a list."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")

    def __str__(self) -> str:
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).removeprefix(".")


def places(schema: Mapping[str, Any], value: Any, path: Path = ()) -> Iterator[Place]:
    """Yield every value that a spec holds, the spec itself first."""
    yield Place(path, schema)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name, below in value.items():
            if (found := known.get(name) or schema.get("additionalProperties")) is not None:
                yield from places(found, below, (*path, name))
    elif isinstance(value, list) and "items" in schema:
        for index, below in enumerate(value):
            yield from places(schema["items"], below, (*path, index))


def at(spec: Any, path: Path) -> Any:
    """Return the value at a path."""
    for part in path:
        spec = spec[part]
    return spec


def put(spec: Any, path: Path, value: Any) -> None:
    """Replace the value at a path of at least one part."""
    at(spec, path[:-1])[path[-1]] = value


def parsed_path(text: str) -> Path:
    """Return a path from how problems write it."""
    return tuple(int(index) if index else name for index, name in _PART.findall(text))


def drop(spec: dict[str, Any], path: Path) -> None:
    """Take out what is at a path, or what should hold it when there is nothing there."""
    parent: Any = None
    here: Any = spec
    last: str | int = ""
    for part in path:
        below = here.get(part) if isinstance(here, dict) else here[part] if _has(here, part) else None
        if below is None and not (isinstance(here, dict) and part in here):
            break
        parent, last, here = here, part, below
    if parent is None:
        spec.clear()
    else:
        del parent[last]


def _has(value: Any, part: str | int) -> bool:
    return isinstance(value, list) and isinstance(part, int) and part < len(value)
