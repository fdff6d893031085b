"""What an author's PromQL may be: an instant vector over named metrics of this resource, with bounded cost.

The renderer adds the resource's labels to every selector. This check refuses what would escape that, what Prometheus
versions do not agree on (one rule they cannot read takes the whole file with it), and what looks back too far.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser as promql

from crm_monitoring.contract import labels

LOOK_BACK = timedelta(days=1)
"""Longest range, subquery and offset."""

MAX_STEPS = 1500
"""Most evaluations of a subquery: one day at one a minute, and a little more."""

MAX_DEPTH = 100
"""Deepest nesting: everything behind this check may recurse."""

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_UNSTABLE_AGGREGATIONS = frozenset({"limitk", "limit_ratio"})
_RECENT_FUNCTIONS = frozenset({"first_over_time"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that an expression must not do, and where: a character counted from 1, or 0 for the whole."""

    message: str
    position: int = 0

    def __str__(self) -> str:
        return f"{self.message} (at character {self.position})" if self.position else self.message


def faults(expression: str) -> tuple[Fault, ...]:
    """Return everything that keeps an expression from being accepted; empty when it is fine."""
    try:
        tree = promql.parse(expression)
    except ValueError as error:
        return (Fault(f"is not PromQL: {error}"),)
    nodes = tuple(_nodes(tree))
    if any(node.depth > MAX_DEPTH for node in nodes):
        return (Fault(f"must not be nested more than {MAX_DEPTH} deep"),)
    found = [*_type_fault(tree)]
    for node in nodes:
        found += _node_faults(node, expression)
    return tuple(dict.fromkeys(found))


def always_fires(expression: str) -> bool:
    """Return whether an accepted expression ends in a `bool` comparison, which has a value, 0 or 1, at all times."""
    tree = promql.parse(expression)
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    return isinstance(tree, promql.BinaryExpr) and bool(tree.modifier and tree.modifier.return_bool)


def _type_fault(tree: Any) -> Iterator[Fault]:
    kind = _type(tree)
    if kind == "scalar":
        yield Fault("is a single number, so the alert would always fire; compare a metric, such as crm_queue_size > 10")
    elif kind != "vector":
        yield Fault(f"gives a {kind}; an alert needs an instant vector, such as rate(crm_retry_attempts_total[5m]) > 1")


def _type(node: Any) -> str:
    if isinstance(node, promql.ParenExpr | promql.UnaryExpr):
        return _type(node.expr)
    if isinstance(node, promql.BinaryExpr):
        return "scalar" if _type(node.lhs) == _type(node.rhs) == "scalar" else "vector"
    if isinstance(node, promql.Call):
        return str(node.func.return_type).rpartition(".")[2].lower()
    if isinstance(node, promql.MatrixSelector | promql.SubqueryExpr):
        return "range of values"
    if isinstance(node, promql.NumberLiteral):
        return "scalar"
    return "text" if isinstance(node, promql.StringLiteral) else "vector"


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of the expression, how deep it lies, and whether a subquery surrounds it."""

    part: Any
    depth: int = 0
    inside_subquery: bool = False


def _nodes(tree: Any) -> Iterator[_Node]:
    """Yield every node, from left to right, without recursion."""
    stack = [_Node(tree)]
    while stack:
        node = stack.pop()
        yield node
        inside = node.inside_subquery or isinstance(node.part, promql.SubqueryExpr)
        stack += [_Node(child, node.depth + 1, inside) for child in reversed(_children(node.part))]


def _node_faults(node: _Node, text: str) -> Iterator[Fault]:
    """Yield the faults of one node, not of what is below it."""
    part = node.part
    if isinstance(part, promql.VectorSelector):
        yield from _selector(part, text)
    elif isinstance(part, promql.MatrixSelector):
        yield from _range(part.range, text)
    elif isinstance(part, promql.SubqueryExpr):
        yield from _subquery(part, text, node.inside_subquery)
    elif isinstance(part, promql.Call):
        yield from _call(part, text)
    elif isinstance(part, promql.AggregateExpr) and str(part.op) in _UNSTABLE_AGGREGATIONS:
        yield Fault(f"{part.op} is experimental in Prometheus; use topk or bottomk", _at(text, str(part.op)))
    elif isinstance(part, promql.BinaryExpr) and part.modifier:
        values = part.modifier.fill_values
        if values.lhs is not None or values.rhs is not None:
            yield Fault("fill is experimental in Prometheus; use `or`", _at(text, "fill"))


def _children(node: Any) -> tuple[Any, ...]:
    if isinstance(node, promql.BinaryExpr):
        return (node.lhs, node.rhs)
    if isinstance(node, promql.Call):
        return tuple(node.args)
    if isinstance(node, promql.MatrixSelector):
        return (node.vector_selector,)
    if isinstance(node, promql.AggregateExpr):
        return (node.expr, node.param) if node.param is not None else (node.expr,)
    if isinstance(node, promql.ParenExpr | promql.UnaryExpr | promql.SubqueryExpr):
        return (node.expr,)
    return ()


def _selector(node: Any, text: str) -> Iterator[Fault]:
    position = _at(text, node.name) if node.name else _at(text, "{")
    if not node.name or not _METRIC.fullmatch(node.name):
        yield Fault("every selector must begin with the name of a metric, such as crm_queue_size", position)
    if node.matchers.or_matchers:
        yield Fault("`or` between matchers is not PromQL; use one selector each", position)
    for matcher in node.matchers.matchers:
        if matcher.name in labels.IDENTITY:
            yield Fault(f"must not match {matcher.name}; this resource's own is added to every selector", position)
        elif not _LABEL.fullmatch(matcher.name) or matcher.name == "__name__":
            yield Fault("may match on labels made of letters, digits and underscores only", position)
    yield from _time_travel(node, text)


def _time_travel(node: Any, text: str) -> Iterator[Fault]:
    if node.at is not None:
        yield Fault("must not use @; an alert looks at now", _at(text, "@"))
    if node.offset is not None and abs(node.offset) > LOOK_BACK:
        yield Fault("must not have an offset of more than 1d", _at(text, "offset"))


def _range(length: timedelta, text: str) -> Iterator[Fault]:
    if length > LOOK_BACK:
        yield Fault("must not look at more than 1d", _at(text, "["))


def _subquery(node: Any, text: str, inside: bool) -> Iterator[Fault]:
    yield from _range(node.range, text)
    yield from _time_travel(node, text)
    if node.step is not None and node.range > node.step * MAX_STEPS:
        yield Fault(f"must not evaluate a subquery more than {MAX_STEPS} times; use a longer step", _at(text, ":"))
    if inside:
        yield Fault("must not hold a subquery within a subquery")


def _call(node: Any, text: str) -> Iterator[Fault]:
    if node.func.experimental or node.func.name in _RECENT_FUNCTIONS:
        yield Fault(
            f"{node.func.name} is not in every supported Prometheus, or experimental there", _at(text, node.func.name)
        )


def _at(text: str, part: str) -> int:
    """Return where a part of the expression is first found, from 1; the parser does not say. 0: nowhere."""
    return text.find(part) + 1
