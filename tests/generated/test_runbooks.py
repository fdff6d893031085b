"""Every alert has a runbook that somebody who is woken by it can use."""

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

import runbooks
from crm_monitoring.api.validation import load, validate
from crm_monitoring.contract import alerts, labels, metrics, recorded
from crm_monitoring.contract.metrics import MetricType
from crm_monitoring.render import slo as burning
from crm_monitoring.render.promql import UP
from support.resources import full, minimal
from support.rules import rules_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = {page.path.rpartition("/")[2].removesuffix(".md"): page.content for page in runbooks.pages()}
INDEX = PAGES.pop("README")
SUFFIXES = ("", "_bucket", "_count", "_sum")

TROUBLESHOOTING = {
    "CRMAPIErrorRateHigh": (
        "Check `crm_api_errors_total` metric for error types",
        "Review logs for detailed error messages",
        "Verify API credentials and quotas",
        "Check external API status pages",
    ),
    "CRMDeliveryRateLow": (
        "Check `crm_communications_total` by status",
        "Review `crm_retry_attempts_total` for retry patterns",
        "Check `crm_channel_availability` for channel issues",
        "Review logs for specific failure reasons",
    ),
    "CRMDeliveryTimeSlow": (
        "Check `crm_delivery_time_seconds` histogram",
        "Review `crm_active_communications` for processing bottlenecks",
        "Check database and cache performance",
        "Review external API response times",
    ),
}
"""The steps of the product's monitoring document, by the alert that they are for."""
STEPS = [(alert, number, step) for alert, steps in TROUBLESHOOTING.items() for number, step in enumerate(steps, 1)]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def queries(name: str) -> list[str]:
    lines = (line for block in blocks(PAGES[name], "promql") for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def known() -> set[str]:
    """Return the names of every series that the contract has, recorded ones at their windows of an objective included."""
    names = {
        metric.name + suffix
        for metric in metrics.ALL
        for suffix in (SUFFIXES[1:] if metric.type is MetricType.HISTOGRAM else SUFFIXES[:1])
    }
    names |= {series.name() for series in recorded.ALL}
    lengths = {length for burn in (*burning.FAST, *burning.SLOW) for length in (burn.minutes, burn.minutes // 12)}
    names |= {recorded.SLO_ERROR_RATIO.name(burning.minutes(length)) for length in lengths}
    return names | {UP, "ALERTS"}


def matchers(selector: promql_parser.VectorSelector) -> dict[str, str]:
    return {matcher.name: matcher.value for matcher in selector.matchers.matchers}


def test_every_alert_of_a_resource_with_every_block_has_the_page_that_it_links_to() -> None:
    custom = {each["alert"] for each in full()["spec"]["alerts"]["custom"]}
    rules = [rule for rule in rules_of(full()) if "alert" in rule and rule["alert"] not in custom]
    linked = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules}
    assert {name: url.rpartition("/")[2] for name, url in linked.items()} == {name: f"{name}.md" for name in linked}
    assert {name for name in linked if not (FOLDER / f"{name}.md").is_file()} == set()
    assert alerts.WATCHDOG in linked


def test_there_is_a_page_and_a_part_for_each_alert_and_none_for_an_alert_that_is_gone() -> None:
    assert set(PAGES) == {*(alert.name for alert in alerts.ALL), alerts.WATCHDOG}
    assert {path.stem for path in FOLDER.glob("*.md")} == {*PAGES, "README"}
    assert {path.stem for path in runbooks.PARTS.iterdir()} == set(PAGES)


@pytest.mark.parametrize(("alert", "number", "step"), STEPS)
def test_a_runbook_holds_each_step_of_the_products_troubleshooting_in_its_order(
    alert: str, number: int, step: str
) -> None:
    todo = PAGES[alert].partition("## What to do")[2].partition("\n## ")[0]
    assert f"\n{number}. **{step}.**" in todo


def test_all_twelve_steps_of_the_products_troubleshooting_are_looked_for() -> None:
    assert len(STEPS) == 12


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_runbook_says_what_to_run_and_to_do(name: str) -> None:
    for title in runbooks.SECTIONS:
        assert f"\n## {title}\n" in PAGES[name]
    assert queries(name)
    assert "\n1. " in PAGES[name].partition("## What to do")[2]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_query_reads_series_of_the_contract_and_of_one_resource_only(name: str) -> None:
    allowed = known()
    for query in queries(name):
        found = selectors(query)
        assert found or query == "vector(1)", query
        for selector in found:
            asked = matchers(selector)
            named = selector.name or asked["__name__"]
            assert named in allowed or _only_known(named, allowed), query
            assert (asked[labels.NAMESPACE], asked[labels.RESOURCE]) == (runbooks.NAMESPACE, runbooks.NAME), query


def _only_known(pattern: str, allowed: set[str]) -> bool:
    """Return whether a pattern of names matches metrics of the contract and nothing that Prometheus has besides."""
    return any(re.fullmatch(pattern, name) for name in allowed) and not re.fullmatch(pattern, "node_load1")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_label_that_a_query_names_belongs_to_the_metric_that_it_reads(name: str) -> None:
    own = {metric.name + suffix: set(metric.label_names) for metric in metrics.ALL for suffix in SUFFIXES}
    for query in queries(name):
        for selector in selectors(query):
            extra = set(matchers(selector)) - {*labels.IDENTITY, "le", "__name__"}
            if selector.name in own:
                assert extra <= own[selector.name], query


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_value_of_a_closed_label_that_a_query_names_exists(name: str) -> None:
    closed = {label.name: {*label.values, ""} for metric in metrics.ALL for label in metric.labels if label.values}
    for query in queries(name):
        for selector in selectors(query):
            for label, value in matchers(selector).items():
                assert set(value.split("|")) <= closed.get(label, {value, *value.split("|")}), query


@pytest.mark.parametrize("name", sorted({alert.name for alert in alerts.ALL}))
def test_the_example_of_an_override_is_accepted_and_is_about_the_alert(name: str) -> None:
    examples = blocks(PAGES[name], "yaml")
    assert examples
    for text in examples:
        change: dict[str, Any] = yaml.safe_load(text)["spec"]
        assert list(change["alerts"]["overrides"]) == [name]
        assert validate(load(minimal(change))).problems == ()


@pytest.mark.parametrize("name", sorted({alert.name for alert in alerts.ALL}))
def test_the_fields_that_a_runbook_offers_are_accepted(name: str) -> None:
    (listed,) = re.findall(rf"^Fields of `spec\.alerts\.overrides\.{name}`: (.*)\.$", PAGES[name], re.MULTILINE)
    values: dict[str, Any] = {
        "window": "2h",
        "for": "3m",
        "keepFiringFor": "3m",
        "minimumVolume": 7,
        "severity": "low",
        "enabled": True,
        "labels": {"team": "x"},
        "annotations": {"team": "x"},
    }
    unit = next(alert.unit for alert in alerts.ALL if alert.name == name)
    values["threshold"] = {alerts.Unit.RATIO: "33%", alerts.Unit.SECONDS: "33s"}.get(unit, "33")
    fields = {field: values[field] for field in re.findall(r"`(\w+)`", listed)}
    assert validate(load(minimal({"alerts": {"overrides": {name: fields}}}))).problems == ()


@pytest.mark.parametrize("name", [*sorted(PAGES), "README"])
def test_every_link_of_a_runbook_leads_somewhere(name: str) -> None:
    text = PAGES.get(name, INDEX)
    missing = [target for target in re.findall(r"\]\(([^)#:]+)\)", text) if not (FOLDER / target).exists()]
    assert missing == []


def test_the_reference_links_every_alert_to_its_runbook_and_shows_its_expression() -> None:
    reference = (ROOT / "docs" / "reference" / "alerts.md").read_text(encoding="utf-8")
    for name in PAGES:
        assert f"[{name}](../runbooks/{name}.md)" in reference
        assert f"\n**{name}**: `" in reference


def test_a_sketch_leaves_out_the_identity_and_nothing_else() -> None:
    sketches = runbooks.sketches()
    assert sketches["CRMQueueSizeHigh"] == "`crm_priority:queue_size:current > 100`"
    assert not any(word in text for text in sketches.values() for word in (runbooks.NAMESPACE, "crm_monitoring"))
    for text in sketches.values():
        assert promql_parser.parse(text.partition("` (and")[0].strip("`"))


def test_no_placeholder_of_the_parts_is_left_in_a_page() -> None:
    for text in PAGES.values():
        assert not re.search(r"\bSELF\b|^LOG |^HEALTH$|the-namespace|the-name\b", text, re.MULTILINE)
