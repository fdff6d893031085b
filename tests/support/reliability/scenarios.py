"""What people do to resources, as data: each scenario is a state to begin with, and steps that are perturbed.

A step is complete when everything is as it should be; only then the next one is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from crm_monitoring.manifest import CRM_MONITORING, DEPLOYMENT
from support.live import Tenant
from support.resources import EMAIL, PAGERDUTY, SLACK, WEBHOOK, merged, minimal, secret_key
from support.targets import workload

CREDENTIALS = "crm-alerting"
TARGET = "crm-api"
WORDS = tuple(f"{word}5hQ2mZ8rT3nW" for word in ("BeforeRotation", "AfterRotation"))
"""Canaries: values of Secrets before and after they are rotated."""


class Step(Protocol):
    """Something that a person does."""

    def do(self, tenant: Tenant) -> None:
        """Do it."""

    @property
    def flags(self) -> tuple[str, ...] | None:
        """Flags with which the operator is to be started anew; None: it goes on."""


@dataclass(frozen=True, slots=True)
class _Step:
    @property
    def flags(self) -> tuple[str, ...] | None:
        return None


@dataclass(frozen=True, slots=True)
class Create(_Step):
    """Create a resource."""

    spec: Mapping[str, Any]
    name: str = "crm"

    def do(self, tenant: Tenant) -> None:
        tenant.monitor({"spec": self.spec}, self.name)


@dataclass(frozen=True, slots=True)
class Edit(_Step):
    """Merge a change into the spec of a resource."""

    change: Mapping[str, Any]
    name: str = "crm"

    def do(self, tenant: Tenant) -> None:
        tenant.edit(self.change, self.name)


@dataclass(frozen=True, slots=True)
class Delete(_Step):
    """Delete a resource."""

    name: str = "crm"

    def do(self, tenant: Tenant) -> None:
        tenant.delete(CRM_MONITORING, self.name)


@dataclass(frozen=True, slots=True)
class Rotate(_Step):
    """Give every credential another value."""

    def do(self, tenant: Tenant) -> None:
        tenant.rotate(CREDENTIALS, **credentials(WORDS[1]))


@dataclass(frozen=True, slots=True)
class DeleteTarget(_Step):
    """Delete the workload; its Service stays."""

    def do(self, tenant: Tenant) -> None:
        tenant.delete(DEPLOYMENT, TARGET)


@dataclass(frozen=True, slots=True)
class CreateTarget(_Step):
    """Create the workload that was deleted anew, as it was at first."""

    def do(self, tenant: Tenant) -> None:
        tenant.create(DEPLOYMENT, TARGET, {"spec": workload(TARGET, pod_labels={"app": TARGET})["spec"]})


@dataclass(frozen=True, slots=True)
class Upgrade(_Step):
    """Stop the operator and start it with other settings."""

    settings: tuple[str, ...]

    def do(self, tenant: Tenant) -> None:
        pass

    @property
    def flags(self) -> tuple[str, ...] | None:
        return self.settings


@dataclass(frozen=True, slots=True)
class Scenario:
    """A state to begin with, and steps that are perturbed."""

    steps: tuple[Step, ...]
    before: tuple[Step, ...] = field(default=())
    judges_workload: bool = True
    """False where the workload changes under the operator, so that Ready may be late by a moment (O4)."""


def credentials(word: str) -> dict[str, str]:
    """Return a value for every key that a resource names, with a word in it."""
    return {
        "pagerduty-routing-key": word.ljust(32, "0"),
        "slack-webhook-url": f"https://hooks.example.com/services/{word}",
        "smtp-password": f"{word} with/odd+signs",
        "audit-url": f"https://audit.example.com/{word}?token={word}",
        "heartbeat-url": f"https://user:{word}@heartbeat.example.com/",
        "token": word,
    }


def spec(change: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a spec that has every block, in the smallest form that is useful, with a change."""
    return merged(minimal()["spec"], merged(_BLOCKS, change or {}))


_CUSTOM = {"alert": "Quiet", "expr": "sum(rate(crm_communications_total[5m])) == 0", "severity": "low", "summary": "s"}
_BLOCKS: dict[str, Any] = {
    "objectLabels": {"release": "kube-prometheus-stack"},
    "alerts": {"custom": [_CUSTOM]},
    "slos": [{"name": "delivery", "sli": "Delivery", "objective": "99%"}],
    "notifications": {"receivers": [SLACK]},
    "workload": {"env": {"logLevel": "INFO"}},
    "blackbox": {},
    "dashboards": {"audiences": ["Overview"]},
}
_WATCHDOG = {"urlSecretRef": secret_key(CREDENTIALS, "heartbeat-url")}
_SMALL = minimal()["spec"]
_NOTIFIED = merged(_SMALL, {"notifications": {"receivers": [SLACK]}})
_PROBED = {"probes": {"readiness": {}}, "env": {"logLevel": "INFO"}}


def _edited(change: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> Scenario:
    return Scenario((Edit(change),), (Create(spec() if base is None else base),))


SCENARIOS: dict[str, Scenario] = {
    "create the smallest resource": Scenario((Create(_SMALL),)),
    "create a resource with every block": Scenario((Create(spec()),)),
    "edit objectLabels": _edited({"objectLabels": {"release": "another"}}),
    "edit environment": _edited({"environment": "staging"}),
    "edit metrics": _edited({"metrics": {"interval": "30s", "sampleLimit": 5000}}),
    "edit metrics to a PodMonitor": _edited({"metrics": {"monitor": "PodMonitor"}}),
    "edit alerts": _edited({"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": "250"}}, "custom": None}}),
    "edit slos": _edited({"slos": [{"name": "api", "sli": "API", "objective": "99.5%"}]}),
    "edit notifications": _edited({"notifications": {"groupWait": "20s", "watchdog": _WATCHDOG}}),
    "edit notifications to an AlertmanagerConfig": _edited({"notifications": {"mode": "AlertmanagerConfig"}}),
    "edit workload in": _edited({"workload": _PROBED}, _SMALL),
    "edit workload out": _edited({"workload": None}),
    "edit blackbox out": _edited({"blackbox": None}),
    "edit dashboards": _edited({"dashboards": {"audiences": ["Overview", "SLO"], "folder": "Other"}}),
    "edit mode to Observe and back": Scenario(
        (Edit({"mode": "Observe"}), Edit({"environment": "staging"}), Edit({"mode": "Enforce"})), (Create(_NOTIFIED),)
    ),
    "edit to an invalid spec and back": Scenario(
        (Edit({"alerts": {"custom": [{**_CUSTOM, "expr": "sum("}]}}), Edit({"alerts": None})), (Create(_NOTIFIED),)
    ),
    "add receivers": _edited({"notifications": {"receivers": [SLACK, PAGERDUTY, EMAIL, WEBHOOK]}}, _NOTIFIED),
    "remove a receiver": _edited(
        {"notifications": {"receivers": [SLACK]}},
        merged(_SMALL, {"notifications": {"receivers": [SLACK, PAGERDUTY]}}),
    ),
    "rotate the Secret": Scenario((Rotate(),), (Create(_NOTIFIED),)),
    "delete with Retain": Scenario((Delete(),), (Create(spec()),)),
    "delete with Remove": Scenario((Delete(),), (Create(spec({"workload": {"deletionPolicy": "Remove"}})),)),
    "create with Remove": Scenario((Create(merged(_SMALL, {"workload": {**_PROBED, "deletionPolicy": "Remove"}})),)),
    "two resources share a Secret": Scenario(
        (Create(_NOTIFIED, "crm-b"), Edit({"environment": "staging"}, "crm-b"), Delete("crm-b")), (Create(_NOTIFIED),)
    ),
    "replace the target": Scenario(
        (DeleteTarget(), CreateTarget()), (Create(merged(_SMALL, {"workload": _PROBED})),), judges_workload=False
    ),
    "upgrade the operator": Scenario(
        (Upgrade(("--cluster", "prod", "--runbook-base-url", "https://runbooks.example.com/crm")),), (Create(spec()),)
    ),
}
"""Every scenario of the campaigns, by a sentence."""
