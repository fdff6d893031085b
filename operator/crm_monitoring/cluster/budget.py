"""How many requests a second one client may make, whatever there is to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable

BURST_SECONDS = 1.0
"""How much of the budget may be saved up: a second's worth goes out at once after a pause."""


class Budget:
    """Spaces requests out to `per_second` on average. Who comes first goes first."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = float("-inf")
        """When the next request would be due if none of the budget had been saved."""

    async def spend(self) -> None:
        """Wait until one more request is within the budget."""
        now = self._clock()
        due = max(self._next, now - BURST_SECONDS + self._interval)
        self._next = due + self._interval
        if due > now:
            await self._sleep(due - now)
