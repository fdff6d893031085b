"""Notifications: one merged Secret for all who name it, credentials that come, change, break and go."""

from typing import Any

import pytest

from crm_monitoring.manifest import ALERTMANAGER, CONFIG_MAP, CRM_MONITORING, SECRET
from support.live import Tenant, encoded, eventually
from support.resources import minimal
from support.running import RunningOperator

pytestmark = pytest.mark.integration

MERGED = "alertmanager-crm"
HOOK = "https://hooks.example.com/services/"


def slack(secret: str = "crm-alerting") -> dict[str, Any]:
    """Return the spec of a resource that tells Slack, by a webhook in this Secret."""
    reference = {"name": secret, "key": "slack-webhook-url"}
    return {"notifications": {"receivers": [{"name": "slack", "slack": {"webhookUrlSecretRef": reference}}]}}


def hook_of(tenant: Tenant, resource: str = "crm") -> str:
    """Return the webhook in the merged Secret, empty when there is none."""
    receiver = tenant.receivers().get(f"{tenant.name}/{resource}/slack")
    return str(receiver["slack_configs"][0]["api_url"]) if receiver else ""


@pytest.fixture
def tenant(tenant: Tenant) -> Tenant:
    """Add an Alertmanager that loads the merged Secret, and the credential."""
    tenant.create(ALERTMANAGER, "crm", {"spec": {}})
    tenant.secret("crm-alerting", **{"slack-webhook-url": f"{HOOK}one"})
    return tenant


def test_an_alertmanager_of_the_right_name_makes_notifications_configured(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.delete(ALERTMANAGER, "crm")
    tenant.monitor(minimal(slack()))
    message = tenant.says("NotificationsConfigured", "False", "NotSelected")
    assert MERGED in message
    assert tenant.condition("Ready")["reason"] == "NotSelected"

    tenant.create(ALERTMANAGER, "other", {"spec": {}})
    tenant.create(ALERTMANAGER, "crm", {"spec": {}})
    tenant.ready(within=5)
    assert tenant.condition("NotificationsConfigured")["status"] == "True"

    tenant.change(ALERTMANAGER, "crm", {"spec": {"configSecret": "elsewhere"}})
    tenant.says("NotificationsConfigured", "False", "NotSelected", within=5)


def test_a_rotated_credential_reaches_the_merged_secret(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(slack()))
    tenant.ready()
    assert hook_of(tenant) == f"{HOOK}one"
    operator.settle()
    mark = operator.mark()

    tenant.rotate("crm-alerting", **{"slack-webhook-url": f"{HOOK}two"})

    eventually(lambda: hook_of(tenant) == f"{HOOK}two", within=5)
    operator.settle()
    tenant.ready()
    assert operator.writes(mark)["patch secrets"] == 1
    assert operator.writes(mark)["patch crmmonitorings/status"] == 0


def test_a_missing_secret_keeps_the_last_good_configuration_over_a_restart_too(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal(slack()))
    tenant.ready()
    good = tenant.look(SECRET, MERGED)

    tenant.delete(SECRET, "crm-alerting")
    message = tenant.says("NotificationsConfigured", "False", "SecretMissing", within=5)
    assert "crm-alerting" in message
    assert f"kubectl -n {tenant.name} create secret" in message
    assert tenant.states()[f"Secret {MERGED}"] == "Held"
    operator.stop()
    operator.start()
    eventually(operator.passes)
    operator.settle()
    assert tenant.look(SECRET, MERGED) == good
    assert tenant.condition("NotificationsConfigured")["reason"] == "SecretMissing"

    tenant.secret("crm-alerting", **{"slack-webhook-url": f"{HOOK}three"})
    tenant.ready(within=6)
    assert hook_of(tenant) == f"{HOOK}three"


def test_a_missing_key_holds_back_the_receiver_and_is_named(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.change(SECRET, "crm-alerting", {"data": {"slack-webhook-url": None, "other": encoded("x")}})
    tenant.monitor(minimal(slack()))

    message = tenant.says("NotificationsConfigured", "False", "SecretMissing")

    assert "has no key slack-webhook-url" in message
    assert not tenant.look(SECRET, MERGED)
    tenant.rotate("crm-alerting", **{"slack-webhook-url": f"{HOOK}one"})
    tenant.ready(within=6)


DANGEROUS: dict[str, tuple[str, dict[str, Any]]] = {
    "the token of a service account": (
        "kubernetes.io/service-account-token",
        {"annotations": {"kubernetes.io/service-account.name": "default"}},
    ),
    "a release of Helm": ("helm.sh/release.v1", {}),
    "a token that lets nodes join": ("bootstrap.kubernetes.io/token", {}),
}


@pytest.mark.parametrize("what", DANGEROUS)
def test_a_secret_that_is_there_for_others_is_not_read(operator: RunningOperator, tenant: Tenant, what: str) -> None:
    type_, metadata = DANGEROUS[what]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    tenant.plane.api.request("POST", f"/api/v1/namespaces/{tenant.name}/serviceaccounts", account)
    stolen = f"{HOOK}stolen"
    tenant.create(SECRET, "theirs", {"type": type_, "data": {"slack-webhook-url": encoded(stolen)}}, **metadata)

    tenant.monitor(minimal(slack("theirs")))
    message = tenant.says("NotificationsConfigured", "False", "SecretRefused")
    operator.settle()

    assert message.startswith(
        f"spec.notifications.receivers[0].slack.webhookUrlSecretRef: Secret theirs is of type {type_}"
    )
    assert tenant.condition("Ready")["reason"] == "SecretRefused"
    assert tenant.condition("Stalled")["status"] == "True"
    (event,) = eventually(lambda: tenant.events("SecretRefused"))
    assert (event["type"], event["note"]) == ("Warning", tenant.condition("Ready")["message"])
    assert "spec.notifications.receivers[0].slack.webhookUrlSecretRef" in event["note"]
    assert not tenant.look(SECRET, MERGED)

    tenant.edit(slack())
    tenant.ready()
    assert hook_of(tenant) == f"{HOOK}one"


def test_a_bad_credential_of_one_resource_leaves_the_other_alone(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.secret("bad", **{"slack-webhook-url": "http://not-https.example.com"})
    tenant.monitor(minimal(slack()), "crm")
    tenant.monitor(minimal({**slack("bad"), "environment": "staging"}), "crm-b")

    message = tenant.says("NotificationsConfigured", "False", "SecretInvalid", "crm-b")
    tenant.ready("crm")
    assert "not-https" not in message
    assert set(tenant.receivers()) >= {f"{tenant.name}/crm/slack"}
    assert f"{tenant.name}/crm-b/slack" not in tenant.receivers()

    tenant.rotate("bad", **{"slack-webhook-url": f"{HOOK}b"})
    tenant.ready("crm-b", within=6)
    assert (hook_of(tenant, "crm"), hook_of(tenant, "crm-b")) == (f"{HOOK}one", f"{HOOK}b")

    tenant.rotate("bad", **{"slack-webhook-url": "nonsense"})
    tenant.says("NotificationsConfigured", "False", "SecretInvalid", "crm-b", within=6)
    assert hook_of(tenant, "crm-b") == f"{HOOK}b"


def test_a_deleted_resource_takes_only_its_own_routes_along(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(slack()), "crm")
    tenant.monitor(minimal(slack()), "crm-b")
    tenant.ready("crm")
    tenant.ready("crm-b")
    assert len(tenant.look(SECRET, MERGED)["metadata"]["ownerReferences"]) == 2

    tenant.delete(CRM_MONITORING, "crm-b")

    eventually(lambda: not hook_of(tenant, "crm-b"), within=5)
    assert hook_of(tenant, "crm") == f"{HOOK}one"
    assert len(tenant.routing()["route"]["routes"]) == 1
    (owner,) = tenant.look(SECRET, MERGED)["metadata"]["ownerReferences"]
    assert owner["name"] == "crm"

    tenant.edit({"notifications": None})
    eventually(lambda: not tenant.look(SECRET, MERGED), within=5)


HAND = {
    "its content was replaced": {"data": {"alertmanager.yaml": encoded("route: {receiver: x}\n")}},
    "a key was added": {"data": {"templates.tmpl": encoded("x")}},
    "its content is no text at all": {"data": {"alertmanager.yaml": "AAD/"}},
}


@pytest.mark.parametrize("what", HAND)
def test_an_edit_of_the_merged_secret_by_hand_is_undone(operator: RunningOperator, tenant: Tenant, what: str) -> None:
    tenant.monitor(minimal(slack()))
    tenant.ready()
    good = tenant.look(SECRET, MERGED)["data"]

    tenant.change(SECRET, MERGED, HAND[what])

    eventually(lambda: tenant.look(SECRET, MERGED)["data"] == good, within=5)
    tenant.ready()


def test_a_deleted_merged_secret_is_back(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(slack()))
    tenant.ready()
    good = tenant.look(SECRET, MERGED)["data"]

    tenant.delete(SECRET, MERGED)

    assert eventually(lambda: tenant.look(SECRET, MERGED), within=5)["data"] == good


def test_a_secret_that_somebody_else_made_is_not_touched(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.secret(MERGED, **{"alertmanager.yaml": "route: {receiver: theirs}"})
    theirs = tenant.look(SECRET, MERGED)

    tenant.monitor(minimal(slack()))
    message = tenant.says("NotificationsConfigured", "False", "NameConflict")

    assert MERGED in message
    operator.settle()
    assert tenant.look(SECRET, MERGED) == theirs
    assert [event["reason"] for event in tenant.events()] == ["NameConflict"]

    tenant.delete(SECRET, MERGED)
    tenant.ready(within=6)
    assert hook_of(tenant) == f"{HOOK}one"


def test_a_change_of_the_secrets_name_moves_the_routes(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(slack()))
    tenant.ready()
    tenant.create(ALERTMANAGER, "second", {"spec": {}})

    tenant.edit({"notifications": {"secretName": "alertmanager-second"}})

    tenant.ready(within=6)
    assert f"{tenant.name}/crm/slack" in tenant.receivers("alertmanager-second")
    eventually(lambda: not tenant.look(SECRET, MERGED), within=5)


def test_an_invalid_spec_keeps_the_routes_too(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.monitor(minimal(slack()))
    tenant.monitor(minimal(slack()), "crm-b")
    tenant.ready()
    tenant.ready("crm-b")

    broken = {"alert": "Broken", "expr": "sum(", "severity": "low", "summary": "s"}
    tenant.edit({"alerts": {"custom": [broken]}})
    tenant.says("Valid", "False", "InvalidSpec")
    tenant.rotate("crm-alerting", **{"slack-webhook-url": f"{HOOK}two"})

    eventually(lambda: hook_of(tenant, "crm-b") == f"{HOOK}two", within=5)
    assert hook_of(tenant, "crm") == f"{HOOK}one"
    assert tenant.look(CONFIG_MAP, "crm-crm-dashboards")


MEANWHILE: dict[str, dict[str, Any]] = {
    "notifications were taken out": {"notifications": None},
    "another Secret was named": {"notifications": {"secretName": "alertmanager-second"}},
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_a_secret_that_nobody_names_goes_although_that_happened_while_no_operator_ran(
    operator: RunningOperator, tenant: Tenant, what: str
) -> None:
    tenant.monitor(minimal(slack()))
    tenant.ready()
    operator.stop()

    tenant.edit(MEANWHILE[what])
    operator.start()

    eventually(lambda: not tenant.look(SECRET, MERGED))
