"""Who set what, read from metadata.managedFields, and how to give up our part without changing a value.

An entry's fieldsV1 mirrors the object: `f:<field>`, `k:{"name":"api"}` for an item of a list map, `.` for the field
itself; a leaf is `{}`. After an Update by another manager the API server strips the changed leaves from every other
entry, so an entry lists exactly what its manager still answers for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload.slots import PROBES, Leaf, Slot

Tree = dict[str, Any]

_TEMPLATE = ("f:spec", "f:template")
_CONTAINERS = (*_TEMPLATE, "f:spec", "f:containers")
_ITSELF = frozenset({".", "f:name"})
"""Of an item of a list map: the item and its key. Whoever sets a field in it owns these, too."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Who owns the leaves of one slot."""

    applied: frozenset[Leaf] = frozenset()
    """Ours by server-side apply."""
    patched: frozenset[Leaf] = frozenset()
    """Ours by a JSON patch, which appears as `Update`."""
    others: Mapping[str, frozenset[Leaf]] = field(default_factory=dict)
    """Everybody else's, by manager."""
    mentioned: bool = False
    """Whether an entry of ours names the slot. It does so still when another manager has changed every leaf, and that
    alone keeps a variable, or its container, from being removed by a server-side apply."""

    @property
    def ours(self) -> frozenset[Leaf]:
        """Return all leaves that we own, alone or with others."""
        return self.applied | self.patched

    @property
    def foreign(self) -> frozenset[Leaf]:
        """Return all leaves that others own."""
        return frozenset(leaf for leaves in self.others.values() for leaf in leaves)


def owners_of(live: Manifest, slot: Slot) -> Owners:
    """Return who owns the slot."""
    applied: frozenset[Leaf] = frozenset()
    patched: frozenset[Leaf] = frozenset()
    others: dict[str, frozenset[Leaf]] = {}
    mentioned = False
    for entry in _entries(live):
        branch = _at(_tree(entry), _path(slot))
        mentioned |= branch is not None and is_ours(entry)
        leaves = frozenset(_leaves(branch)) - {("name",)}
        if not leaves:
            continue
        if not is_ours(entry):
            manager = str(entry.get("manager", ""))
            others[manager] = others.get(manager, frozenset()) | leaves
        elif entry.get("operation") == "Apply":
            applied |= leaves
        else:
            patched |= leaves
    return Owners(applied, patched, dict(sorted(others.items())), mentioned)


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of managedFields is the operator's, by apply or by patch."""
    return entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")


def holds_anything(live: Manifest) -> bool:
    """Return whether we own any field of a workload: then it must be released when nobody claims it."""
    return any(is_ours(entry) for entry in _entries(live))


def was_patched(live: Manifest) -> bool:
    """Return whether a JSON patch of ours has left an `Update` entry."""
    return any(is_ours(entry) and entry.get("operation") != "Apply" for entry in _entries(live))


def held_slots(live: Manifest) -> frozenset[Slot]:
    """Return the slots that our entries mention."""
    return frozenset(slot for entry in _entries(live) if is_ours(entry) for slot in _slots(_tree(entry)))


def owns_annotation(live: Manifest, name: str) -> bool:
    """Return whether our apply owns an annotation."""
    path = ("f:metadata", "f:annotations", f"f:{name}")
    return any(
        is_ours(entry) and entry.get("operation") == "Apply" and _at(_tree(entry), path) is not None
        for entry in _entries(live)
    )


def managed_fields_without(live: Manifest, slots: Iterable[Slot]) -> list[Manifest]:
    """Return managedFields in which our entries do not mention the slots, nor a container that holds none then."""
    unwanted = frozenset(slots)
    kept = []
    for entry in _entries(live):
        if is_ours(entry):
            tree = _pruned(_tree(entry), unwanted)
            if tree:
                kept.append({**entry, "fieldsV1": tree})
        else:
            kept.append(entry)
    return kept


def managed_fields_without_patches(live: Manifest) -> list[Manifest]:
    """Return managedFields without the `Update` entry that a JSON patch of ours has left."""
    return [entry for entry in _entries(live) if not is_ours(entry) or entry.get("operation") == "Apply"]


def managed_fields_of_others(live: Manifest) -> list[Manifest]:
    """Return managedFields without us."""
    return [entry for entry in _entries(live) if not is_ours(entry)]


def our_last_write(live: Manifest) -> datetime | None:
    """Return when we last wrote a workload whose template we hold a field of (precision: one second)."""
    return max(_template_times(live, ours=True), default=None)


def changed_by_another_since(live: Manifest, moment: datetime) -> bool:
    """Return whether the latest write to the pod template after the moment is somebody else's."""
    return max(_template_times(live, ours=False), default=moment) > moment


def parse_time(text: object) -> datetime | None:
    """Return an RFC 3339 time with its zone, None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _entries(live: Manifest) -> list[Manifest]:
    entries: list[Manifest] = live["metadata"].get("managedFields") or []
    return entries


def _tree(entry: Mapping[str, Any]) -> Tree:
    tree = entry.get("fieldsV1")
    return tree if isinstance(tree, dict) else {}


def _at(tree: Tree, path: Iterable[str]) -> Tree | None:
    inner: Any = tree
    for key in path:
        inner = inner.get(key) if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else None


def _item(name: str) -> str:
    return "k:" + json.dumps({"name": name}, separators=(",", ":"))


def _name(key: str) -> str | None:
    if not key.startswith("k:"):
        return None
    try:
        name = json.loads(key.removeprefix("k:"))["name"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(name)


def _path(slot: Slot) -> tuple[str, ...]:
    inside = (f"f:{slot.field}",) if slot.variable is None else ("f:env", _item(slot.variable))
    return (*_CONTAINERS, _item(slot.container), *inside)


def _leaves(tree: Tree | None, path: Leaf = ()) -> Iterator[Leaf]:
    for key, inner in (tree or {}).items():
        if key == ".":
            continue
        leaf = (*path, key.removeprefix("f:"))
        if inner:
            yield from _leaves(inner, leaf)
        else:
            yield leaf


def _slots(tree: Tree) -> Iterator[Slot]:
    for key, container in (_at(tree, _CONTAINERS) or {}).items():
        name = _name(key)
        if name is None:
            continue
        for probe in PROBES:
            if f"f:{probe}" in container:
                yield Slot(name, probe)
        for variable in map(_name, container.get("f:env") or {}):
            if variable is not None:
                yield Slot.env(name, variable)


def _pruned(tree: Tree, slots: frozenset[Slot]) -> Tree:
    copy: Tree = json.loads(json.dumps(tree))
    for slot in slots:
        *parents, last = _path(slot)
        branch = _at(copy, parents)
        if branch is not None:
            branch.pop(last, None)
    containers = _at(copy, _CONTAINERS) or {}
    for key, container in list(containers.items()):
        if not container.get("f:env", {}).keys() - {"."}:
            container.pop("f:env", None)
        if container.keys() <= _ITSELF:
            del containers[key]
    for depth in range(len(_CONTAINERS), 0, -1):
        *parents, last = _CONTAINERS[:depth]
        branch = _at(copy, parents)
        if branch is not None and branch.get(last) == {}:
            del branch[last]
    return copy


def _template_times(live: Manifest, *, ours: bool) -> Iterator[datetime]:
    for entry in _entries(live):
        if is_ours(entry) is ours and _at(_tree(entry), _TEMPLATE) is not None:
            moment = parse_time(entry.get("time"))
            if moment:
                yield moment
