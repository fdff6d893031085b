"""What becomes of a resource: its objects, its status, and how few requests that takes."""

from typing import Any

import pytest

from crm_monitoring.manifest import CONFIG_MAP, CRM_MONITORING, PROMETHEUS_RULE, SERVICE_MONITOR, Kind
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import RunningOperator, Start

pytestmark = pytest.mark.integration

OBJECTS = {
    "ConfigMap crm-crm-dashboards",
    "PrometheusRule crm-crm-meta",
    "PrometheusRule crm-crm-stock",
    "ServiceMonitor crm-crm-metrics",
}
SPEC = {"objectLabels": {"release": "prometheus"}, "dashboards": {"folder": "CRM"}}


def test_a_resource_becomes_objects_a_status_and_one_event(operator: RunningOperator, tenant: Tenant) -> None:
    mark = operator.mark()

    created = tenant.monitor(minimal(SPEC))
    tenant.ready()
    operator.settle()

    children = tenant.children()
    assert set(children) == OBJECTS
    for child in children.values():
        metadata = child["metadata"]
        assert (
            metadata["labels"].items()
            >= {
                "app.kubernetes.io/managed-by": "crm-monitoring-operator",
                "app.kubernetes.io/instance": "crm",
                "monitoring.crm.io/owner-uid": created["metadata"]["uid"],
                "release": "prometheus",
            }.items()
        )
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("CRMMonitoring", "crm", created["metadata"]["uid"])
        assert {entry["manager"] for entry in metadata["managedFields"]} == {"crm-monitoring-operator"}
    status = tenant.status()
    assert status["observedGeneration"] == 1
    assert tenant.states() == dict.fromkeys(sorted(OBJECTS), "InSync")
    assert status["rules"]["alerting"] > 10
    assert status["rules"]["recording"] > 10
    (event,) = tenant.events()
    assert (event["reason"], event["type"]) == ("Ready", "Normal")
    assert operator.writes(mark) == {
        "patch configmaps": 1,
        "patch prometheusrules": 2,
        "patch servicemonitors": 1,
        "patch crmmonitorings/status": 1,
        "create events": 1,
    }


def test_one_log_line_at_info_tells_of_a_pass_that_wrote(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(SPEC))
    tenant.ready()
    operator.settle()

    (line,) = [line for line in operator.said("reconciled") if line["level"] == "INFO"]
    assert (line["namespace"], line["resource"], line["ready"]) == (tenant.name, "crm", "True")
    assert sorted(line["written"]) == [f"{name} Created" for name in sorted(OBJECTS)]


def test_an_edit_writes_the_object_that_changes_and_the_status(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(SPEC))
    tenant.ready()
    operator.settle()
    mark = operator.mark()

    tenant.edit({"metrics": {"interval": "20s", "scrapeTimeout": "10s"}})
    tenant.ready()
    operator.settle()

    (endpoint,) = tenant.look(SERVICE_MONITOR, "crm-crm-metrics")["spec"]["endpoints"]
    assert endpoint["interval"] == "20s"
    assert operator.writes(mark) == {"patch servicemonitors": 1, "patch crmmonitorings/status": 1}


def test_no_edit_is_lost_however_close_it_is_to_the_one_before(start: Start, tenant: Tenant) -> None:
    start(tenant.plane, f"{tenant.name}-operator", tenant.name)
    tenant.monitor(minimal(SPEC))
    tenant.ready()

    for step in range(60):
        tenant.edit({"environment": f"e{step}"})
        if step % 5 == 4:
            tenant.ready(within=5)
            rules = tenant.look(PROMETHEUS_RULE, "crm-crm-stock")
            assert f"e{step}" in str(rules)


def test_an_object_that_is_no_longer_wanted_is_deleted(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(SPEC))
    tenant.ready()
    operator.settle()
    mark = operator.mark()

    tenant.edit({"metrics": {"monitor": "PodMonitor"}})
    tenant.ready()
    eventually(lambda: not tenant.look(SERVICE_MONITOR, "crm-crm-metrics"))
    operator.settle()

    assert set(tenant.children()) == OBJECTS - {"ServiceMonitor crm-crm-metrics"} | {"PodMonitor crm-crm-metrics"}
    assert operator.writes(mark) == {
        "patch podmonitors": 1,
        "delete servicemonitors": 1,
        "patch crmmonitorings/status": 1,
    }


def test_nothing_is_written_when_nothing_changes(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.secret("crm-alerting", **{"slack-webhook-url": "https://hooks.example.com/services/a"})
    slack = {"name": "slack", "slack": {"webhookUrlSecretRef": {"name": "crm-alerting", "key": "slack-webhook-url"}}}
    tenant.monitor(minimal({**SPEC, "notifications": {"receivers": [slack]}, "workload": {"probes": {"liveness": {}}}}))
    tenant.says("Ready", "False", "NotSelected")
    operator.settle()
    mark = operator.mark()
    lists = operator.metric("crm_operator_api_requests_total", verb="list", kind="CRMMonitoring")
    reads = operator.metric("crm_operator_api_requests_total", verb="get", kind="Secret")

    def looked_again() -> bool:
        assert operator.metric("crm_operator_api_requests_total", verb="list", kind="CRMMonitoring") >= lists + 2
        assert operator.metric("crm_operator_api_requests_total", verb="get", kind="Secret") >= reads + 4
        return True

    eventually(looked_again)

    assert operator.writes(mark) == {}


def test_a_restart_writes_nothing(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.secret("crm-alerting", **{"slack-webhook-url": "https://hooks.example.com/services/a"})
    slack = {"name": "slack", "slack": {"webhookUrlSecretRef": {"name": "crm-alerting", "key": "slack-webhook-url"}}}
    tenant.monitor(
        minimal({**SPEC, "notifications": {"receivers": [slack]}, "workload": {"env": {"logLevel": "INFO"}}})
    )
    tenant.says("Ready", "False", "NotSelected")
    operator.settle()
    before = tenant.look(CRM_MONITORING, "crm")["metadata"]["resourceVersion"]
    operator.stop()
    mark = operator.mark()

    operator.start()
    eventually(operator.passes)
    operator.settle()

    assert operator.writes(mark) == {}
    assert tenant.look(CRM_MONITORING, "crm")["metadata"]["resourceVersion"] == before


def test_what_an_edit_takes_away_while_no_operator_runs_is_gone_after_its_start(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({**SPEC, "alerts": {"extraLabels": {"team": "crm"}}}))
    tenant.ready()
    operator.settle()
    operator.stop()
    tenant.edit({"alerts": {"extraLabels": {"team": None}}})

    operator.start()
    eventually(lambda: tenant.status()["observedGeneration"] == 2)
    operator.settle()

    groups = tenant.children()["PrometheusRule crm-crm-stock"]["spec"]["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert alerts
    assert [rule["alert"] for rule in alerts if "team" in rule["labels"]] == []


def test_the_same_name_in_two_namespaces_is_two_resources(start: Start, tenant: Tenant) -> None:
    other = Tenant(tenant.plane, f"{tenant.name}-b")
    tenant.plane.create_namespace(other.name)
    other.deploy()
    start(tenant.plane, f"{tenant.name}-operator", tenant.name, other.name)

    tenant.monitor(minimal(SPEC))
    other.monitor(minimal({**SPEC, "environment": "staging"}))
    tenant.ready()
    other.ready()

    mine, theirs = tenant.children(), other.children()
    assert set(mine) == set(theirs) == OBJECTS
    for name in OBJECTS:
        owners = {child[name]["metadata"]["labels"]["monitoring.crm.io/owner-uid"] for child in (mine, theirs)}
        assert len(owners) == 2

    other.edit({"metrics": {"monitor": "None", "existingJob": "crm"}})
    eventually(lambda: "ServiceMonitor crm-crm-metrics" not in other.children())
    assert set(tenant.children()) == OBJECTS


def test_a_target_that_comes_later_is_noticed(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal({"target": {"name": "crm-worker"}, "workload": {"env": {"logLevel": "DEBUG"}}}))
    message = tenant.says("ScrapeConfigured", "False", "TargetNotFound")
    assert "crm-worker" in message
    assert set(tenant.children()) == OBJECTS - {"ServiceMonitor crm-crm-metrics"}

    tenant.deploy("crm-worker")

    tenant.ready(within=5)
    # Until its Service was created, the pods were scraped directly.
    eventually(lambda: tenant.look(SERVICE_MONITOR, "crm-crm-metrics"), within=5)
    assert {"name": "CRM_LOG_LEVEL", "value": "DEBUG"} in tenant.container("crm-worker")["env"]


def test_a_forged_status_is_put_right(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal({"metrics": {"port": "nowhere"}}))
    tenant.says("Ready", "False", "PortNotFound")
    operator.settle()
    true = tenant.status()
    forged = {"conditions": [{**true["conditions"][0], "status": "True", "reason": "Ready"}], "resources": []}

    path = f"{tenant.path(CRM_MONITORING, 'crm')}/status"
    answer = tenant.plane.api.request("PATCH", path, {"status": forged}, "application/merge-patch+json")
    assert answer.status == 200

    eventually(
        lambda: [c["reason"] for c in tenant.status()["conditions"]] == [c["reason"] for c in true["conditions"]]
    )
    assert tenant.status()["resources"] == true["resources"]


def test_labels_that_others_put_on_our_objects_stay(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(SPEC))
    tenant.ready()
    operator.settle()
    mark = operator.mark()
    passes = operator.passes()

    theirs = {"labels": {"team": "finance"}, "annotations": {"note": "mine"}}
    tenant.change(CONFIG_MAP, "crm-crm-dashboards", {"metadata": theirs})
    eventually(lambda: operator.passes() > passes)
    operator.settle()
    tenant.edit({"objectLabels": {"release": "other"}})
    tenant.ready()

    metadata = tenant.look(CONFIG_MAP, "crm-crm-dashboards")["metadata"]
    assert metadata["labels"]["team"] == "finance"
    assert metadata["labels"]["release"] == "other"
    assert metadata["annotations"]["note"] == "mine"
    assert operator.writes(mark)["patch configmaps"] == 1


DRIFT: dict[str, tuple[Kind, str, dict[str, Any]]] = {
    "a value was changed": (PROMETHEUS_RULE, "crm-crm-meta", {"spec": {"groups": []}}),
    "a key was added": (CONFIG_MAP, "crm-crm-dashboards", {"data": {"foreign.json": "{}"}}),
    "a field was added": (SERVICE_MONITOR, "crm-crm-metrics", {"spec": {"targetLimit": 3}}),
    "a label of ours was removed": (
        SERVICE_MONITOR,
        "crm-crm-metrics",
        {"metadata": {"labels": {"monitoring.crm.io/owner-uid": None}}},
    ),
    "the label was removed by which we watch": (
        CONFIG_MAP,
        "crm-crm-dashboards",
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
    ),
    "an object label was changed": (
        CONFIG_MAP,
        "crm-crm-dashboards",
        {"metadata": {"labels": {"grafana_dashboard": "0"}}},
    ),
}


@pytest.mark.parametrize("what", DRIFT)
def test_an_edit_by_hand_is_undone(operator: RunningOperator, tenant: Tenant, what: str) -> None:
    kind, name, change = DRIFT[what]
    tenant.monitor(minimal(SPEC))
    tenant.ready()
    operator.settle()
    good = tenant.look(kind, name)

    tenant.change(kind, name, change)

    def mended() -> bool:
        live = tenant.look(kind, name)
        assert (live.get("spec"), live.get("data")) == (good.get("spec"), good.get("data"))
        assert live["metadata"]["labels"] == good["metadata"]["labels"]
        return True

    eventually(mended, within=2)
    tenant.ready()
    (event,) = eventually(lambda: tenant.events("DriftCorrected"), within=2)
    assert f"{kind.name} {name}" in event["note"]


def test_a_deleted_object_is_back_within_two_seconds(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(SPEC))
    tenant.ready()
    operator.settle()
    mark = operator.mark()

    tenant.delete(PROMETHEUS_RULE, "crm-crm-stock")

    eventually(lambda: tenant.look(PROMETHEUS_RULE, "crm-crm-stock"), within=2)
    (event,) = eventually(lambda: tenant.events("DriftCorrected"), within=2)
    assert "PrometheusRule crm-crm-stock" in event["note"]
    operator.settle()
    assert operator.metric("crm_operator_drift_corrections_total", kind="PrometheusRule") == 1
    assert operator.writes(mark) == {"patch prometheusrules": 1, "create events": 1}
