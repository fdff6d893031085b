"""Kubernetes label selectors."""

from typing import Any

import pytest

from crm_monitoring.render.selectors import matches

LABELS = {"team": "crm", "tier": "1"}

SELECTORS: dict[str, tuple[dict[str, Any], bool]] = {
    "the empty selector matches everything": ({}, True),
    "a pair that is there": ({"matchLabels": {"team": "crm"}}, True),
    "a pair with another value": ({"matchLabels": {"team": "x"}}, False),
    "In with the value": ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "crm"]}]}, True),
    "In without the value": ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}]}, False),
    "NotIn with the value": ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["crm"]}]}, False),
    "NotIn of an absent label": ({"matchExpressions": [{"key": "no", "operator": "NotIn", "values": ["a"]}]}, True),
    "Exists": ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
    "DoesNotExist": ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
    "an operator of the future matches nothing": ({"matchExpressions": [{"key": "tier", "operator": "Gt"}]}, False),
    "all must hold": (
        {"matchLabels": {"team": "crm"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]},
        False,
    ),
}


@pytest.mark.parametrize("case", SELECTORS)
def test_a_label_selector(case: str) -> None:
    selector, expected = SELECTORS[case]
    assert matches(selector, LABELS) is expected
