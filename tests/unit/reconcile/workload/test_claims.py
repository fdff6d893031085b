"""Whose a workload is."""

from typing import Any

import pytest

from crm_monitoring.manifest import DEPLOYMENT, STATEFUL_SET, ObjectKey
from crm_monitoring.reconcile.workload import Claim, claimed_by, claims

TARGET = ObjectKey(DEPLOYMENT, "shop", "crm-api")


def resource(name: str, created: str = "2026-01-01T00:00:00Z", **changes: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "creationTimestamp": created}
    spec = {"target": {"name": "crm-api"}, "workload": {}}
    return {"metadata": {**metadata, **changes.pop("metadata", {})}, "spec": {**spec, **changes}}


def test_the_oldest_resource_wins() -> None:
    younger, older = resource("a", "2026-01-02T00:00:00Z"), resource("b", "2026-01-01T00:00:00Z")

    assert claims([younger, older]) == {TARGET: Claim("b", "uid-b")}


def test_the_least_uid_wins_among_resources_of_one_second() -> None:
    assert claims([resource("b"), resource("a")]) == claims([resource("a"), resource("b")])
    assert claims([resource("b"), resource("a")]) == {TARGET: Claim("a", "uid-a")}


def test_workloads_are_told_apart_by_kind_and_namespace() -> None:
    stateful = resource("a", target={"kind": "StatefulSet", "name": "crm-api"})
    elsewhere = resource("b", metadata={"namespace": "other"})

    assert list(claims([stateful, elsewhere])) == [
        ObjectKey(DEPLOYMENT, "other", "crm-api"),
        ObjectKey(STATEFUL_SET, "shop", "crm-api"),
    ]


def test_a_resource_that_only_observes_keeps_its_claim() -> None:
    assert claimed_by(resource("a", mode="Observe")) == TARGET


NO_CLAIM: dict[str, dict[str, Any]] = {
    "no workload block": resource("a", workload=None),
    "being deleted": resource("a", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    "no target": resource("a", target=None),
    "another kind of target": resource("a", target={"kind": "Job", "name": "crm-api"}),
    "a target without a name": resource("a", target={}),
    "no spec": {"metadata": {"name": "a"}},
    "nothing": {},
}


@pytest.mark.parametrize("body", NO_CLAIM.values(), ids=NO_CLAIM)
def test_nothing_is_claimed_by_a_resource_with(body: dict[str, Any]) -> None:
    assert claimed_by(body) is None
    assert claims([body]) == {}
