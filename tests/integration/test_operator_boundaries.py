"""What the operator must not do: touch what is not its own, write in mode Observe, act on what it does not understand."""

from typing import Any

import pytest

from crm_monitoring.manifest import ALERTMANAGER, CONFIG_MAP, CRM_MONITORING, PROMETHEUS_RULE, SECRET, SERVICE_MONITOR
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import RunningOperator

pytestmark = pytest.mark.integration

OURS = {"app.kubernetes.io/managed-by": "crm-monitoring-operator", "app.kubernetes.io/instance": "crm"}
BROKEN = {"alert": "Broken", "expr": "sum(", "severity": "low", "summary": "s"}
SOUND = {**BROKEN, "expr": "sum(rate(crm_communications_total[5m])) == 0"}

FOREIGN = {
    "without a label": {},
    "with the labels of ours": OURS,
}


@pytest.mark.parametrize("labels", FOREIGN)
def test_a_foreign_object_is_not_touched_and_gives_way_when_it_goes(
    operator: RunningOperator, tenant: Tenant, labels: str
) -> None:
    tenant.create(CONFIG_MAP, "crm-crm-dashboards", {"data": {"a": "b"}}, labels=FOREIGN[labels])
    theirs = tenant.look(CONFIG_MAP, "crm-crm-dashboards")

    tenant.monitor(minimal())
    message = tenant.says("Applied", "False", "NameConflict")
    operator.settle()

    assert "ConfigMap crm-crm-dashboards" in message
    assert tenant.look(CONFIG_MAP, "crm-crm-dashboards") == theirs
    assert tenant.states()["ConfigMap crm-crm-dashboards"] == "NameConflict"
    assert tenant.states()["PrometheusRule crm-crm-stock"] == "InSync"
    assert [event["reason"] for event in tenant.events()] == ["NameConflict"]

    tenant.delete(CONFIG_MAP, "crm-crm-dashboards")
    tenant.ready(within=6)
    assert tenant.look(CONFIG_MAP, "crm-crm-dashboards")["metadata"]["ownerReferences"]
    operator.settle()
    assert sorted(event["reason"] for event in tenant.events()) == ["NameConflict", "Ready"]


def test_a_foreign_object_with_our_labels_is_not_deleted(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal())
    tenant.ready()
    uid = tenant.look(CRM_MONITORING, "crm")["metadata"]["uid"]

    labels = {**OURS, "monitoring.crm.io/owner-uid": uid}
    theirs = tenant.create(CONFIG_MAP, "crm-crm-forged", {"data": {}}, labels=labels)
    tenant.edit({"environment": "staging"})
    tenant.ready()
    operator.settle()

    assert tenant.look(CONFIG_MAP, "crm-crm-forged")["metadata"]["uid"] == theirs["metadata"]["uid"]


def test_an_object_whose_owner_was_removed_is_not_ours_any_more(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal())
    tenant.ready()

    orphan = tenant.change(PROMETHEUS_RULE, "crm-crm-meta", {"metadata": {"ownerReferences": None}})

    tenant.says("Applied", "False", "NameConflict", within=5)
    assert (
        tenant.look(PROMETHEUS_RULE, "crm-crm-meta")["metadata"]["resourceVersion"]
        == (orphan["metadata"]["resourceVersion"])
    )
    tenant.delete(PROMETHEUS_RULE, "crm-crm-meta")
    tenant.ready(within=5)


def test_mode_observe_writes_nothing_but_the_status(operator: RunningOperator, tenant: Tenant) -> None:
    mark = operator.mark()

    tenant.monitor(minimal({"mode": "Observe", "workload": {"env": {"logLevel": "INFO"}}}))
    tenant.says("Applied", "False", "ObserveOnly")
    operator.settle()

    assert tenant.children() == {}
    assert "env" not in tenant.container()
    assert set(tenant.states().values()) == {"WouldCreate", "WouldChange"}
    assert tenant.states()["Deployment crm-api"] == "WouldChange"
    assert operator.writes(mark) == {"patch crmmonitorings/status": 1}


def test_a_switch_to_observe_and_back_shows_and_then_makes_the_difference(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.secret("crm-alerting", url="https://hooks.example.com/one")
    tenant.create(ALERTMANAGER, "crm", {"spec": {}})
    receiver = {"name": "hook", "webhook": {"urlSecretRef": {"name": "crm-alerting", "key": "url"}}}
    tenant.monitor(minimal({"notifications": {"receivers": [receiver]}}))
    tenant.ready()
    before = {**tenant.children(), "merged": tenant.look(SECRET, "alertmanager-crm")}

    tenant.edit({"mode": "Observe"})
    tenant.ready()
    tenant.edit({"metrics": {"monitor": "PodMonitor"}, "alerts": {"extraLabels": {"team": "crm"}}})
    tenant.says("Ready", "False", "ObserveOnly")
    tenant.edit({"notifications": {"repeatInterval": "4h"}})
    tenant.says("Ready", "False", "ObserveOnly")
    operator.settle()

    assert tenant.states() == {
        "ConfigMap crm-crm-dashboards": "InSync",
        "PodMonitor crm-crm-metrics": "WouldCreate",
        "PrometheusRule crm-crm-meta": "WouldChange",
        "PrometheusRule crm-crm-stock": "WouldChange",
        "Secret alertmanager-crm": "WouldChange",
        "ServiceMonitor crm-crm-metrics": "WouldDelete",
    }
    assert {**tenant.children(), "merged": tenant.look(SECRET, "alertmanager-crm")} == before

    tenant.edit({"mode": "Enforce"})
    tenant.ready()
    assert set(tenant.states().values()) == {"InSync"}
    assert not tenant.look(SERVICE_MONITOR, "crm-crm-metrics")


def test_drift_in_mode_observe_is_shown_and_left(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal())
    tenant.ready()
    tenant.edit({"mode": "Observe"})
    tenant.ready()

    tenant.delete(PROMETHEUS_RULE, "crm-crm-stock")
    tenant.says("Applied", "False", "ObserveOnly", within=5)
    operator.settle()

    assert tenant.states()["PrometheusRule crm-crm-stock"] == "WouldCreate"
    assert not tenant.look(PROMETHEUS_RULE, "crm-crm-stock")


def test_an_invalid_resource_is_explained_and_its_last_good_objects_stay(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({"alerts": {"custom": [SOUND]}}))
    tenant.ready()
    good = tenant.children()

    tenant.edit({"alerts": {"custom": [BROKEN]}, "metrics": {"interval": "20s", "scrapeTimeout": "10s"}})
    message = tenant.says("Valid", "False", "InvalidSpec")
    operator.settle()

    assert "spec.alerts.custom[0].expr" in message
    assert tenant.children() == good
    assert set(tenant.states().values()) == {"Held"}
    assert tenant.condition("Stalled")["status"] == "True"

    tenant.edit({"alerts": {"custom": [SOUND]}})
    tenant.ready()
    assert tenant.look(SERVICE_MONITOR, "crm-crm-metrics")["spec"]["endpoints"][0]["interval"] == "20s"
    assert not tenant.condition("Stalled")
    assert {event["reason"] for event in tenant.events()} == {"Ready", "Invalid"}


def test_objects_of_an_invalid_resource_come_back_when_deleted_only_once_it_is_valid(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({"alerts": {"custom": [SOUND]}}))
    tenant.ready()
    tenant.edit({"alerts": {"custom": [BROKEN]}})
    tenant.says("Valid", "False", "InvalidSpec")

    tenant.delete(PROMETHEUS_RULE, "crm-crm-stock")
    eventually(lambda: "PrometheusRule crm-crm-stock" not in tenant.states(), within=5)

    tenant.edit({"alerts": {"custom": [SOUND]}})
    tenant.ready()
    assert tenant.look(PROMETHEUS_RULE, "crm-crm-stock")


def test_more_problems_than_an_event_can_hold_are_cut_and_still_posted(
    operator: RunningOperator, tenant: Tenant
) -> None:
    custom: list[dict[str, Any]] = [{**BROKEN, "alert": f"Broken{'X' * 40}{number}"} for number in range(20)]
    tenant.monitor(minimal({"alerts": {"custom": custom}}))
    tenant.says("Valid", "False", "InvalidSpec")

    (event,) = eventually(lambda: tenant.events("Invalid"))

    assert len(event["note"].encode()) <= 1024
    assert event["note"].endswith("…")
