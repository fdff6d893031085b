"""When the CRM's own figures make an alert."""

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from crm_monitoring.contract import alerts as contract
from crm_monitoring.instrumentation.alerts.conditions import CONDITIONS, judge


def firing(metrics: dict[str, Any], thresholds: dict[str, float] | None = None) -> list[str]:
    findings = judge(metrics, thresholds or {}).findings
    return [
        f.condition.stock.name.removeprefix("CRM") + (f"/{f.entry}" if f.entry else "") for f in findings if f.breached
    ]


def test_every_alert_of_the_product_has_a_condition() -> None:
    assert tuple(condition.stock for condition in CONDITIONS) == contract.STOCK


@dataclass
class Case:
    metrics: dict[str, Any]
    alerts: list[str] = field(default_factory=list)


CASES = {
    "no figures": Case({}),
    "one refused login": Case({"auth_failures": 1}, ["AuthenticationFailure"]),
    "no refused login": Case({"auth_failures": 0}),
    "refused logins by provider": Case({"auth_failures": {"twilio": 2, "smtp": 0}}, ["AuthenticationFailure/twilio"]),
    "all channels failed": Case({"all_channels_failed": True}, ["AllChannelsFailed"]),
    "not all channels failed": Case({"all_channels_failed": False}),
    "delivery rate at the threshold": Case({"delivery_rate": 0.9}),
    "delivery rate below it": Case({"delivery_rate": 0.8999}, ["DeliveryRateLow"]),
    "delivery rate of too few": Case({"delivery_rate": 0.0, "total_sent": 19}),
    "delivery rate of just enough": Case({"delivery_rate": 0.0, "total_sent": 20}, ["DeliveryRateLow"]),
    "delivery rate by channel": Case(
        {
            "delivery_rate": {"sms": 0.5, "email": 0.99, "chat": 0.1},
            "total_sent": {"sms": 100, "email": 100, "chat": 3},
        },
        ["DeliveryRateLow/sms"],
    ),
    "API error rate at the threshold": Case({"api_error_rate": 0.05, "api_requests": 1000}),
    "API error rate above it": Case({"api_error_rate": 0.051, "api_requests": 50}, ["APIErrorRateHigh"]),
    "API error rate of too few": Case({"api_error_rate": 1.0, "api_requests": 49}),
    "a channel is down": Case({"channel_available": {"sms": 0, "email": True}}, ["ChannelUnavailable/sms"]),
    "the channel is down": Case({"channel_available": False}, ["ChannelUnavailable"]),
    "retry rate at the threshold": Case({"retry_rate": 0.2}),
    "more retries than communications": Case({"retry_rate": 1.5}, ["RetryRateHigh"]),
    "open rate at the threshold": Case({"open_rate": 0.4}),
    "open rate of one message type": Case({"open_rate": {"welcome": 0.39, "other": 0.9}}, ["EmailOpenRateLow/welcome"]),
    "open rate of too few": Case({"open_rate": 0.1, "emails_delivered": 49}),
    "fallback rate at the threshold": Case({"fallback_rate": 0.1}),
    "fallback rate above it": Case({"fallback_rate": 0.11}, ["FallbackUsageHigh"]),
    "cache miss rate at the threshold": Case({"cache_miss_rate": 0.5}),
    "cache miss rate above it": Case({"cache_miss_rate": 0.51, "cache_lookups": 100}, ["CacheMissRateHigh"]),
    "cache miss rate of too few": Case({"cache_miss_rate": 0.51, "cache_lookups": 99}),
    "delivery time at the threshold": Case({"delivery_time_p95_seconds": 300}),
    "delivery time above it": Case({"delivery_time_p95_seconds": 301, "deliveries": 20}, ["DeliveryTimeSlow"]),
    "delivery time beyond the largest bucket": Case({"delivery_time_p95_seconds": math.inf}, ["DeliveryTimeSlow"]),
    "delivery time of too few": Case({"delivery_time_p95_seconds": 301, "deliveries": 19}),
    "queue at the threshold": Case({"queue_size": 100}),
    "a queue above it": Case({"queue_size": {"high": 101, "low": 7}}, ["QueueSizeHigh/high"]),
    "a figure without data": Case({"delivery_rate": math.nan}),
    "a figure that is None": Case({"delivery_rate": None}),
    "a decimal number": Case({"delivery_rate": Decimal("0.5")}, ["DeliveryRateLow"]),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    assert firing(CASES[case].metrics) == CASES[case].alerts
    assert not judge(CASES[case].metrics, {}).unread


class Hostile:
    def __float__(self) -> float:
        raise RuntimeError("no")


UNREAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"sent": 1}, "is not a known figure"),
    "a percentage": ({"delivery_rate": 85}, "must be a number from 0 to 1, or a mapping of channel to such numbers"),
    "a text": ({"queue_size": "12"}, "must be a number from 0, or a mapping of priority to such numbers"),
    "a negative count": ({"auth_failures": -1}, "must be a number from 0, or a mapping of api to such numbers"),
    "a list": ({"retry_rate": [1]}, "must be a number from 0, or a mapping of channel to such numbers"),
    "a mapping where one number makes sense": ({"cache_miss_rate": {"a": 1}}, "must be a number from 0 to 1"),
    "an object that cannot be a number": ({"cache_miss_rate": Hostile()}, "must be a number from 0 to 1"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_what_cannot_be_read_is_reported(case: str) -> None:
    metrics, why = UNREAD[case]
    judgement = judge(metrics, {})
    assert judgement.findings == ()
    assert dict(judgement.unread) == {next(iter(metrics)): why}


def test_a_threshold_can_be_replaced() -> None:
    assert firing({"delivery_rate": 0.93}, {"CRMDeliveryRateLow": 0.95}) == ["DeliveryRateLow"]


SENTENCES: dict[str, dict[str, Any]] = {
    "Delivery rate is 85.0%, below 90.0%": {"delivery_rate": 0.85},
    "95th percentile of the delivery time is 420 s, above 300 s": {"delivery_time_p95_seconds": 420.0},
    "150 communications wait, more than 100": {"queue_size": 150},
    "A provider refused the CRM's credentials: 3 failures": {"auth_failures": 3},
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_an_alert_says_the_numbers(sentence: str) -> None:
    (finding,) = judge(SENTENCES[sentence], {}).findings
    assert finding.condition.sentence(finding.value, finding.threshold) == sentence
