"""What becomes of the objects after their resource or their namespace is deleted, with a real garbage collector."""

from pathlib import Path

import pytest

from crm_monitoring.manifest import CONFIG_MAP, CRM_MONITORING, SECRET
from support.kinds import install_ours, install_theirs
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import RunningOperator, Start
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

HOOK = {"name": "hook", "webhook": {"urlSecretRef": {"name": "crm-alerting", "key": "url"}}}


@pytest.fixture
def tenant(managed_control_plane: ControlPlane, request: pytest.FixtureRequest) -> Tenant:
    """Return a namespace in a cluster with a garbage collector, in which a CRM is deployed."""
    install_theirs(managed_control_plane)
    install_ours(managed_control_plane)
    tenant = Tenant(managed_control_plane, request.node.name.replace("_", "-")[5:45].strip("-"))
    managed_control_plane.create_namespace(tenant.name)
    tenant.deploy()
    tenant.secret("crm-alerting", url="https://hooks.example.com/one")
    return tenant


def test_objects_go_with_their_resource(start: Start, tenant: Tenant) -> None:
    operator = start(tenant.plane, f"{tenant.name}-op", tenant.name)
    tenant.monitor(minimal({"notifications": {"receivers": [HOOK]}}))
    tenant.ready()
    assert tenant.look(SECRET, "alertmanager-crm")

    tenant.delete(CRM_MONITORING, "crm")

    # The garbage collector looks for new kinds every 30 seconds; only then it knows the owner and its other objects.
    eventually(lambda: not tenant.look(SECRET, "alertmanager-crm"), within=60)
    eventually(lambda: not tenant.look(CONFIG_MAP, "crm-crm-dashboards"), within=60)
    eventually(lambda: not tenant.children(), within=60)
    operator.settle()


def test_a_resource_that_is_made_again_at_once_waits_for_the_objects_of_its_predecessor(
    start: Start, tenant: Tenant
) -> None:
    operator = start(tenant.plane, f"{tenant.name}-op", tenant.name)
    tenant.monitor(minimal())
    tenant.ready()
    operator.settle()

    tenant.delete(CRM_MONITORING, "crm")
    created = tenant.monitor(minimal())

    tenant.ready(within=60)
    owners = {child["metadata"]["ownerReferences"][0]["uid"] for child in tenant.children().values()}
    assert owners == {created["metadata"]["uid"]}
    assert {event["reason"] for event in tenant.events()} <= {"Ready", "NotReady"}


def test_a_namespace_goes_away_although_its_resource_has_our_finalizer(start: Start, tenant: Tenant) -> None:
    operator = start(tenant.plane, f"{tenant.name}-op")
    operator.may_be_refused = tenant.name
    workload = {"env": {"logLevel": "INFO"}, "deletionPolicy": "Remove"}
    tenant.monitor(minimal({"notifications": {"receivers": [HOOK]}, "workload": workload}))
    tenant.ready()
    mark = operator.mark()

    tenant.plane.kubectl("delete", "namespace", tenant.name, "--wait=false")

    path = f"/api/v1/namespaces/{tenant.name}"
    eventually(lambda: tenant.plane.api.request("GET", path).status == 404, within=60)
    operator.settle()
    assert operator.running
    assert sum(operator.writes(mark).values()) < 20


def test_namespaces_of_a_list_go_away_although_their_permissions_go_with_them(
    managed_control_plane: ControlPlane, tenant: Tenant, tmp_path: Path
) -> None:
    """Several at once: Kubernetes deletes the permissions in no particular order, sometimes before the resource."""
    plane = managed_control_plane
    tenants = [Tenant(plane, f"{tenant.name}-{number}") for number in range(5)]
    for each in tenants:
        plane.create_namespace(each.name)
        each.deploy()
    names = [each.name for each in tenants]
    with RunningOperator(plane, f"{tenant.name}-op", tmp_path, namespaces=names) as operator:
        for each in tenants:
            each.monitor(minimal({"workload": {"env": {"logLevel": "INFO"}, "deletionPolicy": "Remove"}}))
        for each in tenants:
            each.ready()
            assert each.look(CRM_MONITORING, "crm")["metadata"]["finalizers"]

        plane.kubectl("delete", "namespace", *names, "--wait=false")

        for name in names:
            path = f"/api/v1/namespaces/{name}"
            eventually(lambda path=path: plane.api.request("GET", path).status == 404, within=60)  # type: ignore[misc]
        assert operator.running
