"""O4, the status never lies: what Ready must mean, learnt at moments of rest, and every moment at which it did not."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_monitoring.manifest import CRM_MONITORING, SECRET, WORKLOAD_KINDS, Manifest, labels_of, owner_uids
from crm_monitoring.render.names import INSTANCE_LABEL
from support.reliability.history import Change, states
from support.reliability.snapshot import collected, content, is_ours, name_of

Wanted = Mapping[tuple[str, int], Mapping[str, frozenset[str]]]
"""For a resource's name and generation: by object, the digests of content of which one must be live to say Ready."""

MOST_LIES = 5
"""Sentences that are told of a run; one lie is often followed by many."""


def claims(present: Iterable[Manifest]) -> list[Manifest]:
    """Return the resources that say of their present generation that they are Ready."""
    return [item for item in present if item["kind"] == CRM_MONITORING.name and _is_ready(item)]


def acceptable(
    present: Iterable[Manifest], namespace: str, *, workloads: bool = True
) -> dict[tuple[str, int], dict[str, str]]:
    """Return for every Ready resource the digests of the objects that its word stands for."""
    items = list(collected(present))
    return {
        (claim["metadata"]["name"], claim["metadata"]["generation"]): {
            name_of(item): content(item, namespace) for item in items if _stands_for(claim, item, workloads)
        }
        for claim in claims(items)
    }


def joined(*parts: Mapping[tuple[str, int], Mapping[str, str]]) -> dict[tuple[str, int], dict[str, frozenset[str]]]:
    """Return what is acceptable when any of these is: each part is one moment of rest of an undisturbed run."""
    result: dict[tuple[str, int], dict[str, frozenset[str]]] = {}
    for part in parts:
        for claim, digests in part.items():
            known = result.setdefault(claim, {})
            for name, digest in digests.items():
                known[name] = known.get(name, frozenset()) | {digest}
    return result


def truth(changes: Iterable[Change], namespace: str, wanted: Wanted) -> list[str]:
    """O4: at no moment a resource says Ready of its present generation while its objects are not what that means."""
    said: dict[str, None] = {}
    digests: dict[int, str] = {}
    for version, present in states(changes):
        for claim in claims(present.values()):
            name, generation = claim["metadata"]["name"], claim["metadata"]["generation"]
            meant = wanted.get((name, generation))
            if meant is None:
                continue
            for object_name, allowed in meant.items():
                live = present.get(object_name)
                key = int(live["metadata"]["resourceVersion"]) if live else 0
                if live and key not in digests:
                    digests[key] = content(live, namespace)
                if live is None or digests[key] not in allowed:
                    how = "differs" if live else "is missing"
                    said.setdefault(
                        f"{name} was Ready at generation {generation} while {object_name} {how} (version {version})"
                    )
            said.update(dict.fromkeys(_left_over(claim, present, meant, version)))
    return list(said)[:MOST_LIES]


def _left_over(claim: Manifest, present: Mapping[str, Manifest], meant: Mapping[str, Any], version: int) -> list[str]:
    name, uid = claim["metadata"]["name"], claim["metadata"]["uid"]
    return [
        f"{name} was Ready at generation {claim['metadata']['generation']} while {item} was still there (version {version})"
        for item, live in present.items()
        if item not in meant and is_ours(live) and live["kind"] != SECRET.name and uid in owner_uids(live)
    ]


def _is_ready(item: Manifest) -> bool:
    generation = item["metadata"]["generation"]
    conditions = (item.get("status") or {}).get("conditions") or ()
    return any(
        c["type"] == "Ready" and c["status"] == "True" and c.get("observedGeneration") == generation for c in conditions
    )


def _stands_for(claim: Manifest, item: Manifest, workloads: bool) -> bool:
    if item["kind"] in {kind.name for kind in WORKLOAD_KINDS}:
        target = claim["spec"]["target"]
        described = "workload" in claim["spec"] and (target.get("kind", "Deployment"), target["name"])
        return workloads and described == (item["kind"], item["metadata"]["name"])
    if item["kind"] == SECRET.name:
        return is_ours(item) and claim["metadata"]["uid"] in owner_uids(item)
    return is_ours(item) and labels_of(item).get(INSTANCE_LABEL) == claim["metadata"]["name"]
