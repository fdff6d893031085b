"""A snapshot hides what differs from run to run, and nothing else."""

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from crm_monitoring.manifest import Manifest
from support.reliability.snapshot import collected, content, differences, snapshot

OURS = {"app.kubernetes.io/managed-by": "crm-monitoring-operator", "app.kubernetes.io/instance": "crm"}


def uid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


def owned(by: int) -> list[dict[str, str]]:
    return [{"kind": "CRMMonitoring", "name": "crm", "uid": uid(by)}]


def world(namespace: str = "plan-1", first: int = 1, when: str = "2026-01-01T00:00:00Z") -> list[Manifest]:
    """Return a resource and what was made of it, as another run would have it under other circumstances."""

    def metadata(number: int, name: str, **more: Any) -> dict[str, Any]:
        made = {"creationTimestamp": when, "resourceVersion": str(first * 100 + number), "generation": first}
        return {"name": name, "namespace": namespace, "uid": uid(first + number), **made, **more}

    entries = [{"manager": "a", "time": when}, {"manager": "b", "time": when}]
    condition = {"type": "Ready", "status": "True", "observedGeneration": 1, "lastTransitionTime": when}
    dashboard = "crm-" + hashlib.sha256(f"{namespace}/crm/Overview".encode()).hexdigest()[:24]
    config = base64.b64encode(f"route: {{namespace: {namespace}}}".encode()).decode()
    made = {"ownerReferences": owned(first), "labels": {**OURS, "monitoring.crm.io/owner-uid": uid(first)}}
    return [
        {
            "kind": "CRMMonitoring",
            "metadata": {**metadata(0, "crm"), "generation": 1, "managedFields": entries[:: 1 if first == 1 else -1]},
            "spec": {"target": {"name": "crm-api"}},
            "status": {"conditions": [condition], "note": f"in namespace {namespace}"},
        },
        {"kind": "ConfigMap", "metadata": metadata(1, "boards", **made), "data": {"x": f'{{"uid": "{dashboard}"}}'}},
        {"kind": "Secret", "metadata": metadata(2, "alertmanager-crm", **made), "data": {"alertmanager.yaml": config}},
        {"kind": "PrometheusRule", "metadata": metadata(3, "rules", **made), "spec": {"groups": [{"name": "a"}]}},
        {"kind": "Deployment", "metadata": {**metadata(4, "crm-api"), "generation": 2}, "spec": {"replicas": 1}},
        {"kind": "Service", "metadata": metadata(5, "crm-api"), "spec": {"clusterIP": f"10.0.0.{first}", "ports": []}},
    ]


def test_two_runs_that_did_the_same_have_the_same_snapshot() -> None:
    one, other = world(), world("plan-22", first=7, when="2027-05-05T01:02:03.456Z")
    assert snapshot(one, "plan-1") == snapshot(reversed(other), "plan-22")


def _set(kind: str, *path: str | int, to: Any) -> Callable[[list[Manifest]], None]:
    def change(items: list[Manifest]) -> None:
        node: Any
        (node,) = [item for item in items if item["kind"] == kind]
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = to

    return change


SEEN: Mapping[str, tuple[Callable[[list[Manifest]], None], str]] = {
    "another field of a child": (_set("PrometheusRule", "spec", "groups", 0, "name", to="b"), "spec.groups[0].name"),
    "a child of another owner": (
        _set("PrometheusRule", "metadata", "ownerReferences", to=[]),
        "metadata.ownerReferences",
    ),
    "another value of a Secret": (_set("Secret", "data", "alertmanager.yaml", to="eA=="), "data.alertmanager.yaml"),
    "a rollout more": (_set("Deployment", "metadata", "generation", to=3), "metadata.generation"),
    "another status": (_set("CRMMonitoring", "status", "conditions", 0, "status", to="False"), "status.conditions[0]"),
    "a manager more": (_set("CRMMonitoring", "metadata", "managedFields", to=[]), "metadata.managedFields"),
    "another dashboard": (_set("ConfigMap", "data", "x", to='{"uid": "crm-0"}'), "data.x"),
}


@pytest.mark.parametrize(("change", "place"), SEEN.values(), ids=SEEN.keys())
def test_what_means_something_is_seen(change: Callable[[list[Manifest]], None], place: str) -> None:
    wanted, items = snapshot(world(), "plan-1"), copy.deepcopy(world())
    change(items)
    (told,) = differences(wanted, snapshot(items, "plan-1"))
    assert place in told


def test_what_is_missing_and_what_is_too_much_is_told() -> None:
    first, *others = world()
    extra = {**others[0], "metadata": {**others[0]["metadata"], "name": "more"}}
    wanted = snapshot(world(), "plan-1")
    assert differences(wanted, snapshot([first, *others[1:], extra], "plan-1")) == [
        "ConfigMap boards is missing",
        "ConfigMap more should not be there",
    ]


def test_no_value_of_a_secret_is_in_a_snapshot() -> None:
    hidden = base64.b64encode(b"hunter2").decode()
    item = {"kind": "Secret", "metadata": {"name": "s", "namespace": "n", "uid": uid(1)}, "data": {"k": hidden}}
    text = json.dumps(snapshot([item], "n"))
    assert "hunter2" not in text
    assert hidden not in text


def test_the_garbage_collector_takes_what_has_no_living_owner_and_owners_that_are_gone() -> None:
    resource, *_ = world()
    orphan = {"kind": "ConfigMap", "metadata": {"name": "a", "uid": uid(50), "ownerReferences": owned(99)}}
    below = {"kind": "ConfigMap", "metadata": {"name": "b", "uid": uid(51), "ownerReferences": owned(50)}}
    shared = {"kind": "Secret", "metadata": {"name": "c", "uid": uid(52), "ownerReferences": [*owned(1), *owned(99)]}}

    left = list(collected([resource, orphan, below, shared]))

    assert [item["metadata"]["name"] for item in left] == ["crm", "c"]
    assert left[1]["metadata"]["ownerReferences"] == owned(1)


def test_the_content_of_a_workload_is_its_pod_template() -> None:
    def deployment(replicas: int, image: str) -> Manifest:
        template = {"spec": {"containers": [{"image": image}]}}
        return {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": replicas, "template": template}}

    assert content(deployment(1, "a"), "n") == content(deployment(2, "a"), "n") != content(deployment(1, "b"), "n")
