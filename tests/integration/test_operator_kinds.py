"""Kinds that come and go while the operator runs: prometheus-operator's, and its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm_monitoring.manifest import CONFIG_MAP, CRM_MONITORING, PROMETHEUS_RULE
from support.kinds import NEEDED, install_ours, install_theirs, lenient, remove
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import Start
from testbed import binaries
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

SHORT = ("--resync-seconds", "2", "--poll-seconds", "2")

SCOPES: dict[str, Callable[[Tenant], tuple[str, ...]]] = {
    "the whole cluster": lambda _: (),
    "one namespace": lambda tenant: (tenant.name,),
}


@pytest.fixture(scope="module")
def bare_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Run a control plane in which a test may install and remove kinds."""
    binaries.crds()
    with ControlPlane() as plane:
        yield plane


@pytest.fixture
def tenant(bare_plane: ControlPlane, request: pytest.FixtureRequest) -> Tenant:
    """Return a namespace in which a CRM is deployed, in a cluster without any custom kind."""
    remove(bare_plane, CRM_MONITORING, *NEEDED)
    tenant = Tenant(bare_plane, f"test-{abs(hash(request.node.nodeid)):x}")
    bare_plane.create_namespace(tenant.name)
    tenant.deploy()
    return tenant


@pytest.mark.parametrize("scope", SCOPES)
def test_prometheus_operator_may_be_installed_later(start: Start, tenant: Tenant, scope: str) -> None:
    install_ours(tenant.plane)
    operator = start(tenant.plane, f"{tenant.name}-operator", *SCOPES[scope](tenant), flags=SHORT)
    tenant.monitor(minimal())
    message = tenant.says("Ready", "False", "DependencyMissing")
    assert "prometheusrules.monitoring.coreos.com" in message
    assert tenant.look(CONFIG_MAP, "crm-crm-dashboards")
    assert operator.get("/readyz") == (200, "ok")

    install_theirs(tenant.plane)

    tenant.ready(within=20)


def test_a_kind_that_is_removed_is_missed_and_taken_up_again(start: Start, tenant: Tenant) -> None:
    install_ours(tenant.plane)
    install_theirs(tenant.plane)
    operator = start(tenant.plane, f"{tenant.name}-operator", flags=SHORT)
    tenant.monitor(minimal())
    tenant.ready()
    operator.may_be_refused = tenant.name  # while a definition goes away, the API server answers 403 to an apply

    remove(tenant.plane, PROMETHEUS_RULE)

    tenant.says("Ready", "False", "DependencyMissing", within=20)
    assert operator.running
    assert operator.get("/healthz") == (200, "ok")

    install_theirs(tenant.plane)
    tenant.ready(within=20)
    assert tenant.look(PROMETHEUS_RULE, "crm-crm-stock")
    cluster = {event.what for event in operator.requests() if event.resource and not event.namespace}
    assert cluster >= {"list customresourcedefinitions", "watch customresourcedefinitions", "list crmmonitorings"}


@pytest.mark.parametrize("scope", SCOPES)
def test_our_own_kind_may_be_installed_later_and_removed_and_come_back(
    start: Start, tenant: Tenant, scope: str
) -> None:
    install_theirs(tenant.plane)
    operator = start(tenant.plane, f"{tenant.name}-operator", *SCOPES[scope](tenant))
    eventually(lambda: operator.metric("crm_operator_leader") == 1)

    install_ours(tenant.plane)
    tenant.monitor(minimal())
    tenant.ready(within=30)
    eventually(lambda: operator.get("/readyz")[0] == 200)
    tenant.edit({"environment": "staging"})
    tenant.ready(within=5)

    operator.kopf_may_complain = True
    remove(tenant.plane, CRM_MONITORING)
    eventually(lambda: operator.metric("crm_operator_resources") == 0, within=20)
    install_ours(tenant.plane)
    tenant.monitor(minimal(), "crm-b")
    tenant.ready("crm-b", within=30)
    tenant.edit({"environment": "staging"}, "crm-b")
    tenant.ready("crm-b", within=5)
    assert operator.running


NONSENSE: dict[str, Any] = {
    "a target of the wrong shape": {"target": "crm-api"},
    "a name that is a number": {"target": {"name": 5}},
    "no target": {"metrics": {}},
    "a mode that there is not": {"target": {"name": "crm-api"}, "mode": "Sometimes"},
    "a field that there is not": {"target": {"name": "crm-api"}, "alert": {}},
    "a list for a map": {"target": {"name": "crm-api"}, "notifications": [], "workload": []},
    "an exec probe": {
        "target": {"name": "crm-api"},
        "workload": {"probes": {"liveness": {"exec": {"command": ["x"]}}}},
    },
    "a reference to another namespace": {
        "target": {"name": "crm-api"},
        "metrics": {"bearerTokenSecretRef": {"name": "a", "key": "b", "namespace": "kube-system"}},
    },
}


def test_what_slips_past_the_schema_is_explained_and_does_not_stop_the_others(start: Start, tenant: Tenant) -> None:
    install_ours(tenant.plane, lenient())
    install_theirs(tenant.plane)
    operator = start(tenant.plane, f"{tenant.name}-operator", flags=SHORT)
    tenant.monitor(minimal())
    tenant.ready()
    good = tenant.children()

    for number, spec in enumerate(NONSENSE.values()):
        tenant.create(CRM_MONITORING, f"bad-{number}", {"spec": spec})
    tenant.create(CRM_MONITORING, "n" * 60, {"spec": {"target": {"name": "crm-api"}}})
    tenant.create(CRM_MONITORING, "no-spec", {})
    bad = [f"bad-{number}" for number in range(len(NONSENSE))] + ["n" * 60, "no-spec"]
    for name in bad:
        assert tenant.says("Valid", "False", "InvalidSpec", name)
        assert tenant.children(name) == {}

    tenant.edit({"target": {"name": 7}})
    assert "spec.target.name" in tenant.says("Valid", "False", "InvalidSpec")
    assert tenant.children() == good
    tenant.edit({"target": {"name": "crm-api"}})
    tenant.ready()
    assert operator.get("/metrics")[0] == 200
