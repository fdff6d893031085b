"""The operator and the workload: whose it is, and how it lets go."""

from typing import Any

import pytest

from crm_monitoring.manifest import CRM_MONITORING, DEPLOYMENT
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import RunningOperator

pytestmark = pytest.mark.integration

MANAGER = "crm-monitoring-operator"
FINALIZER = "monitoring.crm.io/workload"
WORKLOAD: dict[str, Any] = {"probes": {"readiness": {}}, "env": {"logLevel": "INFO"}}


def holds(tenant: Tenant) -> bool:
    """Say whether fields of the Deployment are ours."""
    managers = {entry["manager"] for entry in tenant.look(DEPLOYMENT, "crm-api")["metadata"]["managedFields"]}
    return MANAGER in managers


def level(tenant: Tenant) -> str:
    """Return the log level in the environment of the workload, empty when there is none."""
    values = {entry["name"]: entry["value"] for entry in tenant.container().get("env", ())}
    return str(values.get("CRM_LOG_LEVEL", ""))


def test_a_workload_gets_its_probe_and_variables_by_one_rollout(operator: RunningOperator, tenant: Tenant) -> None:
    mark = operator.mark()
    before = tenant.look(DEPLOYMENT, "crm-api")["metadata"]["generation"]

    tenant.monitor(minimal({"workload": WORKLOAD}))
    tenant.ready()
    operator.settle()

    assert tenant.container()["readinessProbe"]["httpGet"]["path"] == "/api/crm/health/readiness"
    assert level(tenant) == "INFO"
    assert operator.writes(mark)["patch deployments"] == 1
    assert tenant.look(DEPLOYMENT, "crm-api")["metadata"]["generation"] == before + 1
    (event,) = tenant.events("WorkloadChanged")
    assert "restarts its pods" in event["note"]


def test_a_removed_block_gives_the_fields_back_and_keeps_their_values(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({"workload": WORKLOAD}))
    tenant.ready()
    template = tenant.look(DEPLOYMENT, "crm-api")["spec"]["template"]

    tenant.edit({"workload": None})
    tenant.ready()

    eventually(lambda: not holds(tenant), within=5)
    assert tenant.look(DEPLOYMENT, "crm-api")["spec"]["template"] == template
    assert not tenant.condition("WorkloadConfigured")


def test_the_older_of_two_resources_has_the_workload_and_the_younger_takes_over(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({"workload": {"env": {"logLevel": "INFO"}}}), "older")
    tenant.ready("older")
    eventually(lambda: _later_than(tenant, "older"))
    tenant.monitor(minimal({"workload": {"env": {"metricsPort": 8000}}}), "younger")
    message = tenant.says("WorkloadConfigured", "False", "TargetClaimed", "younger")
    assert "older" in message
    assert level(tenant) == "INFO"

    tenant.delete(CRM_MONITORING, "older")

    eventually(lambda: tenant.condition("WorkloadConfigured", "younger")["reason"] != "TargetClaimed", within=5)
    assert tenant.condition("WorkloadConfigured", "younger")["reason"] in ("RateLimited", "Configured")


def test_the_finalizer_takes_the_fields_off_before_the_resource_goes(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal({"workload": {**WORKLOAD, "deletionPolicy": "Remove"}}))
    tenant.ready()
    assert tenant.look(CRM_MONITORING, "crm")["metadata"]["finalizers"] == [FINALIZER]

    tenant.delete(CRM_MONITORING, "crm")

    eventually(lambda: not tenant.look(CRM_MONITORING, "crm"), within=5)
    assert "readinessProbe" not in tenant.container()
    assert level(tenant) == ""
    assert not holds(tenant)


def test_a_resource_with_the_finalizer_goes_although_its_workload_is_gone(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({"workload": {**WORKLOAD, "deletionPolicy": "Remove"}}))
    tenant.ready()
    tenant.delete(DEPLOYMENT, "crm-api")
    tenant.says("ScrapeConfigured", "False", "TargetNotFound", within=5)

    tenant.delete(CRM_MONITORING, "crm")

    eventually(lambda: not tenant.look(CRM_MONITORING, "crm"), within=5)


def test_an_invalid_resource_with_the_finalizer_can_be_deleted(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal({"workload": {**WORKLOAD, "deletionPolicy": "Remove"}}))
    tenant.ready()
    broken = {"alert": "Broken", "expr": "sum(", "severity": "low", "summary": "s"}
    tenant.edit({"alerts": {"custom": [broken]}})
    tenant.says("Valid", "False", "InvalidSpec")

    tenant.delete(CRM_MONITORING, "crm")

    eventually(lambda: not tenant.look(CRM_MONITORING, "crm"), within=5)
    assert not holds(tenant)


def test_a_policy_of_retain_needs_no_finalizer_and_drops_one_that_it_finds(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({"workload": {**WORKLOAD, "deletionPolicy": "Remove"}}))
    tenant.ready()

    tenant.edit({"workload": {"deletionPolicy": "Retain"}})
    tenant.ready()
    assert not tenant.look(CRM_MONITORING, "crm")["metadata"].get("finalizers")

    tenant.delete(CRM_MONITORING, "crm")
    eventually(lambda: not holds(tenant), within=5)
    assert level(tenant) == "INFO"


def test_another_target_releases_the_first(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.deploy("crm-worker")
    tenant.monitor(minimal({"workload": WORKLOAD}))
    tenant.ready()

    tenant.edit({"target": {"name": "crm-worker"}})
    tenant.ready()

    eventually(lambda: not holds(tenant), within=5)
    assert "readinessProbe" in tenant.container("crm-worker")


def _later_than(tenant: Tenant, name: str) -> bool:
    """Say whether an object created now has a later creation time than this one: they are in whole seconds."""
    then = tenant.look(CRM_MONITORING, name)["metadata"]["creationTimestamp"]
    tenant.plane.create_namespace("clock")
    dry = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "clock"}}
    answer = tenant.plane.api.request("POST", "/api/v1/namespaces/clock/configmaps?dryRun=All", dry)
    return str(answer.body["metadata"]["creationTimestamp"]) > str(then)
