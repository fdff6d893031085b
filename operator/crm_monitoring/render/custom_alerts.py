"""The user's own expressions, confined to the series of one resource.

An expression is parsed, every selector in its tree gets the resource's labels, and the tree is printed again with our
own quoting. What cannot be confined with certainty, or could cost Prometheus too much, is refused.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import promql_parser as parser

from crm_monitoring.api import quantities
from crm_monitoring.render.promql import Scope, quote

LONGEST_RANGE = timedelta(days=1)
LONGEST_OFFSET = timedelta(days=7)
MOST_STEPS = 1500
"""Evaluations that one subquery may ask for."""

_USUAL_STEP = timedelta(seconds=30)
"""Step of a subquery that names none: the evaluation interval of the server."""
_EXPERIMENTAL_AGGREGATIONS = frozenset({"limitk", "limit_ratio"})
_MATCH_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_CARDINALITY = {"ManyToOne": "group_left", "OneToMany": "group_right"}


class Unconfinable(ValueError):
    """An expression that is not accepted; the message says why and what would be."""


def confined(expression: str, scope: Scope) -> str:
    """Return the expression with every selector confined to the scope; raise Unconfinable with the reason."""
    try:
        tree = parser.parse(expression)
    except ValueError as error:
        raise Unconfinable(f"not valid PromQL: {error}") from None
    if isinstance(tree, (parser.MatrixSelector, parser.StringLiteral, parser.NumberLiteral)):
        raise Unconfinable("an alert needs an expression that gives a vector, for example rate(...) > 0.1")
    if not any(isinstance(node, parser.VectorSelector) for node in _nodes(tree)):
        raise Unconfinable("the expression selects no series")
    _refuse_costly_nesting(tree)
    if repr(parser.parse(_print(tree, None))) != repr(tree):
        raise Unconfinable("the expression cannot be rewritten safely; write it with fewer nested operators")
    return _print(tree, scope)


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in _children(node):
        yield from _nodes(child)


def _children(node: Any) -> list[Any]:
    if isinstance(node, parser.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, parser.Call):
        return list(node.args)
    if isinstance(node, parser.AggregateExpr):
        return [node.expr] if node.param is None else [node.param, node.expr]
    if isinstance(node, (parser.ParenExpr, parser.UnaryExpr, parser.SubqueryExpr)):
        return [node.expr]
    if isinstance(node, parser.MatrixSelector):
        return [node.vector_selector]
    return []


def _refuse_costly_nesting(tree: Any) -> None:
    for node in _nodes(tree):
        if isinstance(node, parser.SubqueryExpr):
            if any(isinstance(below, parser.SubqueryExpr) for below in _nodes(node.expr)):
                raise Unconfinable("a subquery inside a subquery is not accepted")
            length, step = cast("timedelta", node.range), node.step or _USUAL_STEP
            if length > LONGEST_RANGE or length / step > MOST_STEPS:
                raise Unconfinable(f"a subquery may look back 1d and take {MOST_STEPS} steps")


def _print(node: Any, scope: Scope | None) -> str:
    """Return the PromQL of a tree; `scope=None` leaves selectors as they are."""
    match node:
        case parser.NumberLiteral():
            return _number(node.val)
        case parser.StringLiteral():
            return _quoted(node.val)
        case parser.ParenExpr():
            return f"({_print(node.expr, scope)})"
        case parser.UnaryExpr():
            return f"-{_print(node.expr, scope)}"
        case parser.VectorSelector():
            return _selector(node, scope) + _moved(node)
        case parser.MatrixSelector():
            if node.range > LONGEST_RANGE:
                raise Unconfinable("a range may be at most 1d long")
            selector = node.vector_selector
            return f"{_selector(selector, scope)}[{_duration(node.range)}]{_moved(selector)}"
        case parser.SubqueryExpr():
            length, step = cast("timedelta", node.range), node.step
            return f"{_print(node.expr, scope)}[{_duration(length)}:{_duration(step) if step else ''}]{_moved(node)}"
        case parser.Call():
            return _call(node, scope)
        case parser.AggregateExpr():
            return _aggregation(node, scope)
        case parser.BinaryExpr():
            return f"{_print(node.lhs, scope)} {node.op}{_matching(node.modifier)} {_print(node.rhs, scope)}"
        case _:
            raise Unconfinable(f"{type(node).__name__} is not accepted")


def _number(value: float) -> str:
    return {"inf": "Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(value), repr(value).removesuffix(".0"))


def _quoted(text: str) -> str:
    try:
        return quote(text)
    except ValueError as error:
        raise Unconfinable(str(error)) from None


def _duration(length: timedelta) -> str:
    return quantities.prometheus_duration(f"{round(length / timedelta(milliseconds=1))}ms")


def _moved(node: Any) -> str:
    if node.at is not None:
        raise Unconfinable("the modifier @ is not accepted: an alert looks at the present")
    if node.offset is None:
        return ""
    if node.offset < timedelta(0) or node.offset > LONGEST_OFFSET:
        raise Unconfinable("an offset may be at most 7d and not negative")
    return f" offset {_duration(node.offset)}"


def _selector(node: Any, scope: Scope | None) -> str:
    if node.matchers.or_matchers:
        raise Unconfinable("`or` between matchers is not accepted; use or between selectors")
    if not node.name:
        raise Unconfinable("every selector needs a metric name in front of its braces")
    forced = scope.matchers(node.name) if scope else {}
    for label in forced:
        if any(m.name == label and not _agrees(m, forced[label]) for m in node.matchers.matchers):
            raise Unconfinable(f"the label {label} is set by this resource; leave it out of the selector")
    written = [
        (m.name, _MATCH_OPERATORS[str(m.op).removeprefix("MatchOp.")], m.value)
        for m in node.matchers.matchers
        if m.name not in forced
    ]
    if any(name == "__name__" for name, _, _ in written):
        raise Unconfinable("__name__ is not accepted: write the metric name in front of the braces")
    everything = [*written, *((label, "=", value) for label, value in forced.items())]
    inside = ",".join(f"{name}{operator}{_quoted(value)}" for name, operator, value in everything)
    return f"{node.name}{{{inside}}}"


def _agrees(matcher: Any, value: str) -> bool:
    return str(matcher.op) == "MatchOp.Equal" and matcher.value == value


def _call(node: Any, scope: Scope | None) -> str:
    if node.func.experimental:
        raise Unconfinable(f"{node.func.name}() is experimental: most Prometheus servers refuse it")
    return f"{node.func.name}({', '.join(_print(argument, scope) for argument in node.args)})"


def _aggregation(node: Any, scope: Scope | None) -> str:
    operation = str(node.op)
    if operation in _EXPERIMENTAL_AGGREGATIONS:
        raise Unconfinable(f"{operation} is experimental: most Prometheus servers refuse it")
    by = ""
    if node.modifier is not None:
        word = "without" if str(node.modifier.type).endswith("Without") else "by"
        by = f" {word} ({', '.join(node.modifier.labels)})"
    return f"{operation}{by} ({', '.join(_print(child, scope) for child in _children(node))})"


def _matching(modifier: Any) -> str:
    if modifier is None:
        return ""
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise Unconfinable("fill() is experimental: most Prometheus servers refuse it")
    text = " bool" if modifier.return_bool else ""
    if modifier.matching is not None:
        word = "on" if str(modifier.matching.type).endswith("Include") else "ignoring"
        text += f" {word} ({', '.join(modifier.matching.labels)})"
    group = _CARDINALITY.get(str(modifier.card).rpartition(".")[2])
    return text + (f" {group} ({', '.join(modifier.group_labels or ())})" if group else "")
