"""What grows in a long run is found, and what only trembles is not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from support.reliability.soak import FEW, Measure, growth, leanest

AT_FIRST = Measure(0.0, 90.0, 28, 4, 250, 0.0, {"Reflector.run": 12}, {"Store._entries": 70}, 100_000)
TIMES = range(0, 1801, 60)


def run(**grown: Any) -> list[Measure]:
    """Return the measures of half an hour at whose end some differ."""
    steady = [replace(AT_FIRST, at=float(at)) for at in TIMES]
    return [*steady[:-1], replace(steady[-1], **grown)]


GROWN: Mapping[str, dict[str, Any]] = {
    "files that stay open": {"files": 40},
    "a thread that stays": {"threads": 5},
    "tasks that stay": {"tasks": {"Reflector.run": 12, "poll": 9}},
    "keys that wait": {"depth": 2.0},
    "a series for each resource": {"series": 2_000},
    "a collection that is never emptied": {"held": {"Store._entries": 70 + FEW + 1}},
    "a collection that was not there": {"held": {"Store._entries": 70, "X.y": FEW + 1}},
}


@pytest.mark.parametrize("grown", GROWN.values(), ids=GROWN)
def test_what_grew_is_found(grown: dict[str, Any]) -> None:
    assert len(growth(run(**grown))) == 1


def test_what_stays_or_trembles_is_no_growth() -> None:
    assert growth(run()) == []
    assert growth(run(files=29, tasks={"Reflector.run": 12, "poll": 1}, held={"Store._entries": 70 + FEW})) == []


def test_memory_that_grows_all_the_time_is_found_and_memory_that_fills_up_at_first_is_not() -> None:
    leaking = [replace(AT_FIRST, at=float(at), rss_mib=90 + at / 200) for at in TIMES]
    filling = [replace(AT_FIRST, at=float(at), rss_mib=90 + min(at, 600) / 60) for at in TIMES]
    (said,) = growth(leaking)
    assert "3.0 MiB" in said
    assert growth(filling) == []


def test_what_only_passes_through_is_not_measured() -> None:
    looks = [
        replace(AT_FIRST, files=40, held={"Store._entries": 70, "Replacement._listed": 243}),
        replace(AT_FIRST, depth=3.0, tasks={"Reflector.run": 12, "poll": 9}),
        replace(AT_FIRST, held={"Store._entries": 71}),
    ]
    assert leanest(looks) == AT_FIRST
