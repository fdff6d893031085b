"""Server-side apply for the in-memory cluster: who owns which leaf field.

Simpler than the API server in one way: a list is one leaf, whatever its schema says of its keys. That is exact for
objects whose lists have one author, as the children have, and too coarse for a Deployment's containers. Ownership is
kept in `metadata.managedFields` itself, so a patch of that field works here too.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_monitoring.manifest import Manifest

Path = tuple[str, ...]

_SERVER_SET = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}
)


def leaves(manifest: Mapping[str, Any]) -> dict[Path, Any]:
    """Return every field that a manager can own, with its value. An empty map is a leaf, too."""
    found: dict[Path, Any] = {}
    for name, value in manifest.items():
        if name == "metadata":
            kept = {field: content for field, content in value.items() if field not in _SERVER_SET}
            _collect(("metadata",), kept, found)
        elif name not in {"apiVersion", "kind"}:
            _collect((name,), value, found)
    found.pop(("metadata",), None)
    return found


def dotted(path: Path) -> str:
    """Return a path as the API server prints it."""
    return "." + ".".join(path)


def owned(manifest: Manifest, manager: str, operation: str = "Apply") -> set[Path]:
    """Return the fields that a manager owns by an operation."""
    for entry in manifest["metadata"].get("managedFields") or ():
        if (entry["manager"], entry["operation"]) == (manager, operation):
            return _paths(entry["fieldsV1"])
    return set()


def owners(manifest: Manifest) -> dict[tuple[str, str], set[Path]]:
    """Return all owned fields by (manager, operation)."""
    return {
        (entry["manager"], entry["operation"]): _paths(entry["fieldsV1"])
        for entry in manifest["metadata"].get("managedFields") or ()
    }


def disown(manifest: Manifest, paths: Iterable[Path], *, but: tuple[str, str]) -> None:
    """Take fields away from every manager but one."""
    lost = set(paths)
    for who, theirs in owners(manifest).items():
        if who != but:
            own(manifest, who, {path for path in theirs if not any(_touch(path, other) for other in lost)})


def own(manifest: Manifest, who: tuple[str, str], paths: set[Path]) -> None:
    """Make these, and no others, the fields that (manager, operation) owns."""
    manager, operation = who
    entries = [
        entry
        for entry in manifest["metadata"].get("managedFields") or ()
        if (entry["manager"], entry["operation"]) != who
    ]
    if paths:
        entries.append(
            {
                "manager": manager,
                "operation": operation,
                "apiVersion": manifest["apiVersion"],
                "fieldsType": "FieldsV1",
                "fieldsV1": _tree(paths),
            }
        )
    entries.sort(key=lambda entry: (entry["manager"], entry["operation"]))
    manifest["metadata"]["managedFields"] = entries


def track(before: Manifest | None, after: Manifest, who: tuple[str, str]) -> None:
    """Note who owns what after an update: a changed field belongs to whoever changed it, and to nobody else."""
    old, new = leaves(before or {}), leaves(after)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    disown(after, changed | (old.keys() - new.keys()), but=who)
    own(after, who, (owned(after, *who) & new.keys()) | changed)


def conflicts(live: Manifest, wanted: Mapping[Path, Any], manager: str) -> dict[Path, str]:
    """Return the fields that another manager owns with another value, and that manager."""
    present = leaves(live)
    found: dict[Path, str] = {}
    for who, theirs in owners(live).items():
        if who != (manager, "Apply"):
            for path, value in wanted.items():
                if present.get(path) != value and any(_clash(path, value, their, present) for their in theirs):
                    found[path] = who[0]
    return found


def merge(live: Manifest, wanted: Mapping[Path, Any], manager: str) -> None:
    """Set the wanted fields, and remove what the manager owned before, wants no longer and shares with nobody."""
    others = {path for who, theirs in owners(live).items() if who != (manager, "Apply") for path in theirs}
    for path in owned(live, manager):
        if not any(other[: len(path)] == path for other in (*wanted, *others)):
            _remove(live, path)
    for path, value in wanted.items():
        if value != {} or not _is_map(live, path):  # an empty map asks for a map, not for its emptiness
            _set(live, path, value)
    own(live, (manager, "Apply"), set(wanted))


def _collect(path: Path, value: Any, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value:
        for name, content in value.items():
            _collect((*path, name), content, found)
    else:
        found[path] = value


def _touch(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _clash(path: Path, value: Any, their: Path, present: Mapping[Path, Any]) -> bool:
    """Say whether setting `path` would change `their` field. Sharing a map is no clash."""
    if not _touch(path, their):
        return False
    if value == {}:
        return bool(present.get(path))
    return len(their) >= len(path) or bool(present.get(their))


def _is_map(manifest: Manifest, path: Path) -> bool:
    place: Any = manifest
    for name in path:
        place = place.get(name) if isinstance(place, dict) else None
    return isinstance(place, dict)


def _set(manifest: Manifest, path: Path, value: Any) -> None:
    *parents, last = path
    place = manifest
    for name in parents:
        if not isinstance(place.get(name), dict):
            place[name] = {}
        place = place[name]
    place[last] = value


def _remove(manifest: Manifest, path: Path) -> None:
    places = [manifest]
    for name in path[:-1]:
        below = places[-1].get(name)
        if not isinstance(below, dict):
            return
        places.append(below)
    places[-1].pop(path[-1], None)
    for place, name in zip(reversed(places[:-1]), reversed(path[:-1]), strict=True):
        if place[name] or place is manifest:
            return
        del place[name]


def _tree(paths: Iterable[Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        place = tree
        for name in path:
            place = place.setdefault(f"f:{name}", {})
    return tree


def _paths(tree: Mapping[str, Any], above: Path = ()) -> set[Path]:
    found: set[Path] = set()
    for name, below in tree.items():
        if name == ".":
            continue
        path = (*above, name.removeprefix("f:"))
        found |= {path} if not below or any(key[:2] in {"k:", "v:"} for key in below) else _paths(below, path)
    return found
