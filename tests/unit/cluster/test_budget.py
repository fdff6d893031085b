"""The budget: so many requests a second, a second's worth at once after a pause."""

import pytest

from crm_monitoring.cluster.budget import Budget


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


async def spend(budget, times):
    for _ in range(times):
        await budget.spend()


async def test_a_burst_of_one_second_goes_out_at_once(clock):
    await spend(Budget(10, clock=clock, sleep=clock.sleep), 10)
    assert clock.now == 100.0


async def test_what_goes_beyond_is_spaced_out(clock):
    await spend(Budget(10, clock=clock, sleep=clock.sleep), 30)
    assert clock.now == pytest.approx(102.0)


async def test_a_long_pause_saves_no_more_than_a_second(clock):
    budget = Budget(10, clock=clock, sleep=clock.sleep)
    await spend(budget, 10)
    clock.now += 3600
    resumed = clock.now
    await spend(budget, 20)
    assert clock.now - resumed == pytest.approx(1.0)


async def test_a_budget_below_one_a_second_lets_the_first_pass(clock):
    budget = Budget(0.5, clock=clock, sleep=clock.sleep)
    await spend(budget, 2)
    assert clock.now == pytest.approx(103.0)
