"""Graphs whose scale would hide what they are for."""

from typing import Any

import pytest

from support.resources import full
from support.shown import shown

PANELS = {
    (audience, panel["title"]): panel for audience, dashboard in shown(full()).items() for panel in dashboard.panels
}


def defaults(audience: str, title: str) -> dict[str, Any]:
    found: dict[str, Any] = PANELS[audience, title]["fieldConfig"]["defaults"]
    return found


def test_states_of_one_communication_are_not_added_up() -> None:
    assert "stacking" not in defaults("Overview", "Communications per minute")["custom"]


@pytest.mark.parametrize("audience", ["Overview", "Operations"])
def test_success_rates_are_seen_in_detail_and_outages_whole(audience: str) -> None:
    scale = defaults(audience, "Success rate by channel")
    assert scale["max"] == 1
    assert scale["custom"]["axisSoftMin"] == 0.8
    assert "min" not in scale
