"""A namespace as two runs can be compared by it: what differs from run to run without meaning anything is masked.

    snapshot(fetch(tenant), tenant.name) == snapshot(fetch(other), other.name)

A snapshot holds the hash of a Secret's values, never the values.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crm_monitoring.manifest import (
    CHILD_KINDS,
    CRM_MONITORING,
    SECRET,
    SERVICE,
    WORKLOAD_KINDS,
    Manifest,
    labels_of,
    owner_uids,
)
from crm_monitoring.render.names import INSTANCE_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from support.live import Tenant

KINDS = (CRM_MONITORING, *CHILD_KINDS, SECRET, SERVICE, *WORKLOAD_KINDS)
"""What a snapshot holds. Events are told, Leases are the operator's own: neither is a state of the tenant's."""

Snapshot = dict[str, Manifest]
"""Masked objects by name: `PrometheusRule crm-crm-stock`."""

MOST_DIFFERENCES = 4
"""Places that are named of an object that differs."""

_GENERATION_COUNTS = frozenset({CRM_MONITORING.name, *(kind.name for kind in WORKLOAD_KINDS)})
"""Kinds whose generation means something: what the author asked for, and how often pods were restarted."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDENTITY = re.compile(rf"{_UID.pattern}|crm-[0-9a-f]{{24}}")
_AUDIENCES = ("Overview", "Operations", "Business", "SLO")
_GIVEN_ADDRESSES = frozenset({"clusterIP", "clusterIPs"})
_FROM_THE_CLUSTER = frozenset({"kube-root-ca.crt"})


def fetch(tenant: Tenant) -> list[Manifest]:
    """Return everything of the tenant's that a snapshot holds."""
    return [
        {**item, "apiVersion": kind.api_version, "kind": kind.name} for kind in KINDS for item in tenant.every(kind)
    ]


def name_of(manifest: Mapping[str, Any]) -> str:
    """Return the name under which a snapshot holds an object."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def snapshot(manifests: Iterable[Manifest], namespace: str) -> Snapshot:
    """Return the masked objects of a namespace, as they are after the garbage collector."""
    kept = list(collected(item for item in manifests if item["metadata"]["name"] not in _FROM_THE_CLUSTER))
    uids = {item["metadata"]["uid"]: f"<uid of {name_of(item)}>" for item in kept}
    dashboards = dict(_dashboards(kept, namespace))
    return {name_of(item): masked(item, namespace, {**uids, **dashboards}) for item in kept}


def masked(manifest: Manifest, namespace: str, known: Mapping[str, str] | None = None) -> Manifest:
    """Return an object without what differs from run to run. `known` says what takes the place of which uid."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "resourceVersion"}
    if manifest["kind"] not in _GENERATION_COUNTS:
        metadata.pop("generation", None)
    item = {**manifest, "metadata": metadata}
    if manifest["kind"] == SERVICE.name:
        item["spec"] = {name: value for name, value in manifest["spec"].items() if name not in _GIVEN_ADDRESSES}
    if manifest["kind"] == SECRET.name:
        item["data"] = {key: _hashed(value, namespace) for key, value in (manifest.get("data") or {}).items()}
    text = _named(json.dumps(item, sort_keys=True), known or {})
    text = _UID.sub("<uid of nobody>", _TIME.sub("<time>", text)).replace(namespace, "<namespace>")
    result: Manifest = json.loads(text)
    managed = result["metadata"].get("managedFields")
    if managed:
        managed.sort(key=lambda entry: json.dumps(entry, sort_keys=True))
    return result


def _named(text: str, known: Mapping[str, str]) -> str:
    """Put names in the place of uids, in one walk through the text: a namespace has a thousand."""
    return _IDENTITY.sub(lambda found: known.get(found[0], found[0]), text)


def content(manifest: Manifest, namespace: str) -> str:
    """Return a digest of what an object asks for: spec, data and labels; of a workload its pod template."""
    item = masked(manifest, namespace, dict(_dashboards([manifest], namespace)))
    wanted = (
        item["spec"]["template"] if "template" in (item.get("spec") or {}) else [item.get("spec"), item.get("data")]
    )
    return hashlib.sha256(json.dumps([labels_of(item), wanted], sort_keys=True).encode()).hexdigest()[:16]


def collected(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """Yield what the garbage collector leaves: no object all of whose owners are gone, and no reference to one."""
    left = list(manifests)
    while True:
        alive = {item["metadata"]["uid"] for item in left}
        stay = [item for item in left if not owner_uids(item) or owner_uids(item) & alive]
        if len(stay) == len(left):
            break
        left = stay
    for item in left:
        metadata = item["metadata"]
        references = [each for each in metadata.get("ownerReferences") or () if each["uid"] in alive]
        yield {**item, "metadata": {**metadata, "ownerReferences": references}} if references else item


def is_ours(manifest: Mapping[str, Any]) -> bool:
    """Return whether an object says that the operator made it."""
    return labels_of(manifest).get(MANAGED_BY_LABEL) == MANAGED_BY


def differences(wanted: Snapshot, found: Snapshot) -> list[str]:
    """Return in which objects and where a snapshot is not as wanted, as sentences."""
    told = []
    for name in sorted({*wanted, *found}):
        if name not in found:
            told.append(f"{name} is missing")
        elif name not in wanted:
            told.append(f"{name} should not be there")
        else:
            places = list(_places(wanted[name], found[name], ""))
            told += [f"{name}: {place}" for place in places[:MOST_DIFFERENCES]]
            if len(places) > MOST_DIFFERENCES:
                told.append(f"{name}: and {len(places) - MOST_DIFFERENCES} more places differ")
    return told


def _places(wanted: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in sorted({*wanted, *found}):
            yield from _places(wanted.get(key), found.get(key), f"{path}.{key}" if path else key)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _places(one, other, f"{path}[{index}]")
    elif wanted != found:
        yield f"{path} is {_short(found)} instead of {_short(wanted)}"


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _hashed(value: str, namespace: str) -> str:
    clear = base64.b64decode(value).replace(namespace.encode(), b"<namespace>")
    return "sha256:" + hashlib.sha256(clear).hexdigest()


def _dashboards(manifests: Iterable[Manifest], namespace: str) -> Iterator[tuple[str, str]]:
    """Yield the uid of each dashboard, which is made of the namespace's name, and what takes its place."""
    names = {
        item["metadata"]["name"] if item["kind"] == CRM_MONITORING.name else labels_of(item).get(INSTANCE_LABEL, "")
        for item in manifests
    }
    for name in sorted(names):
        for audience in _AUDIENCES:
            digest = hashlib.sha256(f"{namespace}/{name}/{audience}".encode()).hexdigest()[:24]
            yield f"crm-{digest}", f"<dashboard {name}/{audience}>"
