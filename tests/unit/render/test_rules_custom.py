"""Expressions of users, confined to one resource or refused with a reason."""

import time

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.render.custom_alerts import Unconfinable, confined
from crm_monitoring.render.promql import Scope

SCOPE = Scope("crm", "prod")
LEGACY = Scope("crm", "prod", "legacy")

S = 'namespace="crm",crm_monitoring="prod"'

CONFINED = {
    "a plain selector": ("crm_queue_size > 5", f"crm_queue_size{{{S}}} > 5"),
    "its own matchers stay": ('crm_queue_size{priority!~"a|b"} > 5', f'crm_queue_size{{priority!~"a|b",{S}}} > 5'),
    "every selector of a binary expression": (
        "a / on (x) group_left (y) b",
        f"a{{{S}}} / on (x) group_left (y) b{{{S}}}",
    ),
    "absent": ("absent(a)", f"absent(a{{{S}}})"),
    "a range with an offset": ("rate(a[5m] offset 1h) > 0.5", f"rate(a{{{S}}}[5m] offset 1h) > 0.5"),
    "a subquery": ("max_over_time(rate(a[5m])[1h:1m]) > 1", f"max_over_time(rate(a{{{S}}}[5m])[1h:1m]) > 1"),
    "an aggregation": ("topk by (x) (3, a)", f"topk by (x) (3, a{{{S}}})"),
    "a quote inside a value stays inside": (r'a{b="x\"} or c{d=\"y"} > 0', rf'a{{b="x\"}} or c{{d=\"y",{S}}} > 0'),
    "a quote inside a string stays inside": (
        r'label_replace(a, "l", "\"), c, (\"", "m", "(.*)") > 0',
        rf'label_replace(a{{{S}}}, "l", "\"), c, (\"", "m", "(.*)") > 0',
    ),
    "or vector(1) cannot carry another identity": ("a or vector(1)", f"a{{{S}}} or vector(1)"),
    "bool and unary minus": ("-a > bool 1", f"-a{{{S}}} > bool 1"),
    "unless with ignoring": ("a unless ignoring (z) b", f"a{{{S}}} unless ignoring (z) b{{{S}}}"),
    "a comment": ("a > 0 # } or b", f"a{{{S}}} > 0"),
}

REFUSED = {
    "no PromQL": ("sum(", "is not PromQL"),
    "an unclosed string": ('a{b="c} > 0', "is not PromQL"),
    "another namespace": ('a{namespace="kube-system"} > 0', "must not match namespace"),
    "any namespace": ('a{namespace=~".+"} > 0', "must not match namespace"),
    "another resource": ('a{crm_monitoring!="prod"} > 0', "must not match crm_monitoring"),
    "a selector without a metric": ('{b="c"} > 0', "name of a metric"),
    "a metric by pattern": ('{__name__=~".+"} > 0', "name of a metric"),
    "a metric by name matcher": ('{__name__="a"} > 0', "name of a metric"),
    "alternatives among matchers": ('a{b="c" or namespace="x"} > 0', "`or` between matchers"),
    "a fixed moment": ("a @ 0 > 0", "must not use @"),
    "the start of the query": ("rate(a[5m] @ start()) > 0", "must not use @"),
    "a long range": ("rate(a[2d]) > 0", "more than 1d"),
    "a subquery of many steps": ("max_over_time(rate(a[5m])[1d:1s]) > 0", "subquery"),
    "a subquery in a subquery": ("max_over_time(max_over_time(a[5m:1m])[5m:1m]) > 0", "within a subquery"),
    "info(), which joins series of others": ("info(a) > 0", "experimental"),
    "limitk": ("limitk(2, a) > 0", "experimental"),
    "fill": ("a + fill(0) b > 0", "experimental"),
    "no series": ("vector(1)", "selects no series"),
    "control characters": ('a{b="\x07"} > 0', "control characters"),
    "a label that cannot be written plainly": ('sum by ("a.b") (c) > 0', "rewritten|is not PromQL"),
}


@pytest.mark.parametrize("story", CONFINED)
def test_expressions_are_confined(story: str) -> None:
    written, expected = CONFINED[story]
    assert confined(written, SCOPE) == expected


@pytest.mark.parametrize("story", REFUSED)
def test_expressions_are_refused_with_the_reason(story: str) -> None:
    written, reason = REFUSED[story]
    with pytest.raises(Unconfinable, match=reason):
        confined(written, SCOPE)


def test_series_of_an_existing_job_are_confined_to_it_and_recorded_ones_to_the_identity() -> None:
    assert confined("a > crm:b:c", LEGACY) == f'a{{namespace="crm",job="legacy"}} > crm:b:c{{{S}}}'


def test_the_job_of_an_existing_job_cannot_be_chosen() -> None:
    with pytest.raises(Unconfinable, match="must not match job"):
        confined('a{job="other"} > 0', LEGACY)


VALUES = st.text(st.sampled_from("ab\"\\}{,=~ \n`'or"), max_size=12)
LEAVES = st.builds(
    lambda name, op, value: f"{name}{{l{op}{quoted(value)}}}",
    st.sampled_from(["a", "b", "crm:c:d"]),
    st.sampled_from(["=", "!="]),
    VALUES,
)


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


EXPRESSIONS = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.builds(
            lambda a, op, b: f"({a}) {op} ({b})", below, st.sampled_from(["+", "and", "or", "unless", "/"]), below
        ),
        st.builds(lambda a: f"sum by (l) ({a})", below),
        st.builds(lambda a, v: f'label_replace({a}, "l", {quoted(v)}, "l", "(.*)")', below, VALUES),
        st.builds(lambda a: f"max_over_time({a}[5m:1m])", LEAVES),
    ),
    max_leaves=5,
)


@given(EXPRESSIONS)
def test_whatever_is_accepted_selects_only_the_resource(written: str) -> None:
    selectors: list[promql_parser.VectorSelector] = []

    def collect(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            selectors.append(node)

    tree = promql_parser.parse(confined(written, SCOPE))
    promql_parser.walk(tree, collect)
    assert selectors
    for selector in selectors:
        exact = {m.name: m.value for m in selector.matchers.matchers if str(m.op) == "MatchOp.Equal"}
        assert exact["namespace"] == "crm"
        assert exact["crm_monitoring"] == "prod"
        assert not selector.matchers.or_matchers


def test_an_expression_as_deep_as_any_may_be_costs_no_more_than_its_length() -> None:
    """Each level once cost as much as all below it: twenty such alerts held the operator up for half a minute."""

    def cost(operands: int) -> float:
        written = " or ".join(["q"] * operands)
        began = time.process_time()
        for _ in range(5):
            confined(written, SCOPE)
        return time.process_time() - began

    cost(10)
    assert cost(96) < 60 * cost(12)
