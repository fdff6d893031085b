"""One dependency: it is asked at most once at a time, and its last result is kept."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from crm_monitoring.instrumentation.health.asking import Ask, is_async, verdict
from crm_monitoring.instrumentation.health.status import NOTHING, ComponentHealth, Metadata, Status

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a dependency may take."""

    slow_seconds: float = 0.08
    """A slower answer degrades its component. It is also the longest that a caller of `check_health` waits: an
    endpoint that answers within 100 ms has 20 ms left for itself."""
    timeout_seconds: float = 1.0
    """Without an answer by then a component is unhealthy."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where time comes from: a monotonic clock in seconds for ages, and the time of day in UTC for people."""

    monotonic: Callable[[], float]
    now: Callable[[], datetime]


class Component:
    """Asks one dependency and remembers what came of it. Belongs to one event loop at a time."""

    def __init__(self, name: str, title: str, ask: Ask, limits: Limits, clocks: Clocks) -> None:
        self.name = name
        self.title = title
        self._ask = ask
        self._limits = limits
        self._clocks = clocks
        self._asked_at: float | None = None
        self._answer: asyncio.Future[Status] | None = None
        self._thread: threading.Thread | None = None
        self._answered = False
        self._checked_at = clocks.monotonic()
        self._last = ComponentHealth(Status.UNHEALTHY, f"{title} has not answered yet", clocks.now())

    def age_seconds(self) -> float:
        """Return how old the last result is; infinity when there is none."""
        return self._clocks.monotonic() - self._checked_at if self._answered else float("inf")

    def health(self, stale_after_seconds: float) -> ComponentHealth:
        """Return what is known now, without asking."""
        if not self._answered:
            return self._last
        if self.age_seconds() > stale_after_seconds:
            status = Status.UNHEALTHY if self._last.status is Status.UNHEALTHY else Status.DEGRADED
            metadata = {**self._last.metadata, "stale": True}
            return replace(self._last, status=status, message=f"{self.title} not checked lately", metadata=metadata)
        if self._last.status is Status.HEALTHY and self._waits_too_long():
            return replace(self._last, status=Status.DEGRADED, message=f"{self.title} slow to answer")
        return self._last

    async def check(self) -> None:
        """Ask and keep the result. Return after the time-out at the latest; raise nothing but CancelledError.

        A dependency that still owes an earlier answer is not asked again.
        """
        if self._hangs():
            self._keep(Status.UNHEALTHY, "still does not answer", {"error": "Timeout"})
            return
        self._asked_at = self._clocks.monotonic()
        self._answer = answer = asyncio.ensure_future(self._question())
        answer.add_done_callback(_retrieve)
        try:
            await asyncio.wait({answer}, timeout=self._limits.timeout_seconds)
            self._read(answer)
        finally:
            answer.cancel()
            self._asked_at = None

    def _read(self, answer: "asyncio.Future[Status]") -> None:
        took = self._clocks.monotonic() - (self._asked_at or 0.0)
        limit = self._limits
        if not answer.done():
            self._keep(Status.UNHEALTHY, f"did not answer within {limit.timeout_seconds:g} s", {"error": "Timeout"})
        elif error := _retrieve(answer):
            self._keep(Status.UNHEALTHY, "check failed", {"error": error})
        elif answer.result() is not Status.HEALTHY:
            self._keep(answer.result(), f"reports that it is {answer.result().value}")
        elif took > limit.slow_seconds:
            self._keep(Status.DEGRADED, "slow to answer", {"response_seconds": round(took, 3)})
        else:
            self._keep(Status.HEALTHY, "operational")

    def _keep(self, status: Status, what: str, metadata: Metadata = NOTHING) -> None:
        before = self._last.status if self._answered else None
        self._last = ComponentHealth(status, f"{self.title} {what}", self._clocks.now(), metadata)
        self._checked_at = self._clocks.monotonic()
        self._answered = True
        if status is not before:
            level = logging.INFO if status is Status.HEALTHY else logging.WARNING
            logger.log(level, "Health of %s is %s: %s", self.name, status.value, self._last.message)

    def _waits_too_long(self) -> bool:
        asked_at = self._asked_at
        return asked_at is not None and self._clocks.monotonic() - asked_at > self._limits.slow_seconds

    def _hangs(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return True
        answer = self._answer
        return answer is not None and not answer.done() and not answer.get_loop().is_closed()

    async def _question(self) -> Status:
        answer = self._ask() if is_async(self._ask) else await self._in_thread()
        if inspect.isawaitable(answer):
            answer = await answer
        return verdict(answer)

    async def _in_thread(self) -> Any:
        """Ask in a thread of its own. A daemon: one that hangs must not keep the CRM from exiting."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Callable[[], Any]] = loop.create_future()

        def deliver(result: Callable[[], Any]) -> None:
            if not arrived.done():
                arrived.set_result(result)

        def ask() -> None:
            result = _outcome(self._ask)
            with suppress(RuntimeError):  # the loop was closed while the dependency thought about it
                loop.call_soon_threadsafe(deliver, result)

        self._thread = threading.Thread(target=ask, name=f"crm-health-{self.name}", daemon=True)
        self._thread.start()
        return (await arrived)()


def _retrieve(answer: "asyncio.Future[Status]") -> str | None:
    """Return the class of what went wrong. Unless it is retrieved, asyncio logs the exception with its text."""
    if answer.cancelled():
        return "CancelledError"
    problem = answer.exception()
    return type(problem).__name__ if problem else None


def _outcome(ask: Ask) -> Callable[[], Any]:
    """Ask now; return a function that gives the answer, or raises what asking raised."""
    try:
        answer = ask()
    except BaseException as problem:
        failure = problem

        def fail() -> Any:
            raise failure

        return fail
    return lambda: answer
