"""The user's own expressions, confined to the series of one resource.

An expression that `api.promql_check` accepts is parsed, every selector in its tree gets the resource's labels, and the
tree is printed again with our own quoting. What cannot be confined with certainty is refused.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import promql_parser as parser

from crm_monitoring.api import promql_check, quantities
from crm_monitoring.render.promql import Scope, quote

_MATCH_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_CARDINALITY = {"ManyToOne": "group_left", "OneToMany": "group_right"}


class Unconfinable(ValueError):
    """An expression that is not accepted; the message says why and what would be."""


def confined(expression: str, scope: Scope) -> str:
    """Return the expression with every selector confined to the scope; raise Unconfinable with all reasons."""
    if faults := promql_check.faults(expression):
        raise Unconfinable("; ".join(map(str, faults)))
    tree = parser.parse(expression)
    if not any(isinstance(node, parser.VectorSelector) for node in _nodes(tree)):
        raise Unconfinable("selects no series, so it would always say the same")
    if not _survives_printing(tree):
        raise Unconfinable("cannot be rewritten with certainty; write it with fewer operators or plainer names")
    return _print(tree, scope)


def _survives_printing(tree: Any) -> bool:
    try:
        return _shapes(parser.parse(_print(tree, None))) == _shapes(tree)
    except ValueError as error:
        if isinstance(error, Unconfinable):
            raise
        return False


def _shapes(tree: Any) -> list[tuple[Any, ...]]:
    """Return what tells a tree from another: all of each node but its children, and how many these are, in order.

    The parser's own representation of a tree repeats at each level what is below, with ever wider indentation.
    """
    return [(type(node).__name__, len(_children(node)), *_own(node)) for node in _nodes(tree)]


def _own(node: Any) -> tuple[Any, ...]:
    """Return what a node says itself."""
    match node:
        case parser.ParenExpr() | parser.UnaryExpr():
            return ()
        case parser.Call():
            return (node.func.name,)
        case parser.SubqueryExpr():
            return (node.range, node.step, node.offset, str(node.at))
        case parser.AggregateExpr():
            modifier = node.modifier
            return (str(node.op), modifier and (str(modifier.type), modifier.labels), node.param is None)
        case parser.BinaryExpr():
            return (str(node.op), *_own_modifier(node.modifier))
        case _:
            return (repr(node),)


def _own_modifier(modifier: Any) -> tuple[Any, ...]:
    if modifier is None:
        return ()
    matching, filled = modifier.matching, modifier.fill_values
    return (
        modifier.return_bool,
        str(modifier.card),
        matching and (str(matching.type), matching.labels),
        modifier.group_labels,
        (filled.lhs, filled.rhs),
    )


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
            selector = node.vector_selector
            return f"{_selector(selector, scope)}[{_duration(node.range)}]{_moved(selector)}"
        case parser.SubqueryExpr():
            length, step = cast("timedelta", node.range), node.step
            return f"{_print(node.expr, scope)}[{_duration(length)}:{_duration(step) if step else ''}]{_moved(node)}"
        case parser.Call():
            return f"{node.func.name}({', '.join(_print(argument, scope) for argument in node.args)})"
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
    if node.offset is None:
        return ""
    sign = "-" if node.offset < timedelta(0) else ""
    return f" offset {sign}{_duration(abs(node.offset))}"


def _selector(node: Any, scope: Scope | None) -> str:
    forced = scope.matchers(node.name) if scope else {}
    written = [
        (matcher.name, _MATCH_OPERATORS[str(matcher.op).removeprefix("MatchOp.")], matcher.value)
        for matcher in node.matchers.matchers
    ]
    for name in sorted({name for name, _, _ in written} & set(forced)):
        raise Unconfinable(f"must not match {name}; this resource's own is added to every selector")
    everything = [*written, *((label, "=", value) for label, value in forced.items())]
    inside = ",".join(f"{name}{operator}{_quoted(value)}" for name, operator, value in everything)
    return f"{node.name}{{{inside}}}"


def _aggregation(node: Any, scope: Scope | None) -> str:
    by = ""
    if node.modifier is not None:
        word = "without" if str(node.modifier.type).endswith("Without") else "by"
        by = f" {word} ({', '.join(node.modifier.labels)})"
    return f"{node.op}{by} ({', '.join(_print(child, scope) for child in _children(node))})"


def _matching(modifier: Any) -> str:
    if modifier is None:
        return ""
    text = " bool" if modifier.return_bool else ""
    if modifier.matching is not None:
        word = "on" if str(modifier.matching.type).endswith("Include") else "ignoring"
        text += f" {word} ({', '.join(modifier.matching.labels)})"
    group = _CARDINALITY.get(str(modifier.card).rpartition(".")[2])
    return text + (f" {group} ({', '.join(modifier.group_labels or ())})" if group else "")
