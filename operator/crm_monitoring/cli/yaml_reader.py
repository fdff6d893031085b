"""YAML as kubectl reads it, with the place of what is wrong. Values never get into a message."""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_OTHERWISE_READ = {_INT, _FLOAT, "tag:yaml.org,2002:timestamp"}
"""Types that PyYAML sees where kubectl does not: dates are text there, and so is 12:30:45."""


class _Loader(yaml.CSafeLoader):
    """Refuses a key that is there twice, which would otherwise silently hide its first value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key.value} is there twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OTHERWISE_READ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _INT, re.compile(r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?([.][0-9]+|[0-9]+[.][0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|[-+]?[.](inf|Inf)$|[.](nan|NaN)$"),
    list("-+.0123456789"),
)


@dataclass(frozen=True, slots=True)
class BrokenYaml:
    """A document that cannot be read, in words for the person who wrote it."""

    message: str


def documents(text: str) -> Iterator[tuple[int, Any | BrokenYaml]]:
    """Yield every document that is not empty, with its number counted from 1.

    After broken syntax nothing more can be read, so it ends there.
    """
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        yield 1, BrokenYaml(_described(error))
        return
    try:
        yield from _numbered(loader)
    finally:
        loader.dispose()


def _numbered(loader: _Loader) -> Iterator[tuple[int, Any | BrokenYaml]]:
    number = 1
    while True:
        try:
            if not loader.check_node():
                return
            node = loader.get_node()
        except yaml.YAMLError as error:
            yield number, BrokenYaml(_described(error))
            return
        content = _constructed(loader, node)
        if content is not None:
            yield number, content
        number += 1


def _constructed(loader: _Loader, node: yaml.Node | None) -> Any | BrokenYaml:
    try:
        content = loader.construct_document(node)
        endless = _holds_itself(content, set(), set())
    except (yaml.YAMLError, ValueError) as error:
        return BrokenYaml(_described(error))
    except RecursionError:
        return BrokenYaml("is nested too deeply")
    return BrokenYaml("holds an alias of what it stands in") if endless else content


def _holds_itself(value: Any, above: set[int], known: set[int]) -> bool:
    """Return whether an alias makes the content endless. Each map and list is looked at once."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not inner or id(value) in known:
        return False
    if id(value) in above:
        return True
    above.add(id(value))
    found = any(_holds_itself(item, above, known) for item in inner)
    above.discard(id(value))
    known.add(id(value))
    return found


def _described(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    if isinstance(error, yaml.MarkedYAMLError):
        return f"{where}{error.problem}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"holds a character that YAML does not allow (at position {error.position})"
    return f"{where}holds a value that cannot be read"
