"""Delivery through apprise to stand-ins on 127.0.0.1, and that no credential is ever written."""

import logging
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import apprise
import pytest
from apprise.plugins import pagerduty as apprise_pagerduty
from apprise.plugins.slack import NotifySlack

from crm_monitoring.contract.alerts import SEVERITY_MATRIX, Channel, Severity
from crm_monitoring.errors import SettingsError
from crm_monitoring.instrumentation.alerts import Alert, DeliveryFailed, Destination, Notice
from crm_monitoring.instrumentation.alerts import apprise_posts as posts
from crm_monitoring.instrumentation.alerts.manager import AlertManager
from crm_monitoring.instrumentation.startup_config import AlertSettings
from crm_monitoring.sealed import Sealed
from support import endpoints, mailbox

KEY = "0123456789abcdefSECRETKEY"
HOOK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrSECRETHK"
PASSWORD = "p@ss:w/rd?SECRET"
SECRETS = (KEY, "TIiajkdnlazkcOXrSECRETHK", PASSWORD, "SECRETTOKEN")

ALERT = Alert(
    "CRMDeliveryRateLow",
    Severity.HIGH,
    "Delivery rate is 85.0%, below 90.0%",
    "Look at the channels.",
    0.85,
    0.9,
    {"channel": "sms"},
    datetime(2025, 10, 27, 10, 30, tzinfo=UTC),
)
BEGAN, ENDED = Notice(ALERT), Notice(ALERT, resolved=True)


@pytest.fixture
def received() -> endpoints.Endpoints:
    return endpoints.Endpoints()


@pytest.fixture
def address(received: endpoints.Endpoints) -> Iterator[str]:
    with endpoints.serving(received) as where:
        yield where


@pytest.fixture(autouse=True)
def no_credential_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log everything that every library says, and find no credential in it."""
    caplog.set_level(1)
    for name in posts.TALKATIVE:
        caplog.set_level(1, name)
    yield
    for phase in ("setup", "call"):
        text = " ".join(record.getMessage() for record in caplog.get_records(phase))
        assert [secret for secret in SECRETS if secret in text] == []


def sealed(text: str) -> Sealed:
    return Sealed(text.encode())


def only(settings: AlertSettings) -> Destination:
    (destination,) = posts.destinations(settings)
    return destination


def arrived(received: endpoints.Endpoints, path: str, count: int = 1) -> list[endpoints.Message]:
    """Return what came to a path. It is noted after the answer, so the sender may be ahead of the note."""
    endpoints.settled(lambda: len(received.at(path)) >= count, within=10)
    return received.at(path)


def instantiated(build: posts.Build) -> Any:
    """Return the apprise service. Without muting, apprise logs what it is made of, password and all."""
    with posts.muted():
        return apprise.Apprise.instantiate(build(BEGAN))


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_a_webhook_gets_the_alert_as_json(address: str, received: endpoints.Endpoints) -> None:
    only(AlertSettings(webhook_url=sealed(f"{address}/alerts?token=SECRETTOKEN"))).deliver(BEGAN)
    (message,) = arrived(received, "/alerts?token=SECRETTOKEN")
    assert message.body == {
        "version": "1.0",
        "title": "[HIGH] CRMDeliveryRateLow{channel=sms}",
        "message": "Delivery rate is 85.0%, below 90.0%.\nNext step: Look at the channels.",
        "type": "failure",
        "alert": "CRMDeliveryRateLow",
        "state": "firing",
        "severity": "high",
        "summary": "Delivery rate is 85.0%, below 90.0%",
        "next_step": "Look at the channels.",
        "labels": {"channel": "sms"},
        "value": 0.85,
        "threshold": 0.9,
        "started_at": "2025-10-27T10:30:00Z",
    }


def test_a_webhook_is_told_of_the_end(address: str, received: endpoints.Endpoints) -> None:
    only(AlertSettings(webhook_url=sealed(f"{address}/alerts"))).deliver(ENDED)
    (message,) = arrived(received, "/alerts")
    assert (message.body["state"], message.body["title"]) == (
        "resolved",
        "[RESOLVED] CRMDeliveryRateLow{channel=sms}",
    )


def test_pagerduty_opens_and_resolves_one_incident(
    address: str, received: endpoints.Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = address + endpoints.PAGERDUTY_PATH
    monkeypatch.setattr(apprise_pagerduty, "PAGERDUTY_API_LOOKUP", {"us": "http://127.0.0.1:1", "eu": where})
    destination = only(AlertSettings(pagerduty_key=sealed(KEY), pagerduty_region="eu"))
    destination.deliver(BEGAN)
    destination.deliver(ENDED)
    opened, resolved = arrived(received, endpoints.PAGERDUTY_PATH, 2)
    assert (opened.status, resolved.status) == (202, 202)
    assert opened.body["routing_key"] == KEY
    assert opened.body["payload"]["severity"] == "error"
    assert opened.body["payload"]["summary"].startswith("[HIGH] CRMDeliveryRateLow{channel=sms}")
    assert opened.body["payload"]["custom_details"] == {"channel": "sms"}
    assert resolved.body["event_action"] == "resolve"
    assert opened.body["dedup_key"] == resolved.body["dedup_key"] == "CRMDeliveryRateLow{channel=sms}"


@pytest.mark.parametrize("severity", SEVERITY_MATRIX[Channel.PAGERDUTY])
def test_pagerduty_knows_our_severities(severity: Severity) -> None:
    assert posts.PAGERDUTY_SEVERITIES[severity] in endpoints.PAGERDUTY_SEVERITIES


def test_slack_gets_a_message(address: str, received: endpoints.Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{address}/services")
    only(AlertSettings(slack_webhook=sealed(HOOK))).deliver(BEGAN)
    (message,) = arrived(received, HOOK.removeprefix("https://hooks.slack.com"))
    assert "CRMDeliveryRateLow" in str(message.body)
    assert "Look at the channels." in str(message.body)


def test_slack_is_reached_at_its_own_address() -> None:
    service = instantiated(posts.slack(sealed(HOOK)))
    assert isinstance(service, NotifySlack)
    tokens = (service.token_a, service.token_b, service.token_c)
    assert "/".join([service.webhook_url, *map(str, tokens)]) == HOOK


def mailing(port: int, **more: Any) -> AlertSettings:
    people = ("ops@example.com", "crm-team@example.com")
    return AlertSettings(email_to=people, email_from="crm@example.com", smtp_host="127.0.0.1", smtp_port=port, **more)


def test_email_goes_to_every_address() -> None:
    inbox = mailbox.Mailbox("crm", PASSWORD)
    with mailbox.serving(inbox) as where:
        port = int(where.rpartition(":")[2])
        only(mailing(port, smtp_user="crm", smtp_password=sealed(PASSWORD))).deliver(BEGAN)
    assert [mail["To"] for mail in inbox.mails] == ["ops@example.com", "crm-team@example.com"]
    assert inbox.mails[0]["From"] == "crm@example.com"
    assert inbox.mails[0]["Subject"] == "[HIGH] CRMDeliveryRateLow{channel=sms}"
    assert "Next step: Look at the channels." in inbox.text(inbox.mails[0])


@pytest.mark.parametrize(("security", "mode"), [("none", "insecure"), ("starttls", "starttls"), ("tls", "ssl")])
def test_email_is_encrypted_as_configured(security: str, mode: str) -> None:
    settings = mailing(2525, smtp_security=security, smtp_user="u@x", smtp_password=sealed(PASSWORD))
    service = instantiated(posts.email(settings))
    assert (service.secure_mode, service.smtp_host, service.port) == (mode, "127.0.0.1", 2525)
    assert (service.user, service.password) == ("u@x", PASSWORD)


def failing(address: str) -> dict[str, AlertSettings]:
    return {
        "HTTP 400": AlertSettings(webhook_url=sealed(f"{address}{endpoints.PAGERDUTY_PATH}")),
        "ConnectionFailed": AlertSettings(webhook_url=sealed(f"http://127.0.0.1:{closed_port()}/SECRETTOKEN")),
    }


@pytest.mark.parametrize("error", failing(""))
def test_a_failure_is_told_by_its_class(address: str, error: str) -> None:
    with pytest.raises(DeliveryFailed) as caught:
        only(failing(address)[error]).deliver(BEGAN)
    assert (caught.value.error, caught.value.permanent) == (error, error == "HTTP 400")


def test_a_redirect_is_not_followed(address: str, received: endpoints.Endpoints) -> None:
    class Redirecting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", f"{address}/elsewhere")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.handle_request).start()
        with pytest.raises(DeliveryFailed, match="HTTP 307"):
            only(AlertSettings(webhook_url=sealed(f"http://127.0.0.1:{server.server_port}/"))).deliver(BEGAN)
    assert received.messages == []


def test_a_mail_server_that_is_not_there_is_a_failed_connection() -> None:
    with pytest.raises(DeliveryFailed, match="ConnectionFailed"):
        only(mailing(closed_port())).deliver(BEGAN)


LINES = {
    "Failed to send JSON POST notification: Service Unavailable, error=503.": ("HTTP 503", False),
    "Failed to send to Slack: Not Found, error=404.": ("HTTP 404", True),
    "Failed to send Pager Duty notification: Too Many Requests, error=429.": ("HTTP 429", False),
    "Failed to send JSON POST notification: error=408.": ("HTTP 408", False),
    "A Connection error occurred sending Slack.": ("ConnectionFailed", False),
    "Something else": ("NotAccepted", False),
}


@pytest.mark.parametrize("line", LINES)
def test_what_apprise_says_is_read(line: str) -> None:
    told = posts.failure(["Loaded", line])
    assert (told.error, told.permanent) == LINES[line]


def test_what_apprise_does_not_take_is_not_retried() -> None:
    with pytest.raises(DeliveryFailed, match="Misconfigured") as caught:
        posts.post(lambda _: {"schema": "slack", "token_a": "SECRETTOKEN"})(BEGAN)
    assert caught.value.permanent


def test_the_crms_own_use_of_the_libraries_is_still_logged(address: str, caplog: pytest.LogCaptureFixture) -> None:
    only(AlertSettings(webhook_url=sealed(f"{address}/alerts"))).deliver(BEGAN)
    logging.getLogger("urllib3.connectionpool").debug("the CRM's own request")
    assert "the CRM's own request" in caplog.text


async def test_from_figures_to_the_wire(address: str, received: endpoints.Endpoints) -> None:
    manager = AlertManager(posts.destinations(AlertSettings(webhook_url=sealed(f"{address}/alerts"))))
    for alert in manager.evaluate_conditions({"total_sent": 100, "delivery_rate": 0.5}):
        await manager.send_alert(alert)
    assert manager.flush(30)
    manager.evaluate_conditions({"total_sent": 100, "delivery_rate": 1.0})
    assert manager.close(30)
    assert [message.body["state"] for message in arrived(received, "/alerts", 2)] == ["firing", "resolved"]
    assert manager.delivery_reports()[Channel.WEBHOOK].delivered == 2


FULL = AlertSettings(
    pagerduty_key=sealed(KEY),
    slack_webhook=sealed(HOOK),
    webhook_url=sealed("https://example.com/SECRETTOKEN"),
    email_to=("ops@example.com",),
    email_from="ops@example.com",
    smtp_password=sealed(PASSWORD),
)


def test_every_configured_channel_has_the_severities_of_the_matrix() -> None:
    assert {found.channel: found.severities for found in posts.destinations(FULL)} == SEVERITY_MATRIX


def test_nothing_configured_is_no_destination_and_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert posts.destinations(AlertSettings()) == []


def test_without_the_extra_every_configured_channel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingsError) as caught:
        posts.destinations(FULL)
    assert [problem.path for problem in caught.value.problems] == [
        "CRM_ALERT_EMAIL_TO",
        "CRM_ALERT_PAGERDUTY_KEY",
        "CRM_ALERT_SLACK_WEBHOOK",
        "CRM_ALERT_WEBHOOK_URL",
    ]
    assert "pip install 'crm-monitoring[alerts]'" in str(caught.value)


def test_credentials_are_in_no_representation() -> None:
    shown = repr(FULL) + repr(posts.destinations(FULL)) + str(FULL)
    assert [secret for secret in SECRETS if secret in shown] == []
