"""The permissions of the chart: everything that is used is granted, and everything that is granted is used."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from crm_monitoring.manifest import (
    ALERTMANAGER,
    CHILD_KINDS,
    CONFIG_MAP,
    CRM_MONITORING,
    DEPLOYMENT,
    PROMETHEUS,
    PROMETHEUS_RULE,
    SECRET,
    STATEFUL_SET,
)
from support.kinds import install_ours, install_theirs
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import Start
from testbed import role
from testbed.audit import AuditEvent
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

Permission = tuple[str, str, str]
"""API group, resource and verb, as RBAC writes them."""

HOOK = {"name": "hook", "webhook": {"urlSecretRef": {"name": "crm-alerting", "key": "url"}}}
REMOVE: dict[str, Any] = {"env": {"logLevel": "INFO"}, "deletionPolicy": "Remove"}


def granted(*places: str) -> set[Permission]:
    """Return what the chart grants in these places."""
    rules = role.rules()
    return {
        (group, resource, verb)
        for place in places
        for rule in rules[place]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(events: Iterable[AuditEvent]) -> set[Permission]:
    """Return which permissions requests needed; an apply that creates needs both patch and create."""
    needed = set()
    for event in events:
        resource = event.resource + (f"/{event.subresource}" if event.subresource else "")
        if resource:
            needed.add((event.group, resource, event.verb))
        if event.verb == "patch" and event.code == 201:
            needed.add((event.group, resource, "create"))
    return needed


SCOPES: dict[str, tuple[Callable[[str], tuple[str, ...]], tuple[str, ...]]] = {
    "one namespace": (lambda name: (name,), ("watched", "listed")),
    "the whole cluster": (lambda _: (), ("watched", "cluster")),
}
"""Which namespaces the operator is told, and what the chart grants it besides its Lease."""


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Run an API server apart: an operator of the whole cluster would serve the resources of other tests, too."""
    with ControlPlane() as plane:
        install_theirs(plane, {*CHILD_KINDS, PROMETHEUS, ALERTMANAGER} - {CONFIG_MAP})
        install_ours(plane)
        yield plane


@pytest.mark.parametrize("scope", SCOPES)
def test_a_full_life_needs_every_permission_and_no_other(start: Start, plane: ControlPlane, scope: str) -> None:
    told, places = SCOPES[scope]
    tenant = Tenant(plane, f"crm-{len(told(scope))}")
    plane.create_namespace(tenant.name)
    tenant.deploy()
    flags = ("--resync-seconds", "2", "--poll-seconds", "1", "--prober", "blackbox.monitoring:9115")
    operator = start(plane, f"{tenant.name}-operator", *told(tenant.name), flags=flags)
    _stateful(tenant)
    tenant.secret("crm-alerting", url="https://hooks.example.com/one")

    _live(tenant)
    if told(tenant.name):
        eventually(lambda: [event for event in operator.requests() if event.resource == "namespaces"])
    _leave(tenant)
    operator.settle()
    operator.end()

    asked = [event for event in operator.requests() if event.resource]
    own = [event for event in asked if event.namespace == operator.own_namespace]
    assert used(own) == granted("own")
    assert used(event for event in asked if event not in own) == granted(*places)
    everywhere = {""} if scope == "the whole cluster" else set()
    assert {event.namespace for event in asked} == {tenant.name, operator.own_namespace} | everywhere
    assert {event.verb for event in asked if not event.namespace} <= {"list", "watch"}
    secrets = [event for event in asked if event.resource == "secrets"]
    assert {event.name for event in secrets if event.verb != "get"} == {"alertmanager-crm"}


def _live(tenant: Tenant) -> None:
    """Take resources through everything that makes the operator ask for something."""
    custom = {
        "alert": "Quiet",
        "expr": "sum(rate(crm_communications_total[5m])) == 0",
        "severity": "low",
        "summary": "s",
    }
    spec = {"alerts": {"custom": [custom]}, "notifications": {"receivers": [HOOK]}, "workload": REMOVE, "blackbox": {}}
    _observed(tenant, spec)
    tenant.monitor(minimal({"target": {"kind": "StatefulSet", "name": "crm-worker"}, "workload": REMOVE}), "worker")
    tenant.says("Ready", "False", "NotSelected")
    eventually(lambda: tenant.look(SECRET, "alertmanager-crm"))
    tenant.edit({"metrics": {"monitor": "PodMonitor"}, "notifications": {"mode": "AlertmanagerConfig"}})
    eventually(lambda: "AlertmanagerConfig crm-crm-routing" in tenant.children() or len(tenant.children()) > 5)
    tenant.edit({"metrics": {"monitor": "None", "existingJob": "crm"}, "blackbox": None, "notifications": None})
    tenant.edit({"alerts": None, "dashboards": {"audiences": ["SLO"]}})
    tenant.ready()
    eventually(lambda: {kind.split()[0] for kind in tenant.children()} == {"PrometheusRule"})
    tenant.ready("worker")
    tenant.delete(PROMETHEUS_RULE, "crm-crm-stock")
    eventually(lambda: tenant.look(PROMETHEUS_RULE, "crm-crm-stock"))


def _leave(tenant: Tenant) -> None:
    """Delete the resources, and wait until their finalizers let them go."""
    for name in ("crm", "worker"):
        tenant.delete(CRM_MONITORING, name)
        eventually(lambda name=name: not tenant.look(CRM_MONITORING, name))  # type: ignore[misc]


def _observed(tenant: Tenant, spec: dict[str, Any]) -> None:
    """Create a resource that at first only says what it would write; for that, the operator reads what is there."""
    others = {
        "metrics": {"monitor": "PodMonitor"},
        "notifications": {**spec["notifications"], "mode": "AlertmanagerConfig"},
    }
    tenant.monitor(minimal({**spec, **others, "mode": "Observe"}))
    tenant.says("Applied", "False", "ObserveOnly")
    tenant.edit({"metrics": None, "notifications": {"mode": None}})
    tenant.says("Applied", "False", "ObserveOnly")
    tenant.edit({"mode": "Enforce"})


def _stateful(tenant: Tenant) -> None:
    """Create a StatefulSet like the Deployment that is there."""
    spec = tenant.look(DEPLOYMENT, "crm-api")["spec"]
    labels = {"app": "crm-worker"}
    template = {**spec["template"], "metadata": {"labels": labels}}
    tenant.create(STATEFUL_SET, "crm-worker", {"spec": {"selector": {"matchLabels": labels}, "template": template}})
