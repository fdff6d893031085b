"""Faults seeded into the rules: each is valid PromQL, and the cases must notice every one of them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promql.cases import anomaly, channels, delivery, monitoring, objectives, providers
from support import promtool

CASES = {**delivery.CASES, **channels.CASES, **providers.CASES, **monitoring.CASES, **objectives.CASES, **anomaly.CASES}


@dataclass(frozen=True, slots=True)
class Fault:
    """A replacement in the rules of one name, and the alert whose cases must fail."""

    rule: str
    old: str
    new: str
    noticed_by: str
    field: str = "expr"


LOW, AUTH, ALL, API = "CRMDeliveryRateLow", "CRMAuthenticationFailure", "CRMAllChannelsFailed", "CRMAPIErrorRateHigh"
DOWN, PARTLY, STUCK, LONG = (
    "CRMChannelUnavailable",
    "CRMChannelPartiallyUnavailable",
    "CRMQueueStuck",
    "CRMQueueSizeHigh",
)
MISSING, VIOLATION, TARGETS = "CRMMetricMissing", "CRMContractViolation", "CRMTargetsMissing"
FAST, SLOW, SPENT = "CRMErrorBudgetBurnFast", "CRMErrorBudgetBurnSlow", "CRMErrorBudgetExhausted"
RETRY, FALLBACK, CACHE, OPEN = "CRMRetryRateHigh", "CRMFallbackUsageHigh", "CRMCacheMissRateHigh", "CRMEmailOpenRateLow"
TIME, FLAPS, TRAFFIC = "CRMDeliveryTimeSlow", "CRMChannelFlapping", "CRMTrafficAnomalous"

FAULTS = {
    "the delivery threshold is too low": Fault(LOW, "< 0.9\\b", "< 0.8", LOW),
    "the delivery threshold is too high": Fault(LOW, "< 0.9\\b", "< 0.95", LOW),
    "the delivery alert needs no volume": Fault(LOW, ">= 20", ">= 0", LOW),
    "the quiet variant fires for two failures": Fault(LOW, "> 2\\b", "> 1", LOW),
    "the quiet variant takes the plain share": Fault("crm:communications_failed:wilson_lower30m", "1\\.645", "0", LOW),
    "the delivery alert fires at once": Fault(LOW, "5m", "0s", LOW, "for"),
    "failures are not filled with zeros": Fault(
        "crm_channel:communications_failed:increase30m", "or 0 .*", "or vector(0) < 0)", LOW
    ),
    "opened e-mails count as finished": Fault(
        "crm_channel:communications_finished:increase30m", "delivered\\|", "delivered|opened|clicked|", LOW
    ),
    "bounced e-mails do not count as failed": Fault(
        "crm_channel:communications_failed:increase30m", "failed\\|bounced", "failed", LOW
    ),
    "recording is not confined to the resource": Fault(
        "crm_channel:communications_finished:increase30m", 'crm_monitoring="crm",', "", LOW
    ),
    "recording is not confined to the namespace": Fault(
        "crm_channel:communications_finished:increase30m", ',namespace="crm"', "", LOW
    ),
    "resets are not seen": Fault("crm_channel:communications_failed:increase30m", "increase", "delta", LOW),
    "an outage is judged by the gauges alone": Fault(ALL, " or \\(\\(sum.*", "", ALL),
    "one unavailable channel counts as an outage": Fault(ALL, "max by", "min by", ALL),
    "an outage ignores deliveries that were just born": Fault(ALL, " or \\(sum by .*offset 10m\\) > 0\\)", "", ALL),
    "an outage needs no ten failures": Fault(ALL, ">= 10", ">= 1", ALL),
    "new counters of refusals are not seen": Fault(AUTH, "\\) or \\(sum.*", ")", AUTH),
    "old totals of a new Prometheus count": Fault(AUTH, " and on \\(namespace\\) count.*$", ") > 0)", AUTH),
    "a target that comes back counts as new": Fault(AUTH, "offset 10m == 0", "offset 10m == 7", AUTH),
    "rate limits count as refusals": Fault(AUTH, 'error_type=~"auth\\|', 'error_type=~"rate_limit|auth|', AUTH),
    "refusals of all providers are one alert": Fault(AUTH, ", api\\)", ")", AUTH),
    "the API threshold is too high": Fault(API, "> 0.05", "> 0.1", API),
    "API errors need no volume": Fault(API, ">= 50", ">= 0", API),
    "requests are never estimated": Fault("crm_api:requests:increase15m", " or \\(\\(0 .*", "", API),
    "requests are always estimated": Fault("crm_api:requests:increase15m", "^\\(sum.*?\\)\\)\\) or ", "", API),
    "one bad replica makes the channel unavailable": Fault("crm_channel:availability:max", "^max", "min", PARTLY),
    "all replicas must be bad for a part": Fault("crm_channel:availability:min", "^min", "max", PARTLY),
    "all replicas down count as a part": Fault(PARTLY, " unless .*", "", PARTLY),
    "a channel away for a minute pages": Fault(DOWN, "2m", "0s", DOWN, "for"),
    "a channel that came back ends at once": Fault(DOWN, "5m", "1s", DOWN, "keep_firing_for"),
    "four changes are flapping": Fault(FLAPS, "> 6", "> 5", FLAPS),
    "queues of replicas are not added": Fault("crm_priority:queue_size:current", "^sum", "max", LONG),
    "queues are averaged over time": Fault(
        "crm_priority:queue_size:current", r"\((crm_queue_size\{[^}]*\})\)", r"(avg_over_time(\1[30m]))", LONG
    ),
    "a burst fills the queue": Fault(LONG, "10m", "1m", LONG, "for"),
    "taking work in is progress": Fault(STUCK, 'status!~"queued"', 'status!~"none"', STUCK),
    "a moment of waiting is stuck": Fault(STUCK, "min_over_time", "max_over_time", STUCK),
    "progress does not matter": Fault(STUCK, " unless on .*", "", STUCK),
    "retries without an end are not seen": Fault(
        "crm:retries:ratio_rate30m", "clamp_min\\((.*), 1\\)", r"(\1 > 0)", RETRY
    ),
    "few retries count": Fault(RETRY, ">= 20", ">= 0", RETRY),
    "the fallback threshold is too low": Fault(FALLBACK, "> 0.1\\b", "> 0.04", FALLBACK),
    "few communications judge fallbacks": Fault(FALLBACK, ">= 20", ">= 0", FALLBACK),
    "a cache without hits is not seen": Fault("crm:cache_lookups:increase30m", r"^\(\((sum.*?) or .*", r"\1", CACHE),
    "few look-ups count": Fault(CACHE, ">= 100", ">= 0", CACHE),
    "nobody's e-mails are judged": Fault(OPEN, ">= 50", ">= 0", OPEN),
    "text messages count as e-mails": Fault(
        "crm_message_type:emails_delivered:increase1d", 'channel="email",', "", OPEN
    ),
    "another quantile is taken": Fault("crm_channel:delivery_time_seconds:p95_rate15m", "0\\.95", "0.99", TIME),
    "few deliveries count": Fault(TIME, ">= 20", ">= 0", TIME),
    "one missing target of two pages": Fault(TARGETS, "absent\\((.*) == 1\\)", r"\1 == 0", TARGETS),
    "idle metrics are missing": Fault(MISSING, r"\(increase\(([^)]*)\) > 0\)", r"(present_over_time(\1))", MISSING),
    "only crm_info itself is known": Fault(MISSING, "crm_info\\|crm_info_info", "crm_info", MISSING),
    "a share of 1 is a percentage": Fault(VIOLATION, "> 1$", "> 0.9", VIOLATION),
    "buckets may end at the threshold": Fault(VIOLATION, "<= 300", "< 300", VIOLATION),
    "a bound is spelled in one way": Fault(VIOLATION, "\\(\\[[.]\\]0\\)\\?", "[.]0", VIOLATION),
    "the fast burn is too slow": Fault(FAST, "> 0.3\\b", "> 0.9", FAST),
    "a short blip is a fast burn": Fault(FAST, "and \\(crm:slo_errors:ratio_rate(5|30)m[^)]*\\) ", "", FAST),
    "few events burn a budget": Fault(FAST, ">= 20", ">= 0", FAST),
    "ratios are averaged instead of events": Fault(
        "crm:slo_errors:ratio_rate6h",
        "^.*$",
        'avg_over_time(crm:slo_errors:ratio_rate5m{namespace="crm",crm_monitoring="crm",slo="delivery"}[6h])',
        SLOW,
    ),
    "the slow burn has no warm-up": Fault(SLOW, ">= (120|360)\\)", ">= 0)", SLOW),
    "a spent budget has no warm-up": Fault(SPENT, ">= 1008", ">= 0", SPENT),
    "the band is that of yesterday": Fault("crm:traffic_expected:median1h", "offset 7d", "offset 1d", TRAFFIC),
    "the earliest week alone is usual": Fault("crm:traffic_expected:median1h", "0\\.5,", "0,", TRAFFIC),
    "the first hour counts": Fault(
        "crm:traffic:increase1h", " and \\(count by [^)]*\\) \\(up\\{[^}]*\\} offset 1h == 1\\)\\)", "", TRAFFIC
    ),
    "targets that are away count as traffic of zero": Fault(
        "crm:traffic:increase1h", " and \\(count by [^)]*\\) \\(up\\{[^}]*\\} == 1\\)\\)", "", TRAFFIC
    ),
    "failed communications are no traffic": Fault("crm:traffic:increase1h", 'delivered\\|.*?"', 'delivered"', TRAFFIC),
    "few communications are a band": Fault("crm:traffic_expected:lower1h", " - 3 [*] sqrt.*, 0", ", 0", TRAFFIC),
    "a little more is far more": Fault("crm:traffic_expected:upper1h", "1\\.3", "1.1", TRAFFIC),
    "late deliveries are taken for good": Fault("crm:slo_errors:rate5m", "300\\(\\[[.]\\]0\\)\\?", "600", FAST),
}


def mutated(rules: dict[str, Any], fault: Fault) -> dict[str, Any] | None:
    """Return the rules with the fault, or None where it changes nothing."""
    changed = False

    def each(rule: dict[str, Any]) -> dict[str, Any]:
        nonlocal changed
        if fault.rule not in (rule.get("alert"), rule.get("record")) or fault.field not in rule:
            return rule
        new = re.sub(fault.old, fault.new, rule[fault.field], flags=re.DOTALL)
        changed = changed or new != rule[fault.field]
        return {**rule, fault.field: new}

    groups = [{**group, "rules": [each(rule) for rule in group["rules"]]} for group in rules["groups"]]
    return {"groups": groups} if changed else None


def write_mutants(directory: Path, fault: Fault) -> Iterator[Path]:
    cases = {name: case for name, case in CASES.items() if case.about == fault.noticed_by}
    for index, (rules, tests) in enumerate(promtool.documents(cases)):
        if faulty := mutated(rules, fault):
            yield promtool.write(directory, str(index), faulty, tests)


@pytest.mark.mutation
@pytest.mark.parametrize("story", FAULTS)
def test_a_fault_is_noticed(tool: Callable[[str], Path], tmp_path: Path, story: str) -> None:
    tests = list(write_mutants(tmp_path, FAULTS[story]))
    assert tests, "the fault changes no rule: mend the fault"
    valid = promtool.run(tool("promtool"), "check", "rules", *tmp_path.glob("*-rules.yaml"))
    assert valid.returncode == 0, "the fault is not valid PromQL: " + valid.stdout + valid.stderr
    result = promtool.run(tool("promtool"), "test", "rules", *tests)
    assert result.returncode != 0, "no case notices the fault"
    assert "FAILED" in result.stdout + result.stderr
