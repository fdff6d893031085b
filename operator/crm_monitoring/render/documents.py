"""Manifests as YAML that every parser reads alike, with the same bytes for the same content."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

FIRST_KEYS = ("apiVersion", "kind", "metadata", "name", "namespace", "alert", "record", "expr", "spec")
"""Keys that stand first in their map, in this order; the others follow in the order of the alphabet."""

ENDLESS = 2**31 - 1
"""Width of a line: an expression stays on one line, so that it can be searched for and compared."""

_RANK = {key: rank for rank, key in enumerate(FIRST_KEYS)}

_OTHER_TYPE = re.compile(
    r"""
    y | n
    | [-+]? ( [0-9][0-9_]* [.]? [0-9_]* | [.] [0-9_]+ ) (e[-+]?[0-9]+)?
    | [-+]? 0 [xob] [0-9a-f_]+
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Texts that other parsers, of YAML 1.1 or 1.2, take for a number, a date or a truth value, and PyYAML does not."""


class _Dumper(yaml.CSafeDumper):
    """Writes no anchors, quotes ambiguous strings, and keeps texts of several lines readable."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if not text.replace("\n", "").isprintable():
        style = '"'  # some parsers break lines at U+2028 and its like
    elif "\n" in text:
        style = "|"
    elif _OTHER_TYPE.fullmatch(text):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump(manifests: Iterable[Mapping[str, Any]]) -> str:
    """Return the objects as one YAML stream, each after a line `---`. The order of the objects is the caller's."""
    return yaml.dump_all(
        map(_ordered, manifests),
        Dumper=_Dumper,
        explicit_start=True,
        sort_keys=False,
        allow_unicode=True,
        width=ENDLESS,
    )


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value, key=_position)}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    return value


def _position(key: str) -> tuple[int, str]:
    return _RANK.get(key, len(_RANK)), key
