from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_monitoring.api.conditions import ConditionType, Reason
from crm_monitoring.contract.alerts import Severity
from crm_monitoring.render.bundle import Part
from crm_monitoring.render.settings import RenderSettings
from support.alerting import (
    WATCHDOG,
    fragment_of,
    mutes_of,
    notifying,
    part_of,
    receivers_of,
    secrets_for,
    texts,
    tree_of,
)
from support.resources import EMAIL, PAGERDUTY, RECEIVERS, SLACK, full, minimal

OWN = {"namespace": "crm", "crm_monitoring": "crm"}
UNROUTED = ["crm-unrouted"]

ROUTES: dict[str, tuple[dict[str, str], list[str]]] = {
    "critical pages": ({"severity": "critical"}, ["pagerduty", "audit"]),
    "high pages and is posted": ({"severity": "high"}, ["pagerduty", "slack", "audit"]),
    "medium is posted and mailed": ({"severity": "medium"}, ["slack", "email", "audit"]),
    "low is mailed": ({"severity": "low"}, ["email", "audit"]),
    "a misspelt severity goes to the first receiver": ({"severity": "hgih"}, ["pagerduty"]),
    "an alert without severity goes to the first receiver": ({}, ["pagerduty"]),
    "the watchdog goes to its heartbeat alone": ({"alertname": "CRMWatchdog", "severity": "none"}, ["CRMWatchdog"]),
    "not even a critical watchdog pages": ({"alertname": "CRMWatchdog", "severity": "critical"}, ["CRMWatchdog"]),
}


def own_receivers(names: list[str]) -> list[str]:
    return [f"crm/crm/{name}" for name in names]


def nights(**change: Any) -> dict[str, Any]:
    return {"name": "nights", "times": [{"start": "00:00", "end": "08:00"}], **change}


@pytest.mark.parametrize(("labels", "names"), ROUTES.values(), ids=ROUTES)
def test_routing_follows_the_matrix(labels: dict[str, str], names: list[str]) -> None:
    assert receivers_of(tree_of(notifying(WATCHDOG)), OWN | labels) == own_receivers(names)


def test_the_watchdog_is_paged_to_nobody_even_without_a_heartbeat() -> None:
    tree = tree_of(notifying())

    assert receivers_of(tree, OWN | {"alertname": "CRMWatchdog"}) == own_receivers(["CRMWatchdog"])
    assert {"name": "crm/crm/CRMWatchdog"} in tree["receivers"]


def test_the_heartbeat_is_sent_about_once_a_minute_and_never_resolved() -> None:
    tree = tree_of(notifying(WATCHDOG))
    route = tree["route"]["routes"][0]["routes"][0]
    heartbeat = tree["receivers"][-1]

    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("0s", "30s", "50s")
    assert heartbeat["webhook_configs"] == [{"send_resolved": False, "url": "https://redacted.invalid/webhook"}]


def test_alerts_of_others_are_not_routed() -> None:
    tree = tree_of(notifying(WATCHDOG))
    foreign: tuple[dict[str, str], ...] = (
        {"namespace": "crm", "crm_monitoring": "other"},
        {"namespace": "other", "crm_monitoring": "crm"},
        {"namespace": "crm"},
        {"crm_monitoring": "crm"},
        {},
    )

    for labels, severity in product(foreign, ("critical", "high", "medium", "low", "none")):
        assert receivers_of(tree, {**labels, "severity": severity}) == UNROUTED


def test_routes_match_the_names_under_which_severities_are_exported() -> None:
    tree = tree_of(notifying(alerts={"severityMap": {"high": "major", "medium": "warning", "low": "info"}}))

    assert receivers_of(tree, OWN | {"severity": "major"}) == own_receivers(["pagerduty", "slack", "audit"])
    assert receivers_of(tree, OWN | {"severity": "warning"}) == own_receivers(["slack", "email", "audit"])
    assert receivers_of(tree, OWN | {"severity": "info"}) == own_receivers(["email", "audit"])
    assert receivers_of(tree, OWN | {"severity": "high"}) == own_receivers(["pagerduty"])


def test_severities_under_one_name_reach_the_receivers_of_both() -> None:
    tree = tree_of(notifying(alerts={"severityMap": {"high": "critical"}}))

    assert receivers_of(tree, OWN | {"severity": "critical"}) == own_receivers(["pagerduty", "slack", "audit"])


def test_a_severity_that_no_receiver_takes_goes_to_the_first_one() -> None:
    tree = tree_of(notifying({"receivers": [SLACK, EMAIL]}))

    assert receivers_of(tree, OWN | {"severity": "critical"}) == own_receivers(["slack"])


def test_only_the_severities_of_a_mute_timing_are_muted() -> None:
    tree = tree_of(notifying({"muteTimings": [nights(severities=["low"])]}))

    assert mutes_of(tree, OWN | {"severity": "low"}) == {
        "crm/crm/email": ["crm/crm/nights"],
        "crm/crm/audit": ["crm/crm/nights"],
    }
    for severity in ("critical", "high", "medium"):
        assert not any(mutes_of(tree, OWN | {"severity": severity}).values())


def test_a_severity_without_a_receiver_of_its_own_is_muted_like_any_other() -> None:
    tree = tree_of(notifying({"receivers": [PAGERDUTY], "muteTimings": [nights(severities=["low"])]}))

    assert mutes_of(tree, OWN | {"severity": "low"}) == {"crm/crm/pagerduty": ["crm/crm/nights"]}
    assert mutes_of(tree, OWN | {"severity": "critical"}) == {"crm/crm/pagerduty": []}


def test_a_name_that_stands_for_a_severe_alert_too_is_never_muted() -> None:
    body = notifying(
        {"muteTimings": [nights(severities=["medium", "low"])]}, alerts={"severityMap": {"low": "critical"}}
    )

    assert mutes_of(tree_of(body), OWN | {"severity": "critical"}) == {
        f"crm/crm/{name}": [] for name in ("pagerduty", "email", "audit")
    }
    assert part_of(body).warnings == (
        "spec.notifications.muteTimings[0]: low is not muted, because alerts.severityMap exports it as critical together "
        "with severities that this timing does not mute",
    )


SEVERITY_MAPS = st.dictionaries(
    st.sampled_from([severity.value for severity in Severity]), st.sampled_from(["critical", "warning", "info", "low"])
)
SUBSETS = st.lists(st.sampled_from([severity.value for severity in Severity]), unique=True, max_size=4)


@settings(deadline=None)
@given(severity_map=SEVERITY_MAPS, severities=st.lists(SUBSETS, min_size=4, max_size=4), muted=SUBSETS)
def test_severe_alerts_are_told_and_never_muted(
    severity_map: dict[str, str], severities: list[list[str]], muted: list[str]
) -> None:
    receivers = [{**receiver, "severities": wanted} for receiver, wanted in zip(RECEIVERS, severities, strict=True)]
    mild = [severity for severity in muted if severity in {"medium", "low"}] or ["low"]
    timings = [nights(severities=mild), {"name": "sundays", "weekdays": ["sunday"]}]
    body = notifying({"receivers": receivers, "muteTimings": timings}, alerts={"severityMap": severity_map})
    tree = tree_of(body)

    for severity in Severity:
        exported = severity_map.get(severity.value, severity.value)
        told = mutes_of(tree, OWN | {"severity": exported})
        assert told
        assert "crm-unrouted" not in told
        for receiver, wanted in zip(RECEIVERS, severities, strict=True):
            if severity in wanted:
                assert f"crm/crm/{receiver['name']}" in told
        if severity in {Severity.CRITICAL, Severity.HIGH}:
            assert not any(told.values())


def test_the_identity_is_always_in_group_by() -> None:
    (route,) = fragment_of(notifying({"groupBy": ["alertname", "namespace"]})).routes

    assert route["group_by"] == ["alertname", "namespace", "crm_monitoring"]


def test_the_cluster_is_in_group_by_and_in_inhibition_when_the_administrator_names_it() -> None:
    fragment = fragment_of(notifying(), RenderSettings(cluster="eu-1"))

    assert "cluster" in fragment.routes[0]["group_by"]
    assert all("cluster" in rule["equal"] for rule in fragment.inhibit_rules)


def test_durations_are_written_as_alertmanager_reads_them() -> None:
    timing = {"groupWait": "90s", "groupInterval": "60000ms", "repeatInterval": "90m"}
    (route,) = fragment_of(notifying(timing)).routes

    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("1m30s", "1m", "1h30m")


def test_a_resource_without_notifications_has_no_routing() -> None:
    assert part_of(minimal()) == Part()


@pytest.mark.parametrize("broken", [None, b"", b"not a key\n"], ids=["missing", "empty", "malformed"])
def test_one_bad_credential_holds_the_whole_fragment(broken: bytes | None) -> None:
    body = notifying()
    part = part_of(body, secrets_for(body, {"pagerduty-routing-key": broken}))

    assert part.fragment is None
    assert part.fragment_held
    assert [finding.condition for finding in part.findings] == [ConditionType.NOTIFICATIONS]


def test_a_mistake_that_the_schema_lets_through_is_found_before_alertmanager_finds_it() -> None:
    email = {**EMAIL["email"], "authUsername": "$(POD_NAME)"}
    part = part_of(notifying({"receivers": [{"name": "email", "email": email}]}))

    assert part.fragment_held
    assert [finding.reason for finding in part.findings] == [Reason.FRAGMENT_INVALID]
    assert "holds $(NAME)" in part.findings[0].message


def test_credentials_appear_only_where_alertmanager_needs_them() -> None:
    canaries = {
        "pagerduty-routing-key": b"cafe0000cafe0000cafe0000cafe0000",
        "slack-webhook-url": b"https://hooks.slack.com/canary-slack",
        "smtp-password": b"canary-password",
        "audit-url": b"https://audit.example.com/canary-audit",
        "heartbeat-url": b"https://heartbeat.example.com/canary-heartbeat",
    }
    body = notifying(WATCHDOG)
    secrets = secrets_for(body, canaries)
    part = part_of(body, secrets)
    assert part.fragment is not None
    elsewhere = [
        *(f"{shown}" for value in (part, part.fragment, secrets) for shown in (repr(value), str(value), f"{value}")),
        *texts(part.fragment.routes),
        *texts(part.fragment.inhibit_rules),
        *texts(part.fragment.time_intervals),
    ]

    in_receivers = list(texts(part.fragment.receivers))
    for canary in canaries.values():
        assert in_receivers.count(canary.decode()) == 1
        assert not any(canary.decode() in text for text in elsewhere)


def test_the_same_resource_gives_the_same_fragment() -> None:
    assert fragment_of(full()) == fragment_of(full())
