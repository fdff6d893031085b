"""Canaries in every Secret, and a search for them everywhere but in Secrets."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from crm_monitoring.manifest import ALERTMANAGER, CRM_MONITORING, EVENT, LEASE, SECRET
from support.live import Tenant, encoded, eventually
from support.resources import full, merged
from support.running import RunningOperator

pytestmark = pytest.mark.integration

CANARIES = tuple(f"{word}7q9Zx4Kw2Vb8" for word in ("FirstCanary", "SecondCanary", "BrokenCanary"))


def credentials(canary: str) -> dict[str, str]:
    """Return the values of every key that a full resource names, of the shape that each must have."""
    return {
        "pagerduty-routing-key": canary.ljust(32, "0"),
        "slack-webhook-url": f"https://hooks.example.com/services/{canary}",
        "smtp-password": f"{canary} with/odd+signs",
        "audit-url": f"https://audit.example.com/{canary}?token={canary}",
        "heartbeat-url": f"https://user:{canary}@heartbeat.example.com/",
        "nobody-asks-for-this": canary,
    }


def forms(canary: str) -> Iterator[str]:
    """Yield how a canary looks in clear, and in base64 at each of the three places where it can begin."""
    yield canary
    yield quote(canary)
    yield canary.encode().hex()
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + canary.encode()).decode()
        yield text[4 if shift else 0 : -4]


def leaks(place: str, content: str) -> list[str]:
    """Return in which forms canaries are in a text."""
    return [f"{place}: {form}" for canary in CANARIES for form in forms(canary) if form in content]


def everything_but_secrets(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Yield every object of a namespace, of every kind that the API server knows, except Secrets."""
    wide = tenant.plane.kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").stdout.split()
    for plural in sorted(set(wide) - {"secrets"}):
        listed = tenant.plane.kubectl("-n", tenant.name, "get", plural, "-o", "json", check=False)
        yield plural, listed.stdout


def test_a_full_life_leaves_no_credential_anywhere_but_in_secrets(operator: RunningOperator, tenant: Tenant) -> None:
    tenant.create(ALERTMANAGER, "crm", {"spec": {}})
    tenant.secret("crm-alerting", **credentials(CANARIES[0]))
    tenant.secret("crm-tls", **{"ca.crt": f"-----BEGIN CERTIFICATE-----\n{CANARIES[0]}\n-----END CERTIFICATE-----\n"})
    tenant.secret("crm-metrics", token=CANARIES[0])
    found: list[str] = []

    tenant.monitor(full({"blackbox": None}))
    tenant.ready()
    assert CANARIES[0] in json.dumps(tenant.routing())
    for name, text in everything_but_secrets(tenant):
        found += leaks(name, text)

    tenant.rotate("crm-alerting", **credentials(CANARIES[1]))
    tenant.rotate("crm-metrics", token=CANARIES[1])
    eventually(lambda: CANARIES[1] in json.dumps(tenant.routing()), within=6)

    broken = dict.fromkeys(credentials(""), f"\n{CANARIES[2]} \x00 $({CANARIES[2]})")
    tenant.rotate("crm-alerting", **broken)
    tenant.says("NotificationsConfigured", "False", "SecretInvalid", within=6)
    tenant.change(SECRET, "alertmanager-crm", {"data": {"alertmanager.yaml": encoded(f"route: [{CANARIES[2]}")}})
    tenant.change(SECRET, "crm-alerting", {"data": {"smtp-password": None}})
    tenant.edit({"metrics": {"bearerTokenSecretRef": {"name": "crm-metrics", "key": "no-such-key"}}})
    tenant.says("ScrapeConfigured", "False", "SecretMissing", within=6)
    found += leaks("status", json.dumps(tenant.look(CRM_MONITORING, "crm")))
    tenant.delete(SECRET, "crm-alerting")
    tenant.edit({"notifications": merged({}, {"mode": "AlertmanagerConfig", "secretName": None, "muteTimings": None})})
    eventually(lambda: tenant.condition("NotificationsConfigured").get("status") == "False")
    for name, text in everything_but_secrets(tenant):
        found += leaks(name, text)
    found += leaks("metrics", operator.get("/metrics")[1])
    tenant.delete(CRM_MONITORING, "crm")
    operator.settle()
    operator.stop()

    found += leaks("log", operator.log.read_text())
    found += leaks("events", json.dumps(tenant.every(EVENT)))
    own = Tenant(tenant.plane, operator.own_namespace)
    found += leaks("lease", json.dumps(own.every(LEASE)))
    assert not found
    assert _finds_what_is_there(credentials(CANARIES[0]))


def _finds_what_is_there(values: dict[str, Any]) -> bool:
    """Say whether the search would find each value as a Secret holds it."""
    return all(leaks(name, encoded(value)) and leaks(name, value) for name, value in values.items())
