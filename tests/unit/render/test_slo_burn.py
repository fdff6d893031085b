"""Burn-rate windows: the workbook's where they can be reached, longer ones where they cannot."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.api import quantities
from crm_monitoring.render import slo
from crm_monitoring.render.slo import BurnWindow

MONTH = 30 * 24 * 60

WINDOWS = {
    "99 % over 30 days: the workbook's windows": (
        "99%",
        "30d",
        [("1h", "5m", "14.4"), ("6h", "30m", "6"), ("1d", "2h", "3"), ("3d", "6h", "1")],
    ),
    "95 % over 30 days: still the workbook's": (
        "95%",
        "30d",
        [("1h", "5m", "14.4"), ("6h", "30m", "6"), ("1d", "2h", "3"), ("3d", "6h", "1")],
    ),
    "90 % over 30 days: 14.4 times 10 % cannot happen, so the window is doubled": (
        "90%",
        "30d",
        [("2h", "10m", "7.2"), ("6h", "30m", "6"), ("1d", "2h", "3"), ("3d", "6h", "1")],
    ),
    "50 % over 30 days": (
        "50%",
        "30d",
        [("8h", "40m", "1.8"), ("1d", "2h", "1.5"), ("2d", "4h", "1.5"), ("3d", "6h", "1")],
    ),
    "95 % over 7 days: the same shares of a smaller budget, and never a factor below 1": (
        "95%",
        "7d",
        [("1h", "5m", "3.36"), ("6h", "30m", "1.4"), ("1d", "2h", "1"), ("3d", "6h", "1")],
    ),
}


def windows(objective: str, period: str) -> list[BurnWindow]:
    budget = 1 - quantities.ratio(objective)
    length = quantities.milliseconds(period) // 60_000
    return [slo.burn_window(burn, budget, length) for burn in (*slo.FAST, *slo.SLOW)]


@pytest.mark.parametrize("story", WINDOWS)
def test_windows_and_factors(story: str) -> None:
    objective, period, expected = WINDOWS[story]
    found = [(w.long, w.short, quantities.plain_number(w.factor)) for w in windows(objective, period)]
    assert found == expected


@given(
    st.integers(5000, 9999).map(lambda hundredths: f"{Decimal(hundredths) / 100}%"),
    st.sampled_from(["7d", "14d", "28d", "30d"]),
)
def test_an_outage_exceeds_every_threshold_and_a_kept_objective_none(objective: str, period: str) -> None:
    budget = 1 - quantities.ratio(objective)
    for window in windows(objective, period):
        assert budget <= window.threshold(budget) < 1
        assert window.short_minutes * slo.SHORT_WINDOW_SHARE == window.long_minutes
        assert window.short_minutes >= 5
