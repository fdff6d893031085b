"""Dependencies of a CRM as health checks meet them: good, bad, slow and hanging."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_monitoring.instrumentation.health.component import Clocks

SECRET = "hunter2-of-the-database"


class Time:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def clocks(self) -> Clocks:
        began = datetime(2025, 10, 27, 10, 30, tzinfo=UTC) - timedelta(seconds=self.seconds)
        return Clocks(lambda: self.seconds, lambda: began + timedelta(seconds=self.seconds))


class Answering:
    """Answers `health_check` at once, and counts."""

    def __init__(self, answer: Any = True) -> None:
        self.answer = answer
        self.asked = 0

    async def health_check(self) -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class HangingThread:
    """Blocks its thread in `ping` until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = 0

    def ping(self) -> bool:
        self.asked += 1
        return self.released.wait(60)


class HangingTask:
    """Awaits in `ping` until it is released, and may ignore that it is cancelled."""

    def __init__(self, *, ignores_cancellation: bool = False) -> None:
        self.released = asyncio.Event()
        self.asked = 0
        self._ignores = ignores_cancellation

    async def ping(self) -> bool:
        self.asked += 1
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                if not self._ignores:
                    raise
        return True


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is not ours to signal
            await asyncio.sleep(0.001)
