import pytest

from crm_monitoring.contract.alerts import Severity
from support.alerting import notifying, silenced, texts, tree_of

OWN = {"namespace": "crm", "crm_monitoring": "crm"}

INHIBITED: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "a refused provider silences milder alerts of the same provider": (
        {"alertname": "CRMAuthenticationFailure", "severity": "critical", "api": "twilio"},
        {"alertname": "CRMAPIErrorRateHigh", "severity": "high", "api": "twilio"},
        True,
    ),
    "a refused provider says nothing about another provider": (
        {"alertname": "CRMAuthenticationFailure", "severity": "critical", "api": "twilio"},
        {"alertname": "CRMAPIErrorRateHigh", "severity": "high", "api": "smtp"},
        False,
    ),
    "a critical alert without a scope silences nothing by its severity": (
        {"alertname": "Custom", "severity": "critical"},
        {"alertname": "CRMCacheMissRateHigh", "severity": "low"},
        False,
    ),
    "a milder alert does not silence a critical one": (
        {"alertname": "CRMAPIErrorRateHigh", "severity": "high", "api": "twilio"},
        {"alertname": "CRMAuthenticationFailure", "severity": "critical", "api": "twilio"},
        False,
    ),
    "the failure of all channels silences what is said about one": (
        {"alertname": "CRMAllChannelsFailed", "severity": "critical"},
        {"alertname": "CRMChannelUnavailable", "severity": "high", "channel": "sms"},
        True,
    ),
    "the failure of all channels does not silence a refused provider": (
        {"alertname": "CRMAllChannelsFailed", "severity": "critical"},
        {"alertname": "CRMAuthenticationFailure", "severity": "critical", "api": "twilio"},
        False,
    ),
    "missing targets silence missing metrics": (
        {"alertname": "CRMTargetsMissing", "severity": "critical"},
        {"alertname": "CRMMetricMissing", "severity": "medium", "metric": "crm_queue_size"},
        True,
    ),
    "a channel that is down silences its own rates": (
        {"alertname": "CRMChannelUnavailable", "severity": "high", "channel": "sms"},
        {"alertname": "CRMDeliveryRateLow", "severity": "high", "channel": "sms", "scope": "channel"},
        True,
    ),
    "a channel that is down does not silence another's rates": (
        {"alertname": "CRMChannelUnavailable", "severity": "high", "channel": "sms"},
        {"alertname": "CRMDeliveryRateLow", "severity": "high", "channel": "email", "scope": "channel"},
        False,
    ),
    "a channel that is down does not silence the overall rate": (
        {"alertname": "CRMChannelUnavailable", "severity": "high", "channel": "sms"},
        {"alertname": "CRMDeliveryRateLow", "severity": "high", "scope": "overall"},
        False,
    ),
    "a fast burn silences the slow one of the same objective": (
        {"alertname": "CRMErrorBudgetBurnFast", "severity": "critical", "slo": "delivery"},
        {"alertname": "CRMErrorBudgetBurnSlow", "severity": "medium", "slo": "delivery"},
        True,
    ),
    "a fast burn does not silence another objective": (
        {"alertname": "CRMErrorBudgetBurnFast", "severity": "critical", "slo": "delivery"},
        {"alertname": "CRMErrorBudgetExhausted", "severity": "medium", "slo": "latency"},
        False,
    ),
    "nothing silences the watchdog": (
        {"alertname": "CRMAllChannelsFailed", "severity": "critical"},
        {"alertname": "CRMWatchdog", "severity": "none"},
        False,
    ),
}


@pytest.mark.parametrize(("source", "target", "expected"), INHIBITED.values(), ids=INHIBITED)
def test_causes_silence_their_consequences(source: dict[str, str], target: dict[str, str], expected: bool) -> None:
    tree = tree_of(notifying())

    assert silenced(tree, OWN | source, OWN | target) is expected


@pytest.mark.parametrize(("source", "target", "expected"), INHIBITED.values(), ids=INHIBITED)
def test_nothing_silences_an_alert_of_another_resource(
    source: dict[str, str], target: dict[str, str], expected: bool
) -> None:
    tree = tree_of(notifying(), notifying(name="other"))
    others: tuple[dict[str, str], ...] = (
        {"namespace": "crm", "crm_monitoring": "other"},
        {"namespace": "x", "crm_monitoring": "crm"},
        {},
    )

    for other in others:
        assert not silenced(tree, OWN | source, {**other, **target})
        assert not silenced(tree, {**other, **source}, OWN | target)


def test_inhibition_follows_the_exported_names() -> None:
    tree = tree_of(notifying(alerts={"severityMap": {"critical": "page", "high": "page", "low": "info"}}))
    source = OWN | {"severity": "page", "api": "twilio"}

    assert silenced(tree, source, OWN | {"severity": "info", "api": "twilio"})
    assert not silenced(tree, source, OWN | {"severity": "page", "api": "twilio"})


def test_nothing_is_inhibited_by_severity_when_all_are_exported_under_one_name() -> None:
    one_name = {severity.value: "page" for severity in Severity}
    tree = tree_of(notifying(alerts={"severityMap": one_name}))

    assert not any("severity" in text for rule in tree["inhibit_rules"] for text in texts(rule))
