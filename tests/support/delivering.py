"""The story of `test_delivery`: four resources in one merged Secret, alerts of every kind, and who is told what."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from crm_monitoring.contract.alerts import SEVERITY_MATRIX, WATCHDOG, WATCHDOG_SEVERITY, Channel, Severity
from crm_monitoring.manifest import Manifest
from crm_monitoring.render import merged, routing
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.endpoints import PAGERDUTY_PATH, Endpoints, Message
from support.mailbox import Mailbox
from support.resources import PAGERDUTY, SLACK, minimal, parsed, secret_key

ROUTING_KEY = "A1" * 16
PASSWORD = "correct horse battery staple"
SLOW_SECONDS = 12.0
"""More than the 10 s that Alertmanager grants with a groupInterval of 10s, less than the 30 s of our default."""

AUDIT, SECOND, HEARTBEAT, SLOW, HASTY = "/audit", "/second", "/heartbeat", "/slow", "/hasty"
SLACK_PATH = "/services/T/B/x"


def body(name: str, receivers: list[dict[str, Any]], interval: str = "10s", **block: Any) -> Manifest:
    """Return a resource with these receivers that waits as little as it may."""
    timing = {"groupWait": "1s", "groupInterval": interval}
    return minimal({"notifications": {"receivers": receivers, **timing, **block}}, name=name)


def webhook(path: str, **fields: Any) -> dict[str, Any]:
    """Return a receiver that is named after the path that it calls."""
    return {"name": path[1:], "webhook": {"urlSecretRef": secret_key("crm-alerting", path[1:])}, **fields}


def bodies(smarthost: str) -> list[Manifest]:
    """Return the CRM with a receiver of each kind, and three others that share its merged Secret."""
    mail = {
        "to": ["ops@example.com"],
        "from": "crm@example.com",
        "smarthost": smarthost,
        "requireTls": False,
        "authUsername": "crm",
        "authPasswordSecretRef": secret_key("crm-alerting", "smtp-password"),
    }
    pagerduty = {name: value for name, value in PAGERDUTY.items() if name != "severities"}
    watchdog = {"watchdog": {"urlSecretRef": secret_key("crm-alerting", HEARTBEAT[1:])}}
    return [
        body("crm", [pagerduty, SLACK, {"name": "email", "email": mail}, webhook(AUDIT)], **watchdog),
        body("second", [webhook(SECOND, severities=["low"])]),
        body("slow", [webhook(SLOW)], interval="30s"),
        body("hasty", [webhook(HASTY)], interval="10s"),
    ]


@dataclass(frozen=True)
class Alert:
    """An alert, known in every message by its summary."""

    summary: str
    labels: Mapping[str, str]
    resource: str = "crm"

    def posted(self, ends: datetime) -> dict[str, Any]:
        """Return the alert as Alertmanager's API takes it."""
        identity = {"namespace": "crm", "crm_monitoring": self.resource}
        return {
            "labels": {**identity, **self.labels},
            "annotations": {"summary": self.summary},
            "endsAt": ends.isoformat(),
        }


def alert(name: str, severity: str, resource: str = "crm", **labels: str) -> Alert:
    """Return an alert with a summary of its own."""
    return Alert(
        f"<{resource} {name} {severity} {' '.join(labels.values())}>",
        {"alertname": name, "severity": severity, **labels},
        resource,
    )


BY_SEVERITY = {severity: alert(f"Custom{severity.title()}", severity) for severity in Severity}
CAUSE = alert("CRMAuthenticationFailure", "critical", api="twilio")
CONSEQUENCE = alert("CRMAPIErrorRateHigh", "high", api="twilio")
INDEPENDENT = alert("CRMAPIErrorRateHigh", "high", api="smtp")
MISSPELT = alert("CustomMisspelt", "hgih")
ALIVE = alert(WATCHDOG, WATCHDOG_SEVERITY)
OF_SECOND = alert("CustomCritical", "critical", "second")
OF_SLOW, OF_HASTY = alert("CustomCritical", "critical", "slow"), alert("CustomCritical", "critical", "hasty")
OF_NOBODY = alert("CustomCritical", "critical", "elsewhere")
ALERTS = (
    *BY_SEVERITY.values(),
    CAUSE,
    CONSEQUENCE,
    INDEPENDENT,
    MISSPELT,
    ALIVE,
    OF_SECOND,
    OF_SLOW,
    OF_HASTY,
    OF_NOBODY,
)
LASTING = (ALIVE, CAUSE, CONSEQUENCE, OF_SLOW, OF_HASTY)
"""Alerts that do not end within the test. Without its cause, a consequence would be told of."""

Told = set[tuple[str, str]]
"""Status and summary of alerts."""


@dataclass
class Delivery:
    """Who got what."""

    endpoints: Endpoints
    slack: Endpoints
    mailbox: Mailbox

    def told(self, receiver: str) -> Told:
        """Return what a receiver was told of, from the text of all its messages."""
        return {
            (status, each.summary) for status, text in self._texts(receiver) for each in ALERTS if each.summary in text
        }

    def pages(self) -> list[Message]:
        """Return what came to PagerDuty."""
        return self.endpoints.at(PAGERDUTY_PATH)

    def _texts(self, receiver: str) -> Iterator[tuple[str, str]]:
        if receiver == Channel.PAGERDUTY:
            for message in self.pages():
                resolved = message.body["event_action"] == "resolve"
                yield "resolved" if resolved else "firing", message.body["payload"]["summary"]
        elif receiver == Channel.SLACK:
            for message in self.slack.at(SLACK_PATH):
                (attachment,) = message.body["attachments"]
                yield self._status(attachment["title"]), attachment["text"]
        elif receiver == Channel.EMAIL:
            for mail in self.mailbox.mails:
                yield (
                    self._status(str(mail["Subject"])),
                    self.mailbox.text(mail).replace("&lt;", "<").replace("&gt;", ">"),
                )
        else:
            for message in self.endpoints.at(receiver):
                yield from ((each["status"], each["annotations"]["summary"]) for each in message.body["alerts"])

    @staticmethod
    def _status(title: str) -> str:
        return "resolved" if title.startswith("[RESOLVED]") else "firing"


def of(*alerts: Alert) -> Told:
    """Return the messages about some alerts: that they fire, and for most of them that they ended."""
    statuses = ("firing", "resolved")
    return {
        (status, each.summary) for each in alerts for status in statuses if status == "firing" or each not in LASTING
    }


def expected(channel: Channel) -> Told:
    """Return what the severity matrix gives a channel of the CRM, the inhibited alert aside."""
    takes = SEVERITY_MATRIX[channel]
    return of(*(each for each in (*BY_SEVERITY.values(), CAUSE, INDEPENDENT) if each.labels["severity"] in takes))


FIRST = Channel.PAGERDUTY
"""The channel of the first receiver, which also gets what no route takes."""
ALL_RECEIVERS = {
    Channel.PAGERDUTY: expected(Channel.PAGERDUTY) | of(MISSPELT),
    Channel.SLACK: expected(Channel.SLACK),
    Channel.EMAIL: expected(Channel.EMAIL),
    AUDIT: expected(Channel.WEBHOOK),
    SECOND: of(OF_SECOND),
    HEARTBEAT: of(ALIVE),
    SLOW: of(OF_SLOW),
}


def configuration(http: str, https: str, smarthost: str) -> bytes:
    """Return what the compiler renders with these addresses in the Secret, and PagerDuty's own address moved to us."""
    values = {path[1:]: http + path for path in (AUDIT, SECOND, HEARTBEAT, SLOW, HASTY)}
    values |= {
        "pagerduty-routing-key": ROUTING_KEY,
        "slack-webhook-url": https + SLACK_PATH,
        "smtp-password": PASSWORD,
    }
    secrets = {"crm-alerting": {key: Sealed(value.encode()) for key, value in values.items()}}
    fragments = []
    for each in bodies(smarthost):
        part = routing.part(parsed(each), Observed(), secrets, RenderSettings())
        assert part.findings == ()
        assert part.fragment is not None
        fragments.append(part.fragment)
    tree = yaml.load(merged.merge(fragments), yaml.CSafeLoader)
    tree["global"] = {"pagerduty_url": http + PAGERDUTY_PATH}
    return yaml.dump(tree, Dumper=yaml.CSafeDumper).encode()


def post(url: str, alerts: tuple[Alert, ...], ends: datetime) -> None:
    """Send alerts to an Alertmanager."""
    data = json.dumps([each.posted(ends) for each in alerts]).encode()
    request = urllib.request.Request(f"{url}/api/v2/alerts", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
