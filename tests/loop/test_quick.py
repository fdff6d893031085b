"""A failure of the CRM reaches the people who must act, and so does its end: two alerts, from fault to resolution."""

import pytest

from crm_monitoring.contract import alerts
from crm_monitoring.contract.alerts import SEVERITY_MATRIX, Alert, Channel
from support.loop import ENDS_WITHIN, FIRES_WITHIN, Loop
from support.receivers import ROUTING_KEY

pytestmark = [pytest.mark.integration, pytest.mark.loop]

FAULTS = {"authentication": alerts.AUTHENTICATION_FAILURE, "channel_down": alerts.CHANNEL_UNAVAILABLE}
SHARE = 0.05
"""Of the requests that are refused: enough for the alert, too little for others about their consequences."""
WANTED = {alert.name: {c for c in Channel if alert.severity in SEVERITY_MATRIX[c]} for alert in FAULTS.values()}


@pytest.fixture(scope="module")
def told(run: Loop) -> Loop:
    injected = run.inject(*FAULTS, authentication=SHARE)
    run.wait_told("firing", WANTED, injected, FIRES_WITHIN)
    fixed = run.fix(*FAULTS)
    run.wait_told("resolved", WANTED, fixed, ENDS_WITHIN)
    return run


@pytest.mark.timeout(420)
@pytest.mark.parametrize("alert", FAULTS.values(), ids=lambda alert: alert.name)
def test_an_alert_and_its_end_reach_the_receivers_of_its_severity_and_no_others(alert: Alert, told: Loop) -> None:
    assert told.receivers.told_of(alert.name, "firing") == WANTED[alert.name]
    assert told.receivers.told_of(alert.name, "resolved") == WANTED[alert.name]


def test_nobody_is_told_of_anything_else(told: Loop) -> None:
    assert {each.alert for each in told.receivers.told()} == set(WANTED)


def test_the_page_names_the_provider_and_its_end_closes_the_same_incident(told: Loop) -> None:
    name = alerts.AUTHENTICATION_FAILURE.name
    pages = [page for page in told.receivers.pages() if page["payload"]["class"] == name]
    triggered = [page for page in pages if page["event_action"] == "trigger"]

    assert {page["routing_key"] for page in pages} == {ROUTING_KEY}
    assert {page["payload"]["severity"] for page in triggered} == {"critical"}
    assert all("twilio refuses the credentials" in page["payload"]["summary"] for page in triggered)
    assert len({page["dedup_key"] for page in pages}) == 1
