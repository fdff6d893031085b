"""Keeps kopf running: one bad line in a watch stream ends it, and must not end the operator."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

SHORTEST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
GOOD_RUN_SECONDS = 60.0
"""A run that lasted this long was a good one: the wait starts again from the shortest."""


class Supervisor:
    """Runs a blocking function in threads, one after the other, until stopped.

    `run` takes a flag that asks it to stop and one that it sets when it is ready, both new for each run. `on_restart`
    is called in the main loop after each end, with the class name of the error, `Ended` or, after `restart`, `Asked`.
    """

    def __init__(
        self,
        run: Callable[[threading.Event, threading.Event], None],
        *,
        on_restart: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._run = run
        self._on_restart = on_restart
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._stopping = self._asked = False
        self._stop = threading.Event()
        self._ready = threading.Event()
        self.failures = 0
        """How many runs in a row were short."""

    @property
    def ready(self) -> bool:
        """Return whether the current run has begun to work."""
        return self._ready.is_set()

    async def run(self) -> None:
        """Work until cancelled or stopped."""
        while not self._stopping:
            self._stop, self._ready, self._asked = threading.Event(), threading.Event(), False
            started = self._clock()
            reason = await self._once(self._stop, self._ready)
            self._ready.clear()
            if self._stopping:
                return
            good = self._asked or self._clock() - started >= GOOD_RUN_SECONDS
            self.failures = 0 if good else self.failures + 1
            self._on_restart("Asked" if self._asked else reason)
            await self._sleep(self._wait())

    def restart(self) -> None:
        """Ask the current run to end and let another follow; that is no failure."""
        self._asked = True
        self._stop.set()

    def stop(self) -> None:
        """Ask the current run to end; do not wait for it."""
        self._stopping = True
        self._stop.set()

    def _wait(self) -> float:
        longest = SHORTEST_WAIT_SECONDS * 2.0 ** min(max(self.failures - 1, 0), 10)
        return min(LONGEST_WAIT_SECONDS, longest) * self._rng.uniform(0.8, 1.2)

    async def _once(self, stop: threading.Event, ready: threading.Event) -> str:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()

        def tell(reason: str) -> None:
            if not ended.done():
                ended.set_result(reason)

        def work() -> None:
            reason = "Ended"
            try:
                self._run(stop, ready)
            except Exception as error:
                reason = type(error).__name__
            with suppress(RuntimeError):  # the main loop is closed: nobody needs to know any more
                loop.call_soon_threadsafe(tell, reason)

        # A daemon thread: the process must be able to end while kopf still closes its connections.
        threading.Thread(target=work, name="kopf", daemon=True).start()
        return await ended
