"""Every alert of the product's document, provoked in a running CRM: `make loop`."""

import pytest

from crm_monitoring.contract.alerts import STOCK, Channel
from support.loop import Loop

pytestmark = [pytest.mark.integration, pytest.mark.loop, pytest.mark.full_loop, pytest.mark.timeout(900)]

RECEIVERS = {
    "critical": {Channel.PAGERDUTY, Channel.WEBHOOK},
    "high": {Channel.PAGERDUTY, Channel.SLACK, Channel.WEBHOOK},
    "medium": {Channel.SLACK, Channel.EMAIL, Channel.WEBHOOK},
    "low": {Channel.EMAIL, Channel.WEBHOOK},
}
"""Who is told, in the product's document; the webhook of the example takes everything."""
TOGETHER = {
    "authentication": ("CRMAuthenticationFailure", "critical"),
    "delivery_drop": ("CRMDeliveryRateLow", "high"),
    "api_errors": ("CRMAPIErrorRateHigh", "high"),
    "channel_down": ("CRMChannelUnavailable", "high"),
    "retries": ("CRMRetryRateHigh", "medium"),
    "open_rate_drop": ("CRMEmailOpenRateLow", "medium"),
    "fallback": ("CRMFallbackUsageHigh", "medium"),
    "slow_delivery": ("CRMDeliveryTimeSlow", "medium"),
    "queue_growth": ("CRMQueueSizeHigh", "medium"),
    "cache_misses": ("CRMCacheMissRateHigh", "low"),
}
"""Faults that do not hide each other, and the alert, with its severity, that each is for."""
SHARES = {"authentication": 0.05, "retries": 1.0}
"""With all requests to twilio refused, e-mails would have nothing to fall back to. And with e-mails that wait, bounce or
go out as text messages, few are left to be retried."""
ALONE = {"all_channels_down": ("CRMAllChannelsFailed", "critical")}
"""It silences most of the others."""
WANTED = {alert: RECEIVERS[severity] for alert, severity in (*TOGETHER.values(), *ALONE.values())}


@pytest.fixture(scope="module")
def told(run: Loop) -> Loop:
    for faults, shares in ((TOGETHER, SHARES), (ALONE, {})):
        run.provoke({alert: WANTED[alert] for alert, _ in faults.values()}, *faults, **shares)
    return run


def test_every_alert_of_the_document_is_provoked() -> None:
    assert set(WANTED) == {alert.name for alert in STOCK}


@pytest.mark.parametrize("alert", WANTED)
def test_an_alert_and_its_end_reach_the_receivers_of_its_severity_and_no_others(alert: str, told: Loop) -> None:
    assert told.receivers.told_of(alert, "firing") == WANTED[alert]
    assert told.receivers.told_of(alert, "resolved") == WANTED[alert]


def test_nobody_is_told_of_anything_else(told: Loop) -> None:
    assert {each.alert for each in told.receivers.told()} == set(WANTED)


def test_every_receiver_took_what_it_was_sent(told: Loop) -> None:
    statuses = {message.status for each in (told.receivers.plain, told.receivers.slack) for message in each.messages}
    assert statuses <= {200, 202}
    assert told.receivers.mailbox.refused == []
