"""The health checker: who is asked, how long anybody waits, and what is remembered."""

import asyncio
import gc
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from crm_monitoring.errors import SettingsError
from crm_monitoring.instrumentation.health import Check, HealthChecker, Limits, Status
from crm_monitoring.instrumentation.health.setup import (
    NotInitialized,
    _process,
    get_health_checker,
    initialize_health_checker,
)
from support.dependencies import SECRET, Answering, HangingTask, HangingThread, Time, until

Build = Callable[..., HealthChecker]
SHORT = Limits(slow_seconds=0.02, timeout_seconds=0.04)


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Return a function that builds a checker, which is stopped at the end."""
    built: list[HealthChecker] = []

    def make(time: Time | None = None, limits: Limits | None = None, interval: float = 30.0, **asked: Any) -> Any:
        checks = {name: ask if isinstance(ask, Check) else Check(ask) for name, ask in asked.items()}
        built.append(
            HealthChecker(
                checks,
                version="2.0.0",
                interval_seconds=interval,
                limits=limits,
                clocks=time.clocks() if time else None,
            )
        )
        return built[-1]

    yield make
    for checker in built:
        await checker.stop()


async def component(checker: HealthChecker, name: str = "database") -> tuple[Status, str]:
    found = (await checker.check_health()).components[name]
    return found.status, found.message


class Sync:
    def is_healthy(self) -> bool:
        return True


class Property:
    @property
    def is_healthy(self) -> bool:
        return True


class ReturnsAwaitable:
    def ping(self) -> Any:
        async def answer() -> bool:
            return True

        return answer()


class SeveralWays(Answering):
    def ping(self) -> bool:
        return False


async def a_function() -> None:
    return None


DEPENDENCIES: dict[str, Any] = {
    "async health_check": Answering(),
    "sync is_healthy": Sync(),
    "is_healthy as a property": Property(),
    "a sync ping that returns an awaitable, as redis.asyncio does": ReturnsAwaitable(),
    "health_check before ping": SeveralWays(),
    "a sync function": lambda: True,
    "an async function": a_function,
    "a mock": AsyncMock(),
}


@pytest.mark.parametrize("case", DEPENDENCIES)
async def test_a_dependency_is_asked_by(build: Build, case: str) -> None:
    # Slow enough for a loaded machine: what is asked matters here, not how fast.
    checker = build(limits=Limits(slow_seconds=5, timeout_seconds=10), database=DEPENDENCIES[case])
    assert await component(checker) == (Status.HEALTHY, "Database operational")


async def test_a_property_is_not_read_while_the_checker_is_built(build: Build) -> None:
    class Raises:
        @property
        def is_healthy(self) -> bool:
            raise ConnectionError(SECRET)

    assert await component(build(database=Raises())) == (Status.UNHEALTHY, "Database check failed")


def test_everything_that_cannot_be_asked_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        initialize_health_checker("1", repository=object(), checks={"Bad-Name": a_function}, interval_seconds=30)
    assert [problem.path for problem in caught.value.problems] == ["Bad-Name", "database"]
    assert "health_check, ping, is_healthy" in str(caught.value)


async def test_what_goes_wrong_is_a_class_and_no_text(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    checker = build(database=Answering(ConnectionRefusedError(f"postgres://crm:{SECRET}@db")))
    shown = (await checker.check_health()).to_dict()
    assert shown["components"]["database"]["metadata"] == {"error": "ConnectionRefusedError"}
    assert SECRET not in str(shown)
    assert SECRET not in caplog.text


async def test_an_error_after_the_time_out_is_not_logged_by_asyncio(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails_when_cancelled() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise ConnectionError(SECRET) from None

    checker = build(limits=SHORT, database=fails_when_cancelled)
    await checker.check_health()
    await until(lambda: "did not answer" in checker.snapshot().components["database"].message)
    await checker.stop()
    gc.collect()
    assert SECRET not in caplog.text


HANGING: dict[str, Callable[[], Any]] = {
    "a thread": HangingThread,
    "a task": HangingTask,
    "a task that ignores its cancellation": lambda: HangingTask(ignores_cancellation=True),
}


@pytest.mark.parametrize("case", HANGING)
async def test_a_hanging_dependency_delays_nobody_and_says_so(build: Build, case: str) -> None:
    hanging = HANGING[case]()
    checker = build(limits=SHORT, database=hanging, cache=Answering())
    first = await asyncio.wait_for(checker.check_health(), 5)
    assert first.status is Status.UNHEALTHY
    assert first.components["database"].message == "Database has not answered yet"
    assert first.components["cache"].status is not Status.UNHEALTHY
    await until(lambda: checker.snapshot().components["database"].metadata == {"error": "Timeout"})
    assert checker.snapshot().components["database"].message == "Database did not answer within 0.04 s"
    hanging.released.set()


async def test_a_hung_thread_is_not_started_again_while_it_hangs(build: Build) -> None:
    hanging = HangingThread()
    checker = build(limits=SHORT, interval=0.001, database=hanging)
    await checker.start()
    await until(lambda: "still does not answer" in checker.snapshot().components["database"].message)
    assert hanging.asked == 1
    hanging.released.set()
    await until(lambda: hanging.asked > 1)
    await until(lambda: checker.snapshot().status is not Status.UNHEALTHY)


def test_a_hung_thread_does_not_keep_the_process_from_exiting() -> None:
    code = """
import asyncio, threading
from crm_monitoring.instrumentation import initialize_health_checker
checker = initialize_health_checker("1", repository=threading.Event().wait, interval_seconds=30)
print(asyncio.run(checker.check_health()).status)
"""
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "operator")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("unhealthy\n", "")


async def test_a_task_that_cannot_be_cancelled_is_not_started_again(build: Build) -> None:
    hanging = HangingTask(ignores_cancellation=True)
    checker = build(limits=SHORT, interval=0.001, database=hanging)
    await checker.start()
    await until(lambda: "still does not answer" in checker.snapshot().components["database"].message)
    assert hanging.asked == 1
    hanging.released.set()


async def test_a_slow_answer_degrades(build: Build) -> None:
    time = Time()

    async def slow() -> None:
        time.seconds += 0.2

    checker = build(time, database=slow)
    assert await component(checker) == (Status.DEGRADED, "Database slow to answer")
    assert checker.snapshot().components["database"].metadata == {"response_seconds": 0.2}


async def test_a_healthy_component_that_takes_long_this_time_is_degraded_meanwhile(build: Build) -> None:
    time, gate, asked = Time(), asyncio.Event(), []

    async def second_time_slow() -> None:
        asked.append(1)
        if len(asked) > 1:
            await gate.wait()

    checker = build(time, interval=0.04, limits=Limits(0.08, 60), database=second_time_slow)
    assert await component(checker) == (Status.HEALTHY, "Database operational")
    await until(lambda: len(asked) > 1)
    time.seconds += 0.1
    assert checker.snapshot().components["database"].message == "Database slow to answer"
    gate.set()


async def test_answers_come_from_the_last_round(build: Build) -> None:
    dependency = Answering()
    checker = build(database=dependency)
    for _ in range(10):
        assert (await checker.check_health()).status is Status.HEALTHY
    assert dependency.asked == 1


async def test_callers_at_the_same_time_cause_one_question(build: Build) -> None:
    dependency = Answering()
    checker = build(database=dependency)
    await asyncio.gather(*(checker.check_health() for _ in range(20)))
    assert dependency.asked == 1


async def test_the_background_asks_again_each_interval(build: Build) -> None:
    dependency = Answering()
    checker = build(interval=0.001, database=dependency)
    await checker.start()
    await until(lambda: dependency.asked >= 3)


async def test_recovery_is_noticed(build: Build) -> None:
    dependency = Answering(False)
    checker = build(interval=0.001, database=dependency)
    assert (await checker.check_health()).http_status == 503
    dependency.answer = True
    await until(lambda: checker.snapshot().http_status == 200)


async def test_a_result_is_stale_after_three_intervals(build: Build) -> None:
    time = Time()
    checker = build(time, database=Answering())
    await checker.check_health()
    await checker.stop()
    time.seconds += 90
    assert checker.snapshot().status is Status.HEALTHY
    time.seconds += 1
    stale = checker.snapshot().components["database"]
    assert (stale.status, stale.message, stale.metadata) == (
        Status.DEGRADED,
        "Database not checked lately",
        {"stale": True},
    )
    assert stale.to_dict()["last_check"] == "2025-10-27T10:30:00Z"


async def test_a_stale_failure_stays_a_failure(build: Build) -> None:
    time = Time()
    checker = build(time, database=Answering(False))
    await checker.check_health()
    await checker.stop()
    time.seconds += 1000
    assert checker.snapshot().status is Status.UNHEALTHY


async def test_an_overdue_result_is_asked_for_again(build: Build) -> None:
    time, dependency = Time(), Answering()
    checker = build(time, database=dependency)
    await checker.check_health()
    time.seconds += 32
    await checker.check_health()
    assert dependency.asked == 2


async def test_a_check_of_the_crms_own_may_be_critical(build: Build) -> None:
    lenient, strict = Check(Answering(False)), Check(Answering(False), critical=True)
    assert (await build(ledger=lenient).check_health()).status is Status.DEGRADED
    assert (await build(ledger=strict).check_health()).status is Status.UNHEALTHY


async def test_uptime_counts_from_the_start(build: Build) -> None:
    time = Time()
    checker = build(time)
    time.seconds += 3600.5
    assert (await checker.check_health()).to_dict()["uptime_seconds"] == 3600.5


def test_the_checker_outlives_its_event_loop() -> None:
    dependency = Answering()
    checker = HealthChecker({"database": Check(dependency)}, version="1")
    for _ in range(2):
        assert asyncio.run(checker.check_health()).status is Status.HEALTHY
    assert dependency.asked >= 1


async def test_another_event_loop_gets_the_last_answer_and_asks_nothing(build: Build) -> None:
    time, dependency = Time(), Answering()
    checker = build(time, database=dependency)
    await checker.check_health()
    time.seconds += 40  # overdue: a caller on the checker's own loop would ask
    health = await asyncio.to_thread(lambda: asyncio.run(checker.check_health()))
    assert health.status is Status.HEALTHY
    assert dependency.asked == 1


def test_the_interval_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_HEALTH_CHECK_INTERVAL", "7")
    assert initialize_health_checker("1").interval_seconds == 7
    monkeypatch.setenv("CRM_HEALTH_CHECK_INTERVAL", "soon")
    with pytest.raises(SettingsError, match="CRM_HEALTH_CHECK_INTERVAL: must be a number of seconds"):
        initialize_health_checker("1")


def test_the_process_knows_its_checker() -> None:
    _process.clear()
    with pytest.raises(NotInitialized, match="initialize_health_checker"):
        get_health_checker()
    checker = initialize_health_checker("1", interval_seconds=30)
    assert get_health_checker() is checker
