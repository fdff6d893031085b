"""Every alert of the product's document, provoked in a running CRM: `make loop`."""

import pytest

from crm_monitoring.contract import alerts
from crm_monitoring.contract.alerts import SEVERITY_MATRIX, STOCK, Alert, Channel
from support.loop import ENDS_WITHIN, FIRES_WITHIN, Loop

pytestmark = [pytest.mark.integration, pytest.mark.loop, pytest.mark.full_loop, pytest.mark.timeout(900)]

TOGETHER = {
    "authentication": alerts.AUTHENTICATION_FAILURE,
    "delivery_drop": alerts.DELIVERY_RATE_LOW,
    "api_errors": alerts.API_ERROR_RATE_HIGH,
    "channel_down": alerts.CHANNEL_UNAVAILABLE,
    "retries": alerts.RETRY_RATE_HIGH,
    "open_rate_drop": alerts.EMAIL_OPEN_RATE_LOW,
    "fallback": alerts.FALLBACK_USAGE_HIGH,
    "cache_misses": alerts.CACHE_MISS_RATE_HIGH,
    "slow_delivery": alerts.DELIVERY_TIME_SLOW,
    "queue_growth": alerts.QUEUE_SIZE_HIGH,
}
"""Faults that do not hide each other, and the alert that each is for."""
SHARE = 0.05
"""Of the requests that twilio refuses. With all of them refused, e-mails would have nothing to fall back to."""
ALONE = {"all_channels_down": alerts.ALL_CHANNELS_FAILED}
"""It silences most of the others."""
WANTED = {alert.name: {c for c in Channel if alert.severity in SEVERITY_MATRIX[c]} for alert in STOCK}


def provoke(run: Loop, faults: dict[str, Alert], **shares: float) -> None:
    wanted = {alert.name: WANTED[alert.name] for alert in faults.values()}
    run.wait_told("firing", wanted, run.inject(*faults, **shares), FIRES_WITHIN)
    run.wait_told("resolved", wanted, run.fix(*faults), ENDS_WITHIN)


@pytest.fixture(scope="module")
def told(run: Loop) -> Loop:
    provoke(run, TOGETHER, authentication=SHARE)
    provoke(run, ALONE)
    return run


def test_every_alert_of_the_document_is_provoked() -> None:
    assert {*TOGETHER.values(), *ALONE.values()} == set(STOCK)


@pytest.mark.parametrize("alert", STOCK, ids=lambda alert: alert.name)
def test_an_alert_and_its_end_reach_the_receivers_of_its_severity_and_no_others(alert: Alert, told: Loop) -> None:
    assert told.receivers.told_of(alert.name, "firing") == WANTED[alert.name]
    assert told.receivers.told_of(alert.name, "resolved") == WANTED[alert.name]


def test_nobody_is_told_of_anything_else(told: Loop) -> None:
    assert {each.alert for each in told.receivers.told()} == set(WANTED)


def test_every_receiver_took_what_it_was_sent(told: Loop) -> None:
    statuses = {message.status for each in (told.receivers.plain, told.receivers.slack) for message in each.messages}
    assert statuses <= {200, 202}
    assert told.receivers.mailbox.refused == []
