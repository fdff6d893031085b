"""An author's PromQL stays within the resource's own series, within bounded cost, and within what every Prometheus reads."""

import pytest

from crm_monitoring.api.promql_check import always_fires, faults

ACCEPTED = [
    "crm_queue_size > 10",
    'sum by (channel) (rate(crm_communications_total{status="failed"}[5m])) > 0.1',
    "absent(crm_info)",
    "histogram_quantile(0.95, sum by (le) (rate(crm_delivery_time_seconds_bucket[15m]))) > 60",
    "crm_queue_size / on (namespace) group_left (version) crm_info > 1",
    "max_over_time(sum(crm_queue_size)[1d:1m]) > 100",
    "crm_queue_size > 2 * (crm_queue_size offset 1d)",
    "vector(1)",
    "time() - timestamp(crm_info) > 300",
    "topk(3, crm_queue_size) > 10",
    "-crm_queue_size < -10",
    "crm_queue_size > 10 and ignoring (priority) crm_channel_availability == 0",
]

REFUSED = {
    "nothing": ("", "is not PromQL"),
    "an open parenthesis": ("sum(crm_queue_size", "is not PromQL"),
    "a Grafana variable": ("rate(crm_queue_size[$__rate_interval]) > 1", "is not PromQL"),
    "a rate without a range": ("rate(crm_queue_size) > 1", "is not PromQL"),
    "an unknown function": ("predict(crm_queue_size) > 1", "is not PromQL"),
    "a number": ("42", "single number"),
    "a comparison of numbers": ("scalar(crm_queue_size) > bool 1", "single number"),
    "a text": ('"crm_queue_size"', "gives a text"),
    "a range": ("crm_queue_size[5m]", "gives a range of values"),
    "a subquery alone": ("crm_queue_size[5m:1m]", "gives a range of values"),
    "no metric": ('{job="crm"} > 1', "name of a metric"),
    "no metric within a function": ('sum(rate({job="crm"}[5m])) > 1', "name of a metric"),
    "no metric within a parameter": ('topk(scalar({a="b"}), crm_queue_size) > 1', "name of a metric"),
    "every metric": ('count({__name__=~".+"}) > 1', "name of a metric"),
    "a metric name in quotes": ('{"crm.queue"} > 1', "name of a metric"),
    "another namespace": ('crm_queue_size{namespace="other"} > 1', "must not match namespace"),
    "any namespace": ('crm_queue_size{namespace=~".*"} > 1', "must not match namespace"),
    "another resource": ('crm_queue_size{crm_monitoring!="crm"} > 1', "must not match crm_monitoring"),
    "an alternative of matchers": ('crm_queue_size{a="b" or c="d"} > 1', "`or` between matchers"),
    "a label in quotes": ('crm_queue_size{"a.b"="c"} > 1', "labels made of letters"),
    "a fixed time": ("crm_queue_size @ end() > 1", "must not use @"),
    "a fixed time of a subquery": ("max_over_time(crm_queue_size[1h:1m] @ 0) > 1", "must not use @"),
    "a long offset": ("crm_queue_size offset 25h > 1", "offset of more than 1d"),
    "a long offset into the future": ("crm_queue_size offset -25h > 1", "offset of more than 1d"),
    "a long range": ("increase(crm_queue_size[25h]) > 1", "more than 1d"),
    "a long subquery": ("max_over_time(crm_queue_size[2d:5m]) > 1", "more than 1d"),
    "a fine subquery": ("max_over_time(crm_queue_size[1d:1s]) > 1", "more than 1500 times"),
    "a subquery within a subquery": (
        "max_over_time(max_over_time(crm_queue_size[1h:1m])[1h:1m]) > 1",
        "subquery within a subquery",
    ),
    "a look at other targets": ("info(crm_queue_size) > 1", "info is not in every supported"),
    "an experimental function": ("mad_over_time(crm_queue_size[5m]) > 1", "mad_over_time is not"),
    "a function of late versions": ("first_over_time(crm_queue_size[5m]) > 1", "first_over_time is not"),
    "an experimental aggregation": ("limitk(1, crm_queue_size) > 1", "limitk is experimental"),
    "an experimental filling": ("crm_queue_size + fill(0) crm_queue_size > 1", "fill is experimental"),
}


@pytest.mark.parametrize("expression", ACCEPTED)
def test_an_ordinary_expression_is_accepted(expression: str) -> None:
    assert faults(expression) == ()


@pytest.mark.parametrize("sentence", REFUSED)
def test_is_refused(sentence: str) -> None:
    expression, words = REFUSED[sentence]

    assert words in " ".join(map(str, faults(expression)))


def test_every_fault_is_reported_with_its_place() -> None:
    assert [str(fault) for fault in faults("rate(a[2d]) + info(b @ 5)")] == [
        "must not look at more than 1d (at character 7)",
        "info is not in every supported Prometheus, or experimental there (at character 15)",
        "must not use @ (at character 22)".replace("@", "@; an alert looks at now"),
    ]


@pytest.mark.parametrize(
    "expression", ["(" * 1000 + "a" + ")" * 1000, "-" * 1000 + "a > 1", "a > " + "1 + " * 1000 + "1"]
)
def test_deep_nesting_is_refused(expression: str) -> None:
    assert [str(fault) for fault in faults(expression)] == ["must not be nested more than 100 deep"]


def test_a_bool_comparison_always_fires() -> None:
    assert always_fires("(crm_queue_size > bool 10)")
    assert not always_fires("crm_queue_size > 10")
    assert not always_fires("(crm_queue_size > bool 10) == 1")
