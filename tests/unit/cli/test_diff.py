"""`diff`: what the operator would do, found by reading only."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crm_monitoring.api.validation import load
from crm_monitoring.cli.diff import plans_of
from crm_monitoring.cli.differences import changes
from crm_monitoring.cli.live import Plan, Planned
from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.errors import Forbidden
from crm_monitoring.manifest import (
    CONFIG_MAP,
    CRM_MONITORING,
    PROMETHEUS_RULE,
    SECRET,
    SERVICE_MONITOR,
    Manifest,
    ObjectKey,
    key_of,
)
from crm_monitoring.reconcile.outcome import State
from crm_monitoring.reconcile.workload.verdicts import SlotState
from crm_monitoring.render import merged, secret_values
from crm_monitoring.render.compiler import render
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.cli import run, written
from support.resources import NAMESPACE, UID, minimal, parsed, quickstart
from support.targets import service, workload

NOW = datetime(2026, 1, 2, tzinfo=UTC)
STOCK = ObjectKey(PROMETHEUS_RULE, NAMESPACE, "crm-crm-stock")
MONITOR = ObjectKey(SERVICE_MONITOR, NAMESPACE, "crm-crm-metrics")
MERGED = ObjectKey(SECRET, NAMESPACE, "alertmanager-crm")


def credentials(value: str = "https://slack.example.com/T0P5ECRET") -> Manifest:
    data = {"slack-webhook-url": base64.b64encode(value.encode()).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "crm-alerting", "namespace": NAMESPACE},
        "data": data,
    }


async def planned(cluster: FakeCluster, *bodies: Manifest) -> tuple[list[Plan], list[Planned]]:
    found = await plans_of(cluster, [load(body) for body in bodies], RenderSettings(), NOW)
    assert cluster.writes == []
    return found


async def states(cluster: FakeCluster, body: Manifest) -> dict[ObjectKey, State]:
    plans, secrets = await planned(cluster, body)
    return {each.key: each.state for each in (*plans[0].objects, *secrets)}


async def reconciled(body: Manifest) -> FakeCluster:
    """Return a cluster as the operator leaves it."""
    cluster = FakeCluster(workload(), service(), credentials(), {**body, "status": {}})
    resource = parsed(body)
    bundle = render(
        resource, Observed.of(workload(), [service()]), secret_values.placeholders(resource), RenderSettings()
    )
    for child in bundle.children:
        await cluster.apply(child, force=True)
    cluster.writes.clear()
    return cluster


async def test_without_a_live_resource_everything_would_be_created() -> None:
    found = await states(FakeCluster(workload(), service(), credentials()), quickstart())
    assert set(found.values()) == {State.WOULD_CREATE}
    assert MERGED in found


async def test_after_the_operator_nothing_would_change() -> None:
    assert set((await states(await reconciled(minimal()), minimal())).values()) == {State.IN_SYNC}


async def test_an_edit_changes_only_what_depends_on_it() -> None:
    cluster = await reconciled(minimal())
    edited = minimal({"metrics": {"sampleLimit": 5000}})
    found = await states(cluster, edited)
    assert [key for key, state in found.items() if state is not State.IN_SYNC] == [MONITOR]


async def test_a_change_is_shown_line_by_line() -> None:
    cluster = await reconciled(minimal())
    plans, _ = await planned(cluster, minimal({"metrics": {"sampleLimit": 5000}}))
    (changed,) = [each for each in plans[0].objects if each.state is State.WOULD_CHANGE]
    assert changed.desired is not None
    assert changed.live is not None
    lines = changes(changed.desired, changed.live)
    assert lines[:2] == ["--- live", "+++ desired"]
    assert [line.strip("+- ") for line in lines if line[0] in "+-"][2:] == ["sampleLimit: 10000", "sampleLimit: 5000"]
    assert not any("managedFields" in line or "resourceVersion" in line for line in lines)


async def test_what_the_resource_no_longer_asks_for_would_be_deleted() -> None:
    cluster = await reconciled(minimal())
    found = await states(cluster, minimal({"metrics": {"monitor": "None", "existingJob": "crm"}}))
    assert [key.kind.name for key, state in found.items() if state is State.WOULD_DELETE] == ["ServiceMonitor"]


async def test_what_cannot_be_computed_would_be_kept() -> None:
    cluster = await reconciled(minimal())
    cluster.drop(key_of(service()))
    found = await states(cluster, minimal({"metrics": {"monitor": "ServiceMonitor"}}))
    assert [key.kind.name for key, state in found.items() if state is State.HELD] == ["ServiceMonitor"]


async def test_an_object_of_somebody_else_is_named_and_not_touched() -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "crm-crm-dashboards", "namespace": NAMESPACE},
    }
    found = await states(FakeCluster(workload(), service(), theirs), minimal())
    assert found[ObjectKey(CONFIG_MAP, NAMESPACE, "crm-crm-dashboards")] is State.CONFLICT


async def test_a_kind_that_is_not_served_is_named() -> None:
    cluster = FakeCluster(workload(), service())
    cluster.unserve(PROMETHEUS_RULE)
    assert (await states(cluster, minimal()))[STOCK] is State.FAILED


async def test_without_our_crd_everything_would_be_created() -> None:
    cluster = FakeCluster(workload(), service())
    cluster.unserve(CRM_MONITORING)
    assert set((await states(cluster, minimal())).values()) == {State.WOULD_CREATE}


async def test_a_missing_secret_is_a_finding_and_its_secret_is_kept() -> None:
    plans, secrets = await planned(FakeCluster(workload(), service()), quickstart())
    assert [finding.reason for finding in plans[0].findings] == ["SecretMissing"]
    assert [each.state for each in secrets] == [State.HELD]


async def with_merged_secret(*bodies: Manifest, content: bytes | None = None) -> FakeCluster:
    """Return a cluster whose notification Secret holds the routes of some resources."""
    cluster = FakeCluster(workload(), service(), credentials(), *bodies)
    fragments = []
    for body in bodies:
        resource = parsed(body)
        bundle = render(
            resource, Observed.of(workload(), [service()]), secret_values.placeholders(resource), RenderSettings()
        )
        assert bundle.fragment is not None
        fragments.append(bundle.fragment)
    owners = [(body["metadata"]["name"], body["metadata"]["uid"]) for body in bodies]
    await cluster.apply(
        merged.merged_secret(NAMESPACE, MERGED.name, owners, content or merged.merge(fragments)), force=True
    )
    cluster.writes.clear()
    return cluster


async def test_a_rotated_credential_changes_the_notification_secret_and_stays_masked() -> None:
    cluster = await with_merged_secret(quickstart())
    _, (secret,) = await planned(cluster, quickstart())
    assert secret.state is State.WOULD_CHANGE
    assert secret.desired is not None
    assert secret.live is not None
    text = "\n".join(changes(secret.desired, secret.live))
    assert [line for line in text.splitlines() if "***" in line] == [
        "-  alertmanager.yaml: '*** (before)'",
        "+  alertmanager.yaml: '*** (after)'",
    ]
    assert secret.desired["data"]["alertmanager.yaml"] not in text
    assert secret.live["data"]["alertmanager.yaml"] not in text


async def test_routes_of_resources_that_are_not_in_the_files_are_kept() -> None:
    other = quickstart(name="other", uid="99999999-2222-3333-4444-555555555555")
    cluster = await with_merged_secret(other)
    _, (secret,) = await planned(cluster, quickstart())
    assert secret.desired is not None
    assert set(merged.split(base64.b64decode(secret.desired["data"]["alertmanager.yaml"]), MERGED.name)) == {
        (NAMESPACE, "crm"),
        (NAMESPACE, "other"),
    }


async def test_the_secret_that_a_resource_used_until_now_would_lose_its_routes() -> None:
    cluster = await with_merged_secret(quickstart())
    _, secrets = await planned(cluster, quickstart({"notifications": {"secretName": "alertmanager-new"}}))
    assert {each.key.name: each.state for each in secrets} == {
        "alertmanager-crm": State.WOULD_DELETE,
        "alertmanager-new": State.WOULD_CREATE,
    }


async def test_a_notification_secret_of_somebody_else_is_not_touched() -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": MERGED.name, "namespace": NAMESPACE},
        "data": {},
    }
    found = await states(FakeCluster(workload(), service(), credentials(), theirs), quickstart())
    assert found[MERGED] is State.CONFLICT


PROBES: Mapping[str, Any] = {"workload": {"probes": {"readiness": {}}}}


async def test_fields_of_the_target_are_planned_one_by_one() -> None:
    plans, _ = await planned(FakeCluster(workload(), service(), minimal(PROBES)), minimal(PROBES))
    assert [(str(each.slot), each.state) for each in plans[0].fields] == [("api/readinessProbe", SlotState.APPLIED)]


async def test_fields_of_a_target_that_belongs_to_another_resource_are_left_alone() -> None:
    older = minimal(PROBES, name="older", uid="00000000-2222-3333-4444-555555555555")
    plans, _ = await planned(FakeCluster(workload(), service(), older, minimal(PROBES)), minimal(PROBES))
    assert (plans[0].fields, plans[0].claimed_by) == ((), "older")


async def test_a_cluster_that_refuses_to_be_read_is_an_error_of_ours() -> None:
    cluster = FakeCluster(workload(), service())
    cluster.fail_next(lambda call: call.verb == "list", Forbidden("services cannot be listed"))
    with pytest.raises(Forbidden):
        await planned(cluster, minimal())


def _drifted(change: Callable[[Manifest], None]) -> tuple[Manifest, Manifest]:
    resource = parsed()
    bundle = render(resource, Observed.of(workload(), [service()]), {}, RenderSettings())
    desired = next(child for child in bundle.children if child["kind"] == "ServiceMonitor")
    live: Manifest = {**desired, "metadata": {**desired["metadata"], "uid": UID, "managedFields": []}}
    live["spec"] = {**live["spec"]}
    change(live)
    return desired, live


def test_a_default_of_the_api_server_is_no_difference() -> None:
    desired, live = _drifted(lambda live: live["spec"].update(scrapeClass="default"))
    assert changes(desired, live) == []


def test_a_field_that_somebody_added_is_shown() -> None:
    desired, live = _drifted(lambda live: live["spec"].update(targetLimit=3))
    live["metadata"]["managedFields"] = [
        {"manager": "somebody", "operation": "Update", "fieldsV1": {"f:spec": {"f:targetLimit": {}}}}
    ]
    assert "-  targetLimit: 3" in changes(desired, live)


def test_labels_of_others_are_not_shown_and_ours_are() -> None:
    desired, live = _drifted(lambda live: None)
    live["metadata"]["labels"] = {"team": "theirs", "old": "ours"}
    live["metadata"]["managedFields"] = [
        {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:old": {}}}}}
    ]
    text = "\n".join(changes(desired, live))
    assert "-    old: ours" in text
    assert "theirs" not in text


def test_an_invalid_resource_is_told_before_the_cluster_is_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "crm.yaml", minimal({"mode": "Watch"}))
    result = run("diff", "-f", path, "--kubeconfig", "/nowhere/config")
    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr == f"{path}:1: spec.mode: must be Enforce or Observe\n"


def test_a_kubeconfig_that_cannot_be_used_is_one_message(tmp_path: Path) -> None:
    result = run("diff", "-f", written(tmp_path / "crm.yaml", minimal()), "--kubeconfig", "/nowhere/config")
    assert result.exit_code == 2
    assert result.stderr == "Error: kubeconfig: /nowhere/config cannot be used as a kubeconfig file\n"
