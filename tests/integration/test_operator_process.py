"""The process: how it ends, what it answers, and that many resources are no more trouble than one."""

import time

import pytest

from crm_monitoring.manifest import CRM_MONITORING, LEASE, PROMETHEUS_RULE
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import RunningOperator, Start

pytestmark = pytest.mark.integration

MANY = 200


def holder(operator: RunningOperator) -> str:
    """Return who holds the Lease."""
    lease = Tenant(operator.plane, operator.own_namespace).look(LEASE, "crm-monitoring-operator")
    return str(lease["spec"].get("holderIdentity", ""))


def test_a_stop_takes_less_than_two_seconds_and_gives_the_lease_back(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal())
    tenant.ready()
    assert holder(operator) == "operator-0"

    seconds = operator.stop()

    assert seconds < 2
    assert operator.exit_code == 0
    assert holder(operator) == ""
    assert operator.said("operator_stopping")


def test_a_stop_amid_work_is_as_fast_and_loses_nothing(operator: RunningOperator, tenant: Tenant) -> None:
    names = [f"crm-{number}" for number in range(30)]
    for name in names:
        tenant.monitor(minimal(), name)

    assert operator.stop() < 2
    assert operator.exit_code == 0
    assert holder(operator) == ""

    operator.start()
    for name in names:
        tenant.ready(name, within=30)


def test_a_second_replica_stands_by_and_takes_over(start: Start, tenant: Tenant) -> None:
    own = f"{tenant.name}-operator"
    first = start(tenant.plane, own, tenant.name)
    eventually(lambda: first.metric("crm_operator_leader") == 1)
    second = start(tenant.plane, own, tenant.name)
    tenant.monitor(minimal())
    tenant.ready()
    assert (first.metric("crm_operator_leader"), second.metric("crm_operator_leader")) == (1, 0)
    assert second.passes() == 0
    assert second.get("/readyz") == (200, "ok")

    first.stop()
    eventually(lambda: second.metric("crm_operator_leader") == 1, within=5)
    second.settle()
    mark = second.mark()
    tenant.delete(PROMETHEUS_RULE, "crm-crm-stock")

    eventually(lambda: tenant.look(PROMETHEUS_RULE, "crm-crm-stock"), within=2)
    assert second.writes(mark)["patch prometheusrules"] == 1


def test_two_hundred_resources_at_once_all_become_ready(operator: RunningOperator, tenant: Tenant) -> None:
    mark = operator.mark()
    names = [f"crm-{number}" for number in range(MANY)]

    for name in names:
        tenant.monitor(minimal({"environment": name}), name)
    began = time.monotonic()

    def ready() -> bool:
        listed = tenant.every(CRM_MONITORING)
        conditions = [(body["status"].get("conditions") or [{}])[0] for body in listed]
        assert [c.get("status") for c in conditions] == ["True"] * MANY
        return True

    eventually(ready, within=60)
    operator.settle()
    assert time.monotonic() - began < 60
    assert operator.writes(mark) == {
        "patch configmaps": MANY,
        "patch prometheusrules": 2 * MANY,
        "patch servicemonitors": MANY,
        "patch crmmonitorings/status": MANY,
        "create events": MANY,
    }
    assert operator.metric("crm_operator_resources", condition="Ready", status="True") == MANY


def test_the_endpoints_say_how_it_is(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal())
    tenant.ready()
    operator.settle()

    assert operator.get("/healthz") == (200, "ok")
    assert operator.get("/readyz") == (200, "ok")
    assert operator.get("/elsewhere")[0] == 404
    assert operator.metric("crm_operator_leader") == 1
    assert operator.metric("crm_operator_build_info") == 1
    assert operator.metric("crm_operator_reconcile_total", kind="CRMMonitoring", result="success") >= 1
    assert operator.metric("crm_operator_reconcile_total", result="error") == 0
    assert operator.metric("crm_operator_status_writes_total") == 1
    assert operator.metric("crm_operator_resources", condition="Ready", status="True") == 1
    assert (
        operator.metric("crm_operator_api_requests_total", verb="apply", kind="PrometheusRule", code="200")
        + (operator.metric("crm_operator_api_requests_total", verb="apply", kind="PrometheusRule", code="201"))
        == 2
    )


def test_more_resources_make_no_more_series(operator: RunningOperator, tenant: Tenant) -> None:
    def series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {(sample.name, tuple(sorted(sample.labels.items()))) for sample in operator.samples()}

    for name in ("crm-a", "crm-b"):
        tenant.monitor(minimal(), name)
        tenant.ready(name)
    tenant.delete(CRM_MONITORING, "crm-b")
    eventually(lambda: operator.metric("crm_operator_api_requests_total", kind="Lease", verb="patch"))
    operator.settle()
    before = series()

    names = [f"crm-{number}" for number in range(20)]
    for name in names:
        tenant.monitor(minimal(), name)
    for name in names:
        tenant.ready(name, within=30)
    operator.settle()

    assert series() == before
    assert not [
        labels for _, labels in before if tenant.name in dict(labels).values() or "crm-a" in dict(labels).values()
    ]
