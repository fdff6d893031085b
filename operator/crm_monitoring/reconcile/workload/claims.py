"""Which resource a workload belongs to when several name it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_monitoring.manifest import WORKLOAD_KINDS, ObjectKey
from crm_monitoring.reconcile.workload.decide import Claim

_KINDS = {kind.name: kind for kind in WORKLOAD_KINDS}


@dataclass(frozen=True, slots=True, order=True)
class _Claimant:
    created: str
    uid: str
    name: str


def claims(resources: Iterable[Mapping[str, Any]]) -> dict[ObjectKey, Claim]:
    """Return the winner for each workload: the oldest resource, then the least uid. All others are TargetClaimed.

    `resources` are CRMMonitoring manifests as the API server sends them. A resource claims its target when it has
    `spec.workload` and is not being deleted, in mode Observe too: else a switch to it would release the workload.
    """
    claimants: dict[ObjectKey, _Claimant] = {}
    for resource in resources:
        key = claimed_by(resource)
        if key is None:
            continue
        metadata = resource["metadata"]
        claimant = _Claimant(metadata.get("creationTimestamp", ""), metadata.get("uid", ""), metadata["name"])
        claimants[key] = min(claimant, claimants.get(key, claimant))
    return {key: Claim(claimant.name, claimant.uid) for key, claimant in sorted(claimants.items())}


def claimed_by(resource: Mapping[str, Any]) -> ObjectKey | None:
    """Return the workload that a resource claims, None when it claims none (a malformed one claims none)."""
    spec, metadata = resource.get("spec"), resource.get("metadata")
    if not isinstance(spec, Mapping) or not isinstance(metadata, Mapping) or metadata.get("deletionTimestamp"):
        return None
    target = spec.get("target")
    if not isinstance(spec.get("workload"), Mapping) or not isinstance(target, Mapping):
        return None
    kind, name = _KINDS.get(target.get("kind", "Deployment")), target.get("name")
    if kind is None or not isinstance(name, str):
        return None
    return ObjectKey(kind, metadata.get("namespace", ""), name)
