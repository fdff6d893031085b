"""A failure of the CRM reaches the people who must act, and so does its end: two alerts, from fault to resolution."""

import pytest

from crm_monitoring.contract.alerts import Channel
from support.loop import Loop
from support.receivers import ROUTING_KEY

pytestmark = [pytest.mark.integration, pytest.mark.loop]

AUTHENTICATION, CHANNEL = "CRMAuthenticationFailure", "CRMChannelUnavailable"
FAULTS = ("authentication", "channel_down")
SHARE = 0.05
"""Of the requests that are refused: enough for the alert, too little for others about their consequences."""
WANTED = {
    AUTHENTICATION: {Channel.PAGERDUTY, Channel.WEBHOOK},
    CHANNEL: {Channel.PAGERDUTY, Channel.SLACK, Channel.WEBHOOK},
}
"""Who is told of a critical and of a high alert, in the product's document; the example's webhook takes everything."""


@pytest.fixture(scope="module")
def told(run: Loop) -> Loop:
    run.provoke(WANTED, *FAULTS, authentication=SHARE)
    return run


@pytest.mark.timeout(420)
@pytest.mark.parametrize("alert", WANTED)
def test_an_alert_and_its_end_reach_the_receivers_of_its_severity_and_no_others(alert: str, told: Loop) -> None:
    assert told.receivers.told_of(alert, "firing") == WANTED[alert]
    assert told.receivers.told_of(alert, "resolved") == WANTED[alert]


def test_nobody_is_told_of_anything_else(told: Loop) -> None:
    assert {each.alert for each in told.receivers.told()} == set(WANTED)


def test_the_page_names_the_provider_and_its_end_closes_the_same_incident(told: Loop) -> None:
    pages = [page for page in told.receivers.pages() if page["payload"]["class"] == AUTHENTICATION]
    triggered = [page for page in pages if page["event_action"] == "trigger"]

    assert {page["routing_key"] for page in pages} == {ROUTING_KEY}
    assert {page["payload"]["severity"] for page in triggered} == {"critical"}
    assert all("twilio refuses the credentials" in page["payload"]["summary"] for page in triggered)
    assert len({page["dedup_key"] for page in pages}) == 1
