"""Keeps kopf running: one bad line in a watch stream ends it, and must not end the operator."""

import asyncio
import random
import threading
from collections.abc import Callable

SHORTEST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
GOOD_RUN_SECONDS = 60.0
"""A run that lasted this long was a good one: the wait starts again from the shortest."""


class Supervisor:
    """Runs a blocking function in threads, one after the other, until stopped.

    `run` takes a flag that asks it to stop and one that it sets when it is ready. `on_restart` is called in the main
    loop after each end, with the class name of the error or `Ended`.
    """

    def __init__(
        self,
        run: Callable[[threading.Event, threading.Event], None],
        *,
        on_restart: Callable[[str], None],
        clock: Callable[[], float],
        rng: random.Random | None = None,
    ) -> None:
        self._run = run
        self._on_restart = on_restart
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self.failures = 0
        """How many runs in a row were short."""

    @property
    def ready(self) -> bool:
        """Return whether the current run has begun to work."""
        return self._ready.is_set()

    async def run(self) -> None:
        """Work until cancelled or stopped."""
        while not self._stop.is_set():
            started = self._clock()
            reason = await self._once()
            self._ready.clear()
            if self._stop.is_set():
                return
            self.failures = 0 if self._clock() - started >= GOOD_RUN_SECONDS else self.failures + 1
            self._on_restart(reason)
            await asyncio.sleep(self._wait())

    def stop(self) -> None:
        """Ask the current run to end; do not wait for it."""
        self._stop.set()

    def _wait(self) -> float:
        longest = SHORTEST_WAIT_SECONDS * 2.0 ** min(max(self.failures - 1, 0), 10)
        return min(LONGEST_WAIT_SECONDS, longest) * self._rng.uniform(0.8, 1.2)

    async def _once(self) -> str:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()

        def tell(reason: str) -> None:
            if not ended.done():
                ended.set_result(reason)

        def work() -> None:
            reason = "Ended"
            try:
                self._run(self._stop, self._ready)
            except Exception as error:
                reason = type(error).__name__
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, reason)

        # A daemon thread: the process must be able to end while kopf still closes its connections.
        self._thread = threading.Thread(target=work, name="kopf", daemon=True)
        self._thread.start()
        return await ended
