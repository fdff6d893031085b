"""The chart's admission policy on a real API server: nobody gains by a CRMMonitoring what they could not do by hand."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from support.admission import AUTHOR, DEPLOYER, NAMESPACE, READER, SECRET, World, permissions, policy
from support.kinds import install_ours
from support.live import eventually
from support.resources import merged
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

REF = {"name": SECRET, "key": "value"}

KINDS: dict[str, dict[str, Any]] = {
    "pagerduty.routingKeySecretRef": {"pagerduty": {"routingKeySecretRef": REF}},
    "slack.webhookUrlSecretRef": {"slack": {"webhookUrlSecretRef": REF}},
    "webhook.urlSecretRef": {"webhook": {"urlSecretRef": REF}},
    "email.authPasswordSecretRef": {
        "email": {
            "to": ["ops@example.com"],
            "from": "crm@example.com",
            "smarthost": "smtp.example.com:587",
            "authUsername": "crm",
            "authPasswordSecretRef": REF,
        }
    },
}
OWN = {"name": "own", "webhook": {"urlSecretRef": {"name": "own", "key": "url"}}}
"""A receiver whose Secret every author may get."""


def receivers(kind: Mapping[str, Any], at: int = 0) -> dict[str, Any]:
    """Return a spec with a receiver at a position, and harmless ones around it."""
    listed = [{**OWN, "name": f"own{number}"} for number in range(10)]
    listed[at] = {"name": "asked", **kind}
    return {"notifications": {"receivers": listed}}


FULL: dict[str, Any] = {
    "metrics": {"scheme": "https", "tls": {"caSecretRef": REF}, "bearerTokenSecretRef": REF},
    "notifications": {
        "receivers": [{"name": f"r{number}", **list(KINDS.values())[number % len(KINDS)]} for number in range(10)],
        "watchdog": {"urlSecretRef": REF},
    },
    "workload": {"env": {"logLevel": "INFO"}},
}
"""Every slot filled."""


@pytest.fixture(scope="module")
def world(tool: Any) -> Iterator[World]:
    """Run a control plane with the policy in force."""
    for name in ("kube-apiserver", "etcd", "kubectl", "helm"):
        tool(name)
    with ControlPlane(controller_manager=True, users={AUTHOR: [], READER: [], DEPLOYER: []}) as plane:
        install_ours(plane)
        plane.create_namespace(NAMESPACE)
        plane.apply(permissions())
        plane.apply(yaml.safe_dump_all(policy()))
        world = World(plane)
        # The API server takes note of policies and roles a moment after they are written.
        eventually(lambda: world.author(AUTHOR).create(FULL).status == 403, within=30)
        eventually(lambda: world.author(READER).create(receivers(KINDS["webhook.urlSecretRef"])).status == 201)
        yield world


SLOTS: dict[str, dict[str, Any]] = {
    "spec.metrics.tls.caSecretRef": {"metrics": {"scheme": "https", "tls": {"caSecretRef": REF}}},
    "spec.metrics.bearerTokenSecretRef": {"metrics": {"bearerTokenSecretRef": REF}},
    "spec.notifications.watchdog.urlSecretRef": {
        "notifications": {"receivers": [OWN], "watchdog": {"urlSecretRef": REF}}
    },
    **{
        f"spec.notifications.receivers[{at}].{field}": receivers(kind, at)
        for at in range(10)
        for field, kind in KINDS.items()
    },
}


@pytest.mark.parametrize("field", SLOTS)
def test_a_secret_that_the_author_may_not_get_is_refused_by_the_name_of_the_field(world: World, field: str) -> None:
    answer = world.author(AUTHOR).create(SLOTS[field])

    assert answer.status == 403, answer.body
    assert (
        f"{field}: {AUTHOR} may not get the Secret that it names, {SECRET} in namespace {NAMESPACE}"
        in answer.body["message"]
    )
    assert world.author(READER).create(SLOTS[field]).status == 201


def test_an_author_needs_no_right_on_secrets_to_name_none(world: World) -> None:
    assert world.author(AUTHOR).create({}).status == 201
    assert world.author(AUTHOR).create({"notifications": {"receivers": [OWN]}}).status == 201


def test_a_resource_with_every_slot_filled_is_within_the_cost_limit(world: World) -> None:
    assert world.admin.create(FULL).status == 201


def test_a_workload_that_the_author_may_not_patch_is_refused(world: World) -> None:
    spec = {"workload": {"env": {"logLevel": "INFO"}}}
    answer = world.author(AUTHOR).create(spec)

    assert answer.status == 403
    assert (
        f"spec.workload: {AUTHOR} may not patch the workload that it changes, Deployment crm-api"
        in answer.body["message"]
    )
    assert world.author(DEPLOYER).create(spec).status == 201
    assert world.author(DEPLOYER).create({**spec, "target": {"name": "crm-other"}}).status == 403
    assert world.author(DEPLOYER).create({**spec, "target": {"kind": "StatefulSet", "name": "crm-api"}}).status == 403


UNCHANGED: dict[str, dict[str, Any]] = {
    "another field": {"spec": {"environment": "staging"}},
    "an annotation": {"metadata": {"annotations": {"example.com/a": "b"}}},
    "a finalizer": {"metadata": {"finalizers": ["monitoring.crm.io/workload"]}},
    "the scrape interval": {"spec": {"metrics": {"interval": "30s"}}},
    "the grouping of notifications": {"spec": {"notifications": {"repeatInterval": "6h"}}},
    "a removed watchdog": {"spec": {"notifications": {"watchdog": None}}},
    "a receiver less": {"spec": {"notifications": {"receivers": FULL["notifications"]["receivers"][1:]}}},
    "the order of receivers": {"spec": {"notifications": {"receivers": FULL["notifications"]["receivers"][::-1]}}},
    "a removed workload block": {"spec": {"workload": None}},
}


@pytest.mark.parametrize("change", UNCHANGED)
def test_who_may_not_get_the_secrets_may_still_change(world: World, change: str) -> None:
    answer = world.author(AUTHOR).patch(world.existing(FULL), UNCHANGED[change])

    assert answer.status == 200, answer.body


def _email(**change: Any) -> dict[str, Any]:
    email = merged(KINDS["email.authPasswordSecretRef"]["email"], change)
    return {"spec": {"notifications": {"receivers": [{"name": "email", "email": email}]}}}


REDIRECTED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "the SMTP password to another server": (
        _email()["spec"],
        _email(smarthost="attacker.example.com:25"),
        "receivers[0].email.authPasswordSecretRef",
    ),
    "the SMTP password over an open line": (
        _email()["spec"],
        _email(requireTls=False),
        "receivers[0].email.authPasswordSecretRef",
    ),
    "a routing key to a webhook": (
        receivers(KINDS["pagerduty.routingKeySecretRef"]),
        {"spec": receivers(KINDS["webhook.urlSecretRef"])},
        "receivers[0].webhook.urlSecretRef",
    ),
    "another key of the same Secret": (
        receivers(KINDS["slack.webhookUrlSecretRef"]),
        {"spec": receivers({"slack": {"webhookUrlSecretRef": {**REF, "key": "other"}}})},
        "receivers[0].slack.webhookUrlSecretRef",
    ),
    "the bearer token to other pods": (
        {"metrics": {"bearerTokenSecretRef": REF}},
        {"spec": {"target": {"name": "attacker"}}},
        "spec.metrics.bearerTokenSecretRef",
    ),
    "the bearer token to another port": (
        {"metrics": {"bearerTokenSecretRef": REF}},
        {"spec": {"metrics": {"port": "debug"}}},
        "spec.metrics.bearerTokenSecretRef",
    ),
    "all credentials into another Secret": (
        receivers(KINDS["webhook.urlSecretRef"]),
        {"spec": {"notifications": {"secretName": "own"}}},
        "receivers[0].webhook.urlSecretRef",
    ),
    "the heartbeat's address into another Secret": (
        SLOTS["spec.notifications.watchdog.urlSecretRef"],
        {"spec": {"notifications": {"secretName": "mine"}}},
        "spec.notifications.watchdog.urlSecretRef",
    ),
}


@pytest.mark.parametrize("way", REDIRECTED)
def test_who_may_not_get_the_secret_cannot_redirect(world: World, way: str) -> None:
    spec, change, field = REDIRECTED[way]
    name = world.existing(spec)

    answer = world.author(AUTHOR).patch(name, change)

    assert answer.status == 403, answer.body
    assert field in answer.body["message"]
    assert world.author(READER).patch(name, change).status == 200


def test_a_change_of_the_workload_block_or_of_its_target_needs_the_right_to_patch_it(world: World) -> None:
    name = world.existing({"workload": {"env": {"logLevel": "INFO"}}})

    assert world.author(AUTHOR).patch(name, {"spec": {"workload": {"env": {"logLevel": "DEBUG"}}}}).status == 403
    assert world.author(AUTHOR).patch(name, {"spec": {"target": {"name": "other"}}}).status == 403
    assert world.author(DEPLOYER).patch(name, {"spec": {"workload": {"env": {"logLevel": "DEBUG"}}}}).status == 200


def test_who_writes_a_status_needs_no_right_on_secrets(world: World) -> None:
    answer = world.author(AUTHOR).patch(world.existing(FULL), {"status": {"observedGeneration": 1}}, "/status")

    assert answer.status == 200, answer.body


def warnings(world: World, name: str) -> list[Any]:
    """Wait until the controller has compared the expressions with our schema; return what it found."""
    path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}"
    status = eventually(lambda: world.plane.api.request("GET", path).body.get("status"), within=30)
    return list(status["typeChecking"].get("expressionWarnings", ()))


def test_every_field_in_an_expression_is_a_field_of_the_schema(world: World) -> None:
    ours, _ = policy()
    wrong = copy.deepcopy(ours)
    wrong["metadata"]["name"] = "wrong"
    wrong["spec"].pop("variables")
    wrong["spec"]["validations"] = [{"expression": "object.spec.target.nme == 'a'"}]
    world.plane.apply(yaml.safe_dump(wrong))

    assert warnings(world, ours["metadata"]["name"]) == []
    assert warnings(world, "wrong") != []
