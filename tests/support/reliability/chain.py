"""One live resource that is changed again and again, and the same resource made from nothing, to compare it with.

Whatever happened before, a state of the spec gives one state of the namespace. What the product remembers on purpose
is kept out of the comparison: with `mode: Observe`, or while a Secret or the target is missing, the last good objects
stay; those states are passed through, never compared. `Retain` leaves values behind, so the chain uses `Remove`.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_monitoring.api.parsing import parse
from crm_monitoring.api.references import secret_references
from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.manifest import (
    ALERTMANAGER,
    CRM_MONITORING,
    DEPLOYMENT,
    SERVICE,
    WORKLOAD_KINDS,
    Manifest,
    annotations_of,
    kind_of,
)
from crm_monitoring.reconcile.workload.memory import ANNOTATION
from crm_monitoring.render.compiler import render
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.live import Tenant, eventually
from support.reliability.generate import SECRET_NAMES, Generator, spec_schema
from support.reliability.places import at, places
from support.reliability.snapshot import Snapshot, fetch, snapshot
from support.reliability.worlds import CREDENTIALS
from support.resources import minimal, resource
from testbed.controlplane import ControlPlane

TARGET = "crm-api"
PROBER = "blackbox.monitoring:9115"

_LONG_AGO = timedelta(minutes=11)
"""Longer than the time between two changes of ours to one workload."""

_TIMES = ("changed", "takes")

_ADDED: dict[str, dict[str, Any]] = {
    "ConfigMap": {"data": {"more.json": "{}"}},
    "PrometheusRule": {"spec": {"groups": []}},
    "ServiceMonitor": {"spec": {"jobLabel": "x"}},
    "PodMonitor": {"spec": {"jobLabel": "x"}},
    "Probe": {"spec": {"jobName": "x"}},
    "AlertmanagerConfig": {"spec": {"inhibitRules": []}},
}
"""What somebody might write into a child, by its kind."""


@dataclass
class Chain:
    """A resource in a namespace, and what its author, its Secrets and its target are now."""

    tenant: Tenant
    generator: Generator
    spec: dict[str, Any] = field(default_factory=lambda: minimal()["spec"])
    word: str = "first"
    """What is in the values of all Secrets."""

    # --- what happens to it ---

    def create(self) -> None:
        """Make the namespace's other objects and the resource."""
        self.tenant.plane.create_namespace(self.tenant.name)
        self.tenant.deploy(TARGET)
        self.tenant.create(ALERTMANAGER, "crm", {"spec": {}})
        for name in SECRET_NAMES:
            self.tenant.secret(name, **credentials(self.word))
        self.tenant.monitor({"spec": self.spec})

    def edit(self) -> str:
        """Change one to three places of the spec to those of another valid one."""
        changed, said = deepcopy(self.spec), []
        for _ in range(self.generator.random.randint(1, 3)):
            said.append(self._copy_a_place(changed, self.generator.valid_spec()))
        self.write(self._tidied(self.generator.repaired(changed)))
        return f"edit {', '.join(said)}"

    def replace(self) -> str:
        """Write another spec altogether."""
        self.write(self._tidied(self.generator.valid_spec()))
        return "replace everything"

    def rotate(self) -> str:
        """Give every credential another value."""
        self.word = f"word{self.generator.random.randint(0, 10**6)}"
        for name in SECRET_NAMES:
            self.tenant.rotate(name, **credentials(self.word))
        return "rotate"

    def replace_target(self) -> str:
        """Delete the workload and its Service, and make them anew."""
        self.tenant.delete(DEPLOYMENT, TARGET)
        self.tenant.delete(SERVICE, TARGET)
        self.tenant.deploy(TARGET)
        return "replace the target"

    def drift(self) -> str:
        """Change or delete a child as somebody else would."""
        children = self.tenant.children()
        if not children:
            return self.edit()
        name = self.generator.random.choice(sorted(children))
        child = children[name]
        path = f"{self.tenant.path(kind_of(child), child['metadata']['name'])}?fieldManager=kubectl-edit"
        what = self.generator.random.choice(("delete", "label", "add", "take the label from"))
        if what == "delete":
            self.tenant.plane.api.request("DELETE", path)
        else:
            changes: dict[str, dict[str, Any]] = {
                "label": {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}},
                "take the label from": {"metadata": {"labels": {"monitoring.crm.io/owner-uid": None}}},
                "add": _ADDED[child["kind"]],
            }
            change = changes[what]
            self.tenant.plane.api.request("PATCH", path, change, "application/merge-patch+json")
        return f"{what} {name}"

    def write(self, spec: Mapping[str, Any]) -> None:
        """Replace the spec."""
        self.spec = deepcopy(dict(spec))

        def put() -> bool:
            live = self.tenant.look(CRM_MONITORING, "crm")
            body = {**live, "apiVersion": CRM_MONITORING.api_version, "kind": CRM_MONITORING.name, "spec": self.spec}
            answer = self.tenant.plane.api.request("PUT", self.tenant.path(CRM_MONITORING, "crm"), body)
            assert answer.status in (200, 409), answer.body
            return answer.status == 200

        eventually(put)

    def settle_claims(self) -> None:
        """Let eleven minutes pass for the workload and end its rollout, so that nothing waits for either."""
        live = self.tenant.look(DEPLOYMENT, TARGET)
        text = annotations_of(live).get(ANNOTATION)
        if text:
            memory = json.loads(text)
            then = (datetime.now(UTC) - _LONG_AGO).strftime("%Y-%m-%dT%H:%M:%SZ")
            memory |= {"changed": then, "takes": {slot: [] for slot in memory.get("takes", {})}}
            self.tenant.change(DEPLOYMENT, TARGET, {"metadata": {"annotations": {ANNOTATION: json.dumps(memory)}}})
            live = self.tenant.look(DEPLOYMENT, TARGET)
        done = {"observedGeneration": live["metadata"]["generation"], "replicas": 1, "updatedReplicas": 1}
        done |= {"availableReplicas": 1, "readyReplicas": 1}
        path = f"{self.tenant.path(DEPLOYMENT, TARGET)}/status"
        self.tenant.plane.api.request("PATCH", path, {"status": done}, "application/merge-patch+json")

    # --- what is to be compared ---

    def make_comparable(self) -> None:
        """Leave the states in which the product keeps its last good objects."""
        deployment = self.tenant.look(DEPLOYMENT, TARGET) | {"kind": DEPLOYMENT.name}
        wanted = comparable(self.spec, deployment, self.tenant.look(SERVICE, TARGET))
        if wanted != self.spec:
            self.write(wanted)

    def state(self) -> Snapshot:
        """Return what is in the namespace, without traces of how it came to be."""
        return without_history(snapshot(fetch(self.tenant), self.tenant.name))

    def fresh(self, plane: ControlPlane, name: str) -> "Chain":
        """Return the same resource made from nothing in another namespace."""
        chain = Chain(Tenant(plane, name), self.generator, self.spec, self.word)
        chain.create()
        return chain

    def _copy_a_place(self, spec: dict[str, Any], donor: dict[str, Any]) -> str:
        found = [place for place in places(spec_schema(), donor) if 0 < len(place.path) <= 4]
        place = self.generator.random.choice(found)
        parent: Any = spec
        for part in place.path[:-1]:
            if isinstance(part, int) or not isinstance(parent, dict):
                break
            parent = parent.setdefault(part, deepcopy(at(donor, place.path[: place.path.index(part) + 1])))
        last = place.path[-1]
        if isinstance(parent, dict) and isinstance(last, str):
            if self.generator.random.random() < 0.25:
                parent.pop(last, None)
                return f"without {place}"
            parent[last] = deepcopy(at(donor, place.path))
        return str(place)

    def _tidied(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return a spec that leaves nothing behind on the workload, and mostly has its target."""
        if self.generator.random.random() < 0.85:
            spec["target"] = {"name": TARGET}
        if self.generator.random.random() < 0.9:
            spec.pop("mode", None)
        if "workload" in spec:
            spec["workload"]["deletionPolicy"] = "Remove"
        return spec


def comparable(spec: Mapping[str, Any], deployment: Manifest, service: Manifest) -> dict[str, Any]:
    """Return a spec without the blocks of which the product, as things are, would keep the last good objects."""
    wanted = {**deepcopy(dict(spec)), "mode": "Enforce"}
    if _is_held(wanted, deployment, service):
        wanted["target"] = {"name": TARGET}
    for block in ("metrics", "blackbox", "notifications", "workload"):
        if not _is_held(wanted, deployment, service):
            break
        wanted.pop(block, None)
    assert not _is_held(wanted, deployment, service), wanted
    return wanted


def _is_held(spec: Mapping[str, Any], deployment: Manifest, service: Manifest) -> bool:
    wanted = parse(resource(spec))
    named = (wanted.spec.target.kind, wanted.spec.target.name)
    observed = Observed.of(deployment if named == (DEPLOYMENT.name, TARGET) else None, [service])
    # The kind of a value is judged, never the word in it: any word serves.
    values = {key: Sealed(value.encode()) for key, value in credentials("word").items()}
    secrets = {one.name: values if one.name in SECRET_NAMES else None for one in secret_references(wanted)}
    bundle = render(wanted, observed, secrets, RenderSettings(prober=PROBER))
    missing = wanted.spec.workload is not None and bundle.workload is None
    return bool(bundle.held) or bundle.fragment_held or missing


def credentials(word: str) -> dict[str, str]:
    """Return a value for every credential that a generated resource names."""
    return {
        **{field: f"{value}{word}" for field, value in CREDENTIALS.items()},
        "routingKeySecretRef": word.ljust(32, "0"),
        "caSecretRef": CREDENTIALS["caSecretRef"],
    }


def without_history(state: Snapshot) -> Snapshot:
    """Return a snapshot without generations, other managers' entries, and times that we remember on workloads."""
    return {name: _without_history(deepcopy(item)) for name, item in state.items()}


def _without_history(item: Manifest) -> Manifest:
    metadata = item["metadata"]
    generation = metadata.pop("generation", None)
    managed = [each for each in metadata.pop("managedFields", ()) if each["manager"] == FIELD_MANAGER]
    metadata["managedFields"] = [{**each, "time": ""} for each in managed]
    if item["kind"] == CRM_MONITORING.name:
        metadata.pop("managedFields")
        status = item.get("status") or {}
        for holder in (status, *status.get("conditions", ())):
            holder["observedGeneration"] = "present" if holder.get("observedGeneration") == generation else "another"
    if item["kind"] in {kind.name for kind in WORKLOAD_KINDS}:
        item.pop("status", None)
        text = annotations_of(item).get(ANNOTATION)
        if text:
            memory = {name: value for name, value in json.loads(text).items() if name not in _TIMES}
            metadata["annotations"][ANNOTATION] = json.dumps(memory, sort_keys=True)
            for each in metadata["managedFields"]:
                each.get("fieldsV1", {}).get("f:metadata", {}).pop("f:annotations", None)
    return item
