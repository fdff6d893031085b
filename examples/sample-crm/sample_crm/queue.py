"""The queue: the most urgent communication first."""

import asyncio
from collections import deque

from crm_monitoring.contract.labels import QUEUED
from crm_monitoring.instrumentation import MetricsCollector
from sample_crm import faults
from sample_crm.faults import Faults
from sample_crm.model import PRIORITIES, Communication

CAPACITY = 5000
HELD = "low"
"""The priority that the fault `queue_growth` leaves waiting."""


class Queue:
    """Communications that wait, by priority."""

    def __init__(self, broken: Faults) -> None:
        self._broken = broken
        self._waiting: dict[str, deque[Communication]] = {priority: deque() for priority in PRIORITIES}
        self._changed = asyncio.Condition()
        for priority in PRIORITIES:
            MetricsCollector.set_queue_size(priority, 0)

    async def put(self, communication: Communication) -> bool:
        """Add a communication; return False, and leave it, when the queue is full."""
        kind = communication.kind
        async with self._changed:
            if sum(map(len, self._waiting.values())) >= CAPACITY:
                return False
            self._waiting[kind.priority].append(communication)
            self._report(kind.priority)
            MetricsCollector.record_communication_sent(kind.message_type, kind.channel, QUEUED)
            self._changed.notify()
        return True

    async def take(self) -> Communication:
        """Wait for a communication and return the most urgent one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._next() is not None)
            priority = self._next()
            assert priority is not None
            found = self._waiting[priority].popleft()
            self._report(priority)
            return found

    async def wake(self) -> None:
        """Let the workers look again after a fault ended."""
        async with self._changed:
            self._changed.notify_all()

    def _next(self) -> str | None:
        held = bool(self._broken.share(faults.QUEUE_GROWTH))
        return next((name for name in PRIORITIES if self._waiting[name] and not (held and name == HELD)), None)

    def _report(self, priority: str) -> None:
        MetricsCollector.set_queue_size(priority, len(self._waiting[priority]))
