"""The two kinds of write, both bound to the version of the workload that was looked at.

Neither can create a workload: an apply carries its uid (the API server answers 409 when nothing has it), and a JSON
patch needs the object.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_monitoring.manifest import Manifest, annotations_of
from crm_monitoring.reconcile.workload.memory import ANNOTATION
from crm_monitoring.reconcile.workload.slots import Place, Slot, Value

Operation = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Apply:
    """A server-side apply of everything that we hold."""

    manifest: Manifest
    slots: tuple[Slot, ...] = ()
    """Slots whose value it changes; none when it changes ownership or the annotation only."""
    force: bool = False
    """Take our annotation back from whoever wrote to it. No slot is ever forced: see `judge`."""


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """RFC 6902 operations, the first of which tests the resourceVersion."""

    operations: tuple[Operation, ...]
    slots: tuple[Slot, ...] = ()
    """Slots whose value it changes."""


Write = Apply | JsonPatch


def apply_of(
    live: Manifest, held: Mapping[Slot, Value], annotation: str, *, changed: Iterable[Slot], force: bool
) -> Apply:
    """Return the apply under which we hold exactly these slots and the annotation."""
    containers: dict[str, Manifest] = {}
    for slot, value in sorted(held.items(), key=lambda pair: pair[0]):
        container = containers.setdefault(slot.container, {"name": slot.container})
        if slot.variable is None:
            container[slot.field] = dict(value)
        else:
            container.setdefault("env", []).append(dict(value))
    manifest: Manifest = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {
            **{key: live["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")},
            "annotations": {ANNOTATION: annotation},
        },
    }
    if containers:
        manifest["spec"] = {"template": {"spec": {"containers": list(containers.values())}}}
    return Apply(manifest, tuple(sorted(changed)), force)


def guarded(live: Manifest, operations: Iterable[Operation], slots: Iterable[Slot] = ()) -> JsonPatch:
    """Return a patch that fails when anything has changed since."""
    version = live["metadata"]["resourceVersion"]
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    return JsonPatch((test, *operations), tuple(sorted(slots)))


def replace_managed_fields(entries: Sequence[Manifest]) -> Operation:
    """Return the operation that changes who owns what, and no value."""
    # An empty list would be refused as no change; one empty entry is how managedFields are cleared.
    return {"op": "replace", "path": "/metadata/managedFields", "value": list(entries) or [{}]}


def put(place: Place, slot: Slot, value: Value) -> Operation:
    """Return the operation that replaces a slot as a whole, or fills it when it is empty."""
    content: Any = dict(value)
    if slot.variable is None:
        return {"op": "add", "path": f"{place.container}/{slot.field}", "value": content}
    if place.index is not None:
        return {"op": "replace", "path": f"{place.container}/env/{place.index}", "value": content}
    if place.has_env:
        return {"op": "add", "path": f"{place.container}/env/-", "value": content}
    return {"op": "add", "path": f"{place.container}/env", "value": [content]}


def take_out(place: Place, slot: Slot) -> Operation:
    """Return the operation that empties a slot."""
    path = slot.field if slot.variable is None else f"env/{place.index}"
    return {"op": "remove", "path": f"{place.container}/{path}"}


def write_annotation(live: Manifest, text: str) -> Operation:
    """Return the operation that sets our annotation."""
    if not annotations_of(live):
        return {"op": "add", "path": "/metadata/annotations", "value": {ANNOTATION: text}}
    return {"op": "add", "path": _POINTER, "value": text}


def remove_annotation(live: Manifest) -> tuple[Operation, ...]:
    """Return the operation that removes our annotation, none when it is not there."""
    return ({"op": "remove", "path": _POINTER},) if ANNOTATION in annotations_of(live) else ()


_POINTER = "/metadata/annotations/" + ANNOTATION.replace("/", "~1")
