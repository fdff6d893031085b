"""Delivery through apprise: PagerDuty, Slack, e-mail and webhook. apprise is imported when the first message is sent."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crm_monitoring.contract import environment as env
from crm_monitoring.contract.alerts import SEVERITY_MATRIX, Channel, Severity
from crm_monitoring.errors import Problem, SettingsError
from crm_monitoring.instrumentation.alerts.alert import Notice
from crm_monitoring.instrumentation.alerts.courier import DeliveryFailed, Destination
from crm_monitoring.instrumentation.health.status import timestamp
from crm_monitoring.instrumentation.startup_config import AlertSettings
from crm_monitoring.sealed import Sealed

Build = Callable[[Notice], dict[str, Any]]

PAGERDUTY_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
SMTP_MODES = {"none": "insecure", "starttls": "starttls", "tls": "ssl"}
TALKATIVE = ("apprise", "urllib3.connectionpool", "urllib3.util.retry")
"""Loggers that write addresses, and so credentials, at some level."""

_HTTP_STATUS = re.compile(r"error=(\d{3})\b")
_heard = threading.local()


def destinations(settings: AlertSettings) -> list[Destination]:
    """Return a destination for each channel that is configured.

    Raise SettingsError when one is and apprise is not installed.
    """
    configured: dict[Channel, tuple[str, Build]] = {}
    if settings.pagerduty_key:
        configured[Channel.PAGERDUTY] = (env.ALERT_PAGERDUTY_KEY.name, pagerduty(settings))
    if settings.slack_webhook:
        configured[Channel.SLACK] = (env.ALERT_SLACK_WEBHOOK.name, slack(settings.slack_webhook))
    if settings.email_to:
        configured[Channel.EMAIL] = (env.ALERT_EMAIL_TO.name, email(settings))
    if settings.webhook_url:
        configured[Channel.WEBHOOK] = (env.ALERT_WEBHOOK_URL.name, webhook(settings.webhook_url))
    if configured and find_spec("apprise") is None:
        message = "needs apprise: pip install 'crm-monitoring[alerts]', or unset the variable"
        raise SettingsError(Problem(name, message) for name, _ in configured.values())
    return [Destination(channel, SEVERITY_MATRIX[channel], post(build)) for channel, (_, build) in configured.items()]


def post(build: Build) -> Callable[[Notice], None]:
    """Return a function that delivers one notice with the apprise service that `build` describes."""

    def deliver(notice: Notice) -> None:
        import apprise  # noqa: PLC0415 - an optional extra, and 0.2 s to import

        asset = apprise.AppriseAsset(app_id="CRM monitoring", app_desc="CRM monitoring", app_url="")
        kind = apprise.NotifyType.SUCCESS if notice.resolved else apprise.NotifyType.FAILURE
        with muted() as lines:
            service = apprise.Apprise.instantiate({**build(notice), "redirect": "no"}, asset=asset)
            if service is None:
                raise DeliveryFailed("Misconfigured", permanent=True)
            delivered = service.notify(body=notice.body, title=notice.title, notify_type=kind)
        if not delivered:
            raise failure(lines)

    return deliver


def failure(lines: list[str]) -> DeliveryFailed:
    """Return what apprise's log lines say of a failure: it tells its caller only that there was one.

    A status 4xx is permanent, except for time-outs (408) and rate limits (429).
    """
    for line in lines:
        if found := _HTTP_STATUS.search(line):
            status = int(found[1])
            return DeliveryFailed(f"HTTP {status}", permanent=400 <= status < 500 and status not in (408, 429))
    connection = any("onnection error" in line for line in lines)
    return DeliveryFailed("ConnectionFailed" if connection else "NotAccepted")


def pagerduty(settings: AlertSettings) -> Build:
    """Return how a notice goes to PagerDuty: the incident of an alert is resolved by the same deduplication key."""

    def build(notice: Notice) -> dict[str, Any]:
        return {
            "schema": "pagerduty",
            "integrationkey": _revealed(settings.pagerduty_key),
            "apikey": "events-v2",  # apprise wants one; Events v2 looks at the routing key only
            "region_name": settings.pagerduty_region,
            "source": "crm",
            "component": "crm",
            "class_id": notice.alert.name,
            "severity": PAGERDUTY_SEVERITIES[notice.alert.severity],
            "action": "map",
            "dedup": notice.alert.key,
            "details": dict(notice.alert.labels),
            "include_image": False,
        }

    return build


def slack(hook: Sealed) -> Build:
    """Return how a notice goes to a Slack incoming webhook."""

    def build(_: Notice) -> dict[str, Any]:
        tokens = _revealed(hook).rsplit("/", 3)[1:]
        return {
            "schema": "slack",
            **dict(zip(("token_a", "token_b", "token_c"), tokens, strict=True)),
            "targets": [],
            "include_image": False,
        }

    return build


def email(settings: AlertSettings) -> Build:
    """Return how a notice goes out by e-mail."""

    def build(_: Notice) -> dict[str, Any]:
        return {
            "schema": "mailto" if settings.smtp_security == "none" else "mailtos",
            "host": settings.smtp_host,
            "smtp_host": settings.smtp_host,
            "port": settings.smtp_port,
            "secure_mode": SMTP_MODES[settings.smtp_security],
            "user": settings.smtp_user,
            "password": _revealed(settings.smtp_password) if settings.smtp_password else None,
            "from_addr": settings.email_from,
            "targets": list(settings.email_to),
            "format": "text",
        }

    return build


def webhook(url: Sealed) -> Build:
    """Return how a notice is posted as JSON: the alert's fields besides apprise's own title, message and type."""

    def build(notice: Notice) -> dict[str, Any]:
        parts = urlsplit(_revealed(url))
        alert = notice.alert
        return {
            "schema": "jsons" if parts.scheme == "https" else "json",
            "host": parts.hostname,
            "port": parts.port,
            "fullpath": parts.path or "/",
            "params": dict(parse_qsl(parts.query, keep_blank_values=True)),
            "payload": {
                "attachments": "",  # an empty value removes apprise's field
                "alert": alert.name,
                "state": "resolved" if notice.resolved else "firing",
                "severity": alert.severity.value,
                "summary": alert.summary,
                "next_step": alert.next_step,
                "labels": dict(alert.labels),
                "value": alert.value,
                "threshold": alert.threshold,
                "started_at": timestamp(alert.started_at),
            },
        }

    return build


def _revealed(secret: Sealed | None) -> str:
    return secret.reveal().decode() if secret else ""


class _Muted(logging.Filter):
    """Keeps what talkative loggers say while an alert is sent: in that thread only, the CRM's own use is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        lines: list[str] | None = getattr(_heard, "lines", None)
        if lines is None:
            return True
        lines.append(record.getMessage())
        return False


_MUTED = _Muted()


@contextmanager
def muted() -> Iterator[list[str]]:
    """Keep the talkative loggers silent in this thread and give the list of what they would have said."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(_MUTED)
    lines: list[str] = []
    _heard.lines = lines
    try:
        yield lines
    finally:
        _heard.lines = None
