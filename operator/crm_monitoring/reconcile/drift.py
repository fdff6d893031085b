"""Desired against live: is there anything to write, and of which sort?

Extra fields in a live object are of three sorts, and managedFields tells them apart: ours from an earlier version of
the object (applying again removes them), somebody else's (only a patch removes them), or defaults of the API server
(nobody's, and fine).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from crm_monitoring.manifest import Manifest

Fields = Mapping[str, Any]
"""A node of the tree that the API server calls fieldsV1."""

CONTENT = ("spec", "data", "stringData", "type", "immutable")
"""The parts of an object that are compared, its metadata aside."""

_NOTHING: Fields = {}


class Change(Enum):
    """What makes a live object equal to the desired one, from nothing to most."""

    NONE = 0
    APPLY = 1
    """Server-side apply is enough."""
    REPLACE = 2
    """Somebody added fields, so the content must be replaced."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One field that is not as desired."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path} {self.what}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict and, for people, the differences behind it. Values are left out: they may be credentials."""

    change: Change
    differences: tuple[Difference, ...] = ()


class _Walk:
    """Walks desired and live side by side with the nodes of what is ours and what is foreign.

    A node is None below a list or map that its owner owns as a whole: whatever is in it is the owner's.
    """

    def __init__(self) -> None:
        self.change = Change.NONE
        self.differences: list[Difference] = []

    def note(self, change: Change, path: str, what: str) -> None:
        if change.value > self.change.value:
            self.change = change
        self.differences.append(Difference(path, what))

    def content(self, path: str, desired: Any, live: Any, ours: Fields | None, foreign: Fields | None) -> None:
        """Compare two values."""
        if isinstance(desired, Mapping) and isinstance(live, Mapping):
            self._mapping(path, desired, live, ours, foreign)
        elif isinstance(desired, Sequence) and isinstance(live, Sequence) and not isinstance(desired, str):
            self._sequence(path, desired, live, ours, foreign)
        elif desired != live:
            self.note(Change.APPLY, path, "differs")

    def _mapping(self, path: str, desired: Fields, live: Fields, ours: Fields | None, foreign: Fields | None) -> None:
        for key, value in desired.items():
            where = f"{path}.{key}"
            if key not in live:
                self.note(Change.APPLY, where, "is missing")
            else:
                name = f"f:{key}"
                self.content(where, value, live[key], _below(ours, name), _below(foreign, name))
        for key in live.keys() - desired.keys():
            if foreign is None or f"f:{key}" in foreign:
                self.note(Change.REPLACE, f"{path}.{key}", "was added by somebody else")
            elif ours is None or f"f:{key}" in ours:
                self.note(Change.APPLY, f"{path}.{key}", "is no longer wanted")

    def _sequence(
        self, path: str, desired: Sequence[Any], live: Sequence[Any], ours: Fields | None, foreign: Fields | None
    ) -> None:
        if len(desired) < len(live) and foreign:
            self.note(Change.REPLACE, path, "has items that somebody else added")
        elif len(desired) != len(live):
            self.note(Change.APPLY, path, "has another number of items")
        else:
            for index, (wanted, found) in enumerate(zip(desired, live, strict=True)):
                self.content(f"{path}[{index}]", wanted, found, _item(ours, found), _item(foreign, found))


def _below(fields: Fields | None, name: str) -> Fields | None:
    """Return the node of a field; one that is named and names nothing is owned as a whole."""
    if fields is None or (name in fields and not fields[name]):
        return None
    return dict(fields.get(name, _NOTHING))


def _item(fields: Fields | None, item: Any) -> Fields | None:
    """Return the node of one list item: list maps are keyed by `k:{...}`; items of atomic lists have no node."""
    if fields is None:
        return None
    if not isinstance(item, Mapping):
        return _NOTHING
    for name, node in fields.items():
        if name.startswith("k:"):
            keys = orjson.loads(name[2:])
            if all(item.get(key) == value for key, value in keys.items()):
                return dict(node)
    return _NOTHING


def _merged(first: Fields, second: Fields) -> Fields:
    """Return the union of two nodes. An empty node owns everything below it, so it swallows the other."""
    if not first or not second:
        return _NOTHING
    keys = first.keys() | second.keys()
    return {
        key: _merged(first[key], second[key]) if key in first and key in second else first.get(key, second.get(key))
        for key in keys
    }


def ownership(live: Mapping[str, Any], manager: str) -> tuple[Fields, Fields]:
    """Return what the manager applied and what everybody else owns, status aside, as trees of fieldsV1."""
    ours: Fields = _NOTHING
    foreign: Fields = _NOTHING
    for entry in live["metadata"].get("managedFields") or ():
        fields = entry.get("fieldsV1") or _NOTHING
        if entry.get("subresource") or not fields:
            continue
        if entry.get("manager") == manager and entry.get("operation") == "Apply":
            ours = fields
        else:
            foreign = _merged(foreign, fields) if foreign else fields
    return ours, foreign


def compare(desired: Mapping[str, Any], live: Manifest, manager: str) -> Comparison:
    """Return what must be written so that the live object equals the desired one.

    Labels, annotations and owner references that others added are theirs to keep; in `spec` and `data` they are drift.
    """
    ours, foreign = ownership(live, manager)
    walk = _Walk()
    for part in CONTENT:
        if part in desired:
            if part not in live:
                walk.note(Change.APPLY, part, "is missing")
                continue
            name = f"f:{part}"
            walk.content(part, desired[part], live[part], _below(ours, name), _below(foreign, name))
    _compare_metadata(walk, desired["metadata"], live["metadata"], ours.get("f:metadata", _NOTHING))
    return Comparison(walk.change, tuple(sorted(walk.differences)))


def _compare_metadata(walk: _Walk, desired: Fields, live: Fields, ours: Fields) -> None:
    for part in ("labels", "annotations"):
        wanted, found = desired.get(part) or {}, live.get(part) or {}
        for key, value in wanted.items():
            if found.get(key) != value:
                walk.note(Change.APPLY, f"metadata.{part}.{key}", "differs" if key in found else "is missing")
        for name in ours.get(f"f:{part}", _NOTHING):
            if name.startswith("f:") and name[2:] not in wanted:
                walk.note(Change.APPLY, f"metadata.{part}.{name[2:]}", "is no longer wanted")
    references = {reference["uid"]: reference for reference in live.get("ownerReferences") or ()}
    for reference in desired.get("ownerReferences") or ():
        if references.get(reference["uid"]) != reference:
            walk.note(Change.APPLY, "metadata.ownerReferences", "differs")
    wanted_uids = {reference["uid"] for reference in desired.get("ownerReferences") or ()}
    for name in ours.get("f:ownerReferences", _NOTHING):
        if name.startswith("k:") and orjson.loads(name[2:]).get("uid") not in wanted_uids:
            walk.note(Change.APPLY, "metadata.ownerReferences", "has a reference that is no longer wanted")
