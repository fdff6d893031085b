"""The load: communications of every kind at a steady rate."""

import asyncio
import time
from itertools import count
from random import Random

from crm_monitoring.instrumentation import get_crm_logger
from sample_crm.model import KINDS, Communication
from sample_crm.queue import Queue

logger = get_crm_logger(__name__, component="Traffic")

TICK_SECONDS = 0.1
CLIENTS = 500


class Traffic:
    """Puts communications into the queue."""

    def __init__(self, queue: Queue, random: Random, per_second: float) -> None:
        """`per_second` may be changed while it runs; 0 pauses it."""
        self._queue = queue
        self._random = random
        self._numbers = count(1)
        self.per_second = per_second

    async def run(self) -> None:
        """Work until cancelled."""
        due, before = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            due, before = due + self.per_second * (now - before), now
            while due >= 1:
                due -= 1
                if not await self._queue.put(self._communication()):
                    logger.degraded_performance(reason="the queue is full")
                    due = 0.0

    def _communication(self) -> Communication:
        number = next(self._numbers)
        (kind,) = self._random.choices(KINDS, [kind.weight for kind in KINDS])
        client = self._random.randrange(CLIENTS)
        return Communication(f"comm-{number}", f"plan-{client % 50}", f"client-{client}", kind)
