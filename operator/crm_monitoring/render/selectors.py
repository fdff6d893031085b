"""Kubernetes label selectors, judged as the API server judges them."""

from collections.abc import Iterable, Mapping
from typing import Any


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a Kubernetes label selector matches; the empty selector matches everything."""
    pairs = (selector.get("matchLabels") or {}).items()
    expressions: Iterable[Mapping[str, Any]] = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in pairs) and all(_holds(e, labels) for e in expressions)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
