"""The window shows what our objects hold, and nobody else's."""

import asyncio
from functools import lru_cache

import pytest

from crm_monitoring.cluster.store import Store
from crm_monitoring.manifest import CONFIG_MAP
from support.reliability.window import everything, held, tasks


class Theirs:
    def __init__(self) -> None:
        self.kept = [1, 2, 3]


def test_collections_are_counted_by_class_and_attribute() -> None:
    stores = [Store(CONFIG_MAP), Store(CONFIG_MAP)]
    for store in stores:
        store.subscribe(lambda key, before, after: None)
    found = held([*stores, Theirs(), "text"])
    assert found["Store._subscribers"] == 2
    assert found["Store._entries"] == 0
    assert not any(name.startswith("Theirs") for name in found)


@pytest.mark.parametrize(("bound", "counted"), [(None, 2), (10, 0)])
def test_results_that_are_kept_without_a_bound_are_counted(bound: int | None, counted: int) -> None:
    @lru_cache(maxsize=bound)
    def doubled(number: int) -> int:
        return number * 2

    doubled.__module__ = "crm_monitoring.somewhere"
    doubled(1), doubled(2)
    assert held([doubled]) == {"doubled()": counted}


async def test_tasks_are_counted_by_what_they_run() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    assert tasks([asyncio.get_running_loop()])["sleep"] == 1
    task.cancel()


def test_what_the_garbage_collector_passes_over_is_seen() -> None:
    mine = Theirs()
    assert any(each is mine for each in everything())
