"""PromQL as text, read back by a parser of PromQL."""

from decimal import Decimal

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.contract import metrics, recorded
from crm_monitoring.render import promql
from crm_monitoring.render.promql import Scope
from support.resources import minimal, parsed

SCOPE = Scope("crm", "prod")
LEGACY = Scope("crm", "prod", "legacy")
PRINTABLE = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"))


def matchers(expression: str) -> dict[str, str]:
    selector = promql_parser.parse(expression)
    assert isinstance(selector, promql_parser.VectorSelector)
    assert not selector.matchers.or_matchers
    return {matcher.name: matcher.value for matcher in selector.matchers.matchers}


@given(PRINTABLE)
def test_a_quoted_value_is_read_back_unchanged(value: str) -> None:
    selector = promql.select(metrics.QUEUE_SIZE, SCOPE, priority=value)
    assert matchers(str(selector)) == {"namespace": "crm", "crm_monitoring": "prod", "priority": value}


@given(PRINTABLE, PRINTABLE)
def test_a_hostile_scope_cannot_leave_its_quotes(namespace: str, name: str) -> None:
    selector = promql.select(metrics.QUEUE_SIZE, Scope(namespace, name))
    assert matchers(str(selector)) == {"namespace": namespace, "crm_monitoring": name}


@given(st.lists(st.text(st.sampled_from('aZ9.+*?()|[]{}^$\\"-_ '), min_size=1), min_size=1, max_size=4))
def test_a_choice_of_values_is_a_valid_pattern(values: list[str]) -> None:
    selector = promql.select(metrics.QUEUE_SIZE, SCOPE, priority=promql.one_of(*values))
    assert "priority" in matchers(str(selector))


@pytest.mark.parametrize("character", ["\x00", "\t", "\r", "\x1f", "\x7f"])
def test_control_characters_are_refused(character: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        promql.quote(f"a{character}b")


def test_a_label_of_the_identity_cannot_be_overridden() -> None:
    assert 'namespace="crm"' in str(promql.select(metrics.QUEUE_SIZE, SCOPE, namespace="other"))


def test_series_of_an_existing_job_are_selected_by_namespace_and_job() -> None:
    assert str(promql.select(metrics.QUEUE_SIZE, LEGACY)) == 'crm_queue_size{job="legacy",namespace="crm"}'


def test_recorded_series_are_selected_by_identity_in_every_scope() -> None:
    assert str(promql.recorded(recorded.FINISHED, LEGACY)) == (
        'crm:communications_finished:increase30m{crm_monitoring="prod",namespace="crm"}'
    )


def test_aggregations_of_an_existing_job_gain_the_missing_half_of_the_identity() -> None:
    text = promql.total(promql.select(metrics.QUEUE_SIZE, LEGACY), LEGACY, "priority")
    assert text.startswith("label_replace(sum by (namespace, crm_monitoring, priority) (")
    assert text.endswith(', "crm_monitoring", "prod", "", "")')


def test_the_scope_of_a_resource_uses_the_job_only_without_a_monitor_of_ours() -> None:
    legacy = parsed(minimal({"metrics": {"monitor": "None", "existingJob": "legacy"}}))
    assert Scope.of(legacy) == Scope("crm", "crm", "legacy")
    assert Scope.of(parsed()) == Scope("crm", "crm")


BOUNDS = {
    "a whole number": ("300", "300([.]0)?"),
    "a fraction": ("0.5", "0\\.5"),
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bucket_is_matched_however_its_bound_is_spelled(bound: str) -> None:
    seconds, pattern = BOUNDS[bound]
    assert promql.bucket_bound(Decimal(seconds)).value == pattern


SHAPES = {
    "a ratio": (promql.ratio("bad", "all"), "(bad or 0 * all) / (all > 0)"),
    "a zero-filled expression": (promql.zero_filled("bad", "all"), "(bad or 0 * all)"),
    "a quantile": (promql.quantile("0.95", "buckets"), "histogram_quantile(0.95, buckets)"),
    "two conditions": (promql.both("a > 1", "b > 2"), "(a > 1) and (b > 2)"),
    "one of two conditions": (promql.either("a > 1", "b > 2"), "(a > 1) or (b > 2)"),
    "a condition with an exception": (promql.unless("a > 1", "b > 2"), "(a > 1) unless (b > 2)"),
    "a comparison": (promql.compare("a", "<", Decimal("0.90")), "a < 0.9"),
    "a window in its shortest spelling": (
        str(promql.select("up", SCOPE).over("90m").offset("24h")),
        'up{crm_monitoring="prod",namespace="crm"}[1h30m] offset 1d',
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_spelled_as_documented_and_parse(shape: str) -> None:
    text, expected = SHAPES[shape]
    assert text == expected
    promql_parser.parse(text)
