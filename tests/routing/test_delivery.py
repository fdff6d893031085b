"""A real Alertmanager with the configuration that we render delivers what it should, to whom it should, and no more."""

import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crm_monitoring.contract.alerts import SEVERITY_MATRIX, Channel, Severity
from support.delivering import (
    ALERTS,
    ALIVE,
    ALL_RECEIVERS,
    AUDIT,
    BY_SEVERITY,
    CAUSE,
    CONSEQUENCE,
    FIRST,
    HASTY,
    HEARTBEAT,
    INDEPENDENT,
    LASTING,
    MISSPELT,
    PASSWORD,
    ROUTING_KEY,
    SECOND,
    SLACK_PATH,
    SLOW,
    SLOW_SECONDS,
    Delivery,
    configuration,
    post,
)
from support.endpoints import Endpoints, certificate, serving, settled
from support.mailbox import Mailbox
from support.mailbox import serving as serving_mail
from testbed.processes import ChildProcess, ReservedPort

pytestmark = pytest.mark.integration


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
        settled(lambda: all(found.told(name) >= told for name, told in fast.items()), within=30)
        post(url, tuple(each for each in ALERTS if each not in LASTING), now)
        settled(lambda: all(found.told(name) >= told for name, told in ALL_RECEIVERS.items()), within=45)
        settled(lambda: len(found.endpoints.at(HASTY)) > 0, within=20)
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
