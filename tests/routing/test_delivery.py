"""A real Alertmanager with the configuration that we render delivers what it should, to whom it should, and no more."""

import json
import os
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from crm_monitoring.contract.alerts import SEVERITY_MATRIX, WATCHDOG, WATCHDOG_SEVERITY, Channel, Severity
from crm_monitoring.manifest import Manifest
from crm_monitoring.render import merged, routing
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.endpoints import PAGERDUTY_PATH, Endpoints, Message, certificate, serving, settled
from support.mailbox import Mailbox
from support.mailbox import serving as serving_mail
from support.resources import PAGERDUTY, SLACK, minimal, parsed, secret_key
from testbed.processes import ChildProcess, ReservedPort

pytestmark = pytest.mark.integration

ROUTING_KEY = "A1" * 16
PASSWORD = "correct horse battery staple"
SLOW_SECONDS = 12.0
"""More than the 10 s that Alertmanager grants with a groupInterval of 10s, less than the 30 s of our default."""

AUDIT, SECOND, HEARTBEAT, SLOW, HASTY = "/audit", "/second", "/heartbeat", "/slow", "/hasty"
SLACK_PATH = "/services/T/B/x"


def body(name: str, receivers: list[dict[str, Any]], interval: str = "10s", **block: Any) -> Manifest:
    timing = {"groupWait": "1s", "groupInterval": interval}
    return minimal({"notifications": {"receivers": receivers, **timing, **block}}, name=name)


def webhook(path: str, **fields: Any) -> dict[str, Any]:
    return {"name": path[1:], "webhook": {"urlSecretRef": secret_key("crm-alerting", path[1:])}, **fields}


def bodies(smarthost: str) -> list[Manifest]:
    """The CRM with a receiver of each kind, and three others that share its merged Secret."""
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
        identity = {"namespace": "crm", "crm_monitoring": self.resource}
        return {
            "labels": {**identity, **self.labels},
            "annotations": {"summary": self.summary},
            "endsAt": ends.isoformat(),
        }


def alert(name: str, severity: str, resource: str = "crm", **labels: str) -> Alert:
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
    """Messages about some alerts: that they fire, and for most of them that they ended."""
    statuses = ("firing", "resolved")
    return {
        (status, each.summary) for each in alerts for status in statuses if status == "firing" or each not in LASTING
    }


def expected(channel: Channel) -> Told:
    """What the severity matrix gives a channel of the CRM, the inhibited alert aside."""
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
    """What the compiler renders with these addresses in the Secret, and PagerDuty's own address moved to us."""
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
    data = json.dumps([each.posted(ends) for each in alerts]).encode()
    request = urllib.request.Request(f"{url}/api/v2/alerts", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def read(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@pytest.fixture(scope="module")
def delivery(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """One run of Alertmanager: alerts come, are told, end, and their end is told."""
    binary, directory = tool("alertmanager"), tmp_path_factory.mktemp("delivery")
    trusted = certificate(directory)
    found = Delivery(Endpoints({SLOW: SLOW_SECONDS, HASTY: SLOW_SECONDS}), Endpoints(), Mailbox("crm", PASSWORD))
    port = ReservedPort()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        http = stack.enter_context(serving(found.endpoints))
        https = stack.enter_context(serving(found.slack, trusted))
        smarthost = stack.enter_context(serving_mail(found.mailbox))
        config = directory / "alertmanager.yaml"
        config.write_bytes(configuration(http, https, smarthost))
        command: list[str | Path] = [
            binary,
            f"--config.file={config}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        env = {**os.environ, "SSL_CERT_FILE": str(trusted)}
        process = ChildProcess("alertmanager", command, log=directory / "alertmanager.log", env=env)
        stack.enter_context(process)
        process.wait_until(lambda: read(f"{url}/-/ready") != "", within=30)

        now = datetime.now(UTC)
        post(url, ALERTS, now + timedelta(hours=1))
        fast = {
            name: {told for told in everything if told[0] == "firing"} for name, everything in ALL_RECEIVERS.items()
        }
        fast.pop(SLOW)
        settled(lambda: all(found.told(name) >= told for name, told in fast.items()), within=15)
        post(url, tuple(each for each in ALERTS if each not in LASTING), now)
        settled(lambda: all(found.told(name) >= told for name, told in ALL_RECEIVERS.items()), within=25)
        settled(lambda: len(found.endpoints.at(HASTY)) > 0, within=5)
        yield found
    port.release()


@pytest.mark.parametrize("receiver", ALL_RECEIVERS)
def test_a_receiver_is_told_of_its_alerts_and_of_their_end_and_of_nothing_else(
    receiver: str, delivery: Delivery
) -> None:
    assert delivery.told(receiver) == ALL_RECEIVERS[receiver]


@pytest.mark.parametrize("severity", Severity)
def test_each_severity_reaches_the_channels_of_the_matrix(severity: Severity, delivery: Delivery) -> None:
    reached = [
        c
        for c in Channel
        if ("firing", BY_SEVERITY[severity].summary) in delivery.told(AUDIT if c == Channel.WEBHOOK else c)
    ]

    assert reached == [channel for channel, taken in SEVERITY_MATRIX.items() if severity in taken]


def test_pagerduty_accepts_every_event_and_gets_its_own_severities(delivery: Delivery) -> None:
    severities = {
        message.body["payload"]["class"]: message.body["payload"]["severity"]
        for message in delivery.pages()
        if message.body["event_action"] == "trigger"
    }

    assert {message.status for message in delivery.pages()} == {202}
    assert {message.body["routing_key"] for message in delivery.pages()} == {ROUTING_KEY}
    assert severities == {
        "CustomCritical": "critical",
        "CustomHigh": "error",
        "CRMAuthenticationFailure": "critical",
        "CRMAPIErrorRateHigh": "error",
        "CustomMisspelt": "error",
    }


def test_pagerduty_is_told_of_the_end_of_the_same_incident(delivery: Delivery) -> None:
    keys: dict[str, set[str]] = {"trigger": set(), "resolve": set()}
    for message in delivery.pages():
        keys[message.body["event_action"]].add(message.body["dedup_key"])

    assert len(keys["trigger"]) == 5
    assert keys["resolve"] < keys["trigger"]
    assert len(keys["resolve"]) == 4, "the cause of the silence lasts"


def test_a_cause_silences_its_consequence_and_no_other_provider(delivery: Delivery) -> None:
    told = delivery.told(AUDIT)

    assert ("firing", CAUSE.summary) in told
    assert ("firing", CONSEQUENCE.summary) not in told
    assert ("firing", INDEPENDENT.summary) in told


def test_a_severity_that_nobody_knows_reaches_the_first_receiver_only(delivery: Delivery) -> None:
    told = [name for name in ALL_RECEIVERS if ("firing", MISSPELT.summary) in delivery.told(name)]

    assert told == [FIRST]


def test_the_watchdog_reaches_the_heartbeat_only(delivery: Delivery) -> None:
    told = [name for name in ALL_RECEIVERS if ("firing", ALIVE.summary) in delivery.told(name)]

    assert told == [HEARTBEAT]


def test_resources_in_one_merged_secret_do_not_reach_each_others_receivers(delivery: Delivery) -> None:
    by_receiver = {name: {summary.split()[0] for _, summary in delivery.told(name)} for name in ALL_RECEIVERS}

    assert by_receiver.pop(SECOND) == {"<second"}
    assert by_receiver.pop(SLOW) == {"<slow"}
    assert set.union(*by_receiver.values()) == {"<crm"}


def test_a_receiver_that_answers_after_twelve_seconds_is_not_cut_off(delivery: Delivery) -> None:
    assert [message.taken for message in delivery.endpoints.at(SLOW)] == [True]


def test_the_shortest_group_interval_cuts_such_a_receiver_off_which_is_why_it_is_warned_about(
    delivery: Delivery,
) -> None:
    assert not any(message.taken for message in delivery.endpoints.at(HASTY))
    assert delivery.endpoints.at(HASTY)


def test_the_mail_server_is_given_the_password(delivery: Delivery) -> None:
    assert delivery.mailbox.refused == []
    assert {(str(mail["From"]), str(mail["To"])) for mail in delivery.mailbox.mails} == {
        ("crm@example.com", "ops@example.com")
    }


def test_slack_gets_the_channel_and_a_title_that_says_what_and_where(delivery: Delivery) -> None:
    messages = delivery.slack.at(SLACK_PATH)

    assert {message.body["channel"] for message in messages} == {"#crm-alerts"}
    assert "[FIRING:1] CustomHigh crm/crm" in {message.body["attachments"][0]["title"] for message in messages}
