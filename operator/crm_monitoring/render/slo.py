"""Burn-rate windows of an objective: how fast an error budget may be spent before somebody is told.

The method is that of Google's SRE workbook, chapter 5: an alert needs a long window, so that a blip does not page, and a
short one, so that it ends soon after the trouble. A factor of 1 spends the budget exactly by the end of the window.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from crm_monitoring.api import quantities

MINUTES_PER_HOUR: Final = 60
SHORT_WINDOW_SHARE: Final = 12
"""The short window is the twelfth part of the long one."""
HIGHEST_THRESHOLD: Final = Decimal("0.9")
"""Error ratio above which a threshold is no use: even a total outage would reach it only after most of the window."""


@dataclass(frozen=True, slots=True)
class Burn:
    """What is alerted on: this share of the budget spent within a window of that length."""

    minutes: int
    budget_share: Decimal


FAST: Final = (Burn(1 * MINUTES_PER_HOUR, Decimal("0.02")), Burn(6 * MINUTES_PER_HOUR, Decimal("0.05")))
SLOW: Final = (Burn(24 * MINUTES_PER_HOUR, Decimal("0.10")), Burn(72 * MINUTES_PER_HOUR, Decimal("0.10")))


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """Two windows and the error ratio that both must exceed."""

    long_minutes: int
    short_minutes: int
    factor: Decimal

    def threshold(self, budget: Decimal) -> Decimal:
        """Return the error ratio that spends the budget `factor` times too fast."""
        return self.factor * budget

    @property
    def long(self) -> str:
        """Return the longer window as Prometheus prints it."""
        return minutes(self.long_minutes)

    @property
    def short(self) -> str:
        """Return the shorter window as Prometheus prints it."""
        return minutes(self.short_minutes)


def minutes(number: int) -> str:
    """Return a number of minutes as Prometheus prints it."""
    return quantities.prometheus_duration(f"{number}m")


def burn_window(burn: Burn, budget: Decimal, period_minutes: int) -> BurnWindow:
    """Return the windows for one burn, such that an outage can exceed the threshold.

    A low objective has a large budget: 14.4 times 10 % is an error ratio of 144 %, which nothing reaches. Doubling the
    window halves the factor for the same share of the budget. The factor never falls below 1, where the budget lasts.
    """
    length = burn.minutes
    while True:
        factor = max(burn.budget_share * period_minutes / length, Decimal(1))
        if factor * budget <= HIGHEST_THRESHOLD:
            return BurnWindow(length, length // SHORT_WINDOW_SHARE, factor)
        length *= 2
