"""Delivery to one destination: a bounded queue and a thread of its own, so that a slow one delays nobody else."""

import logging
import queue
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from crm_monitoring.contract.alerts import Channel, Severity
from crm_monitoring.instrumentation.alerts.alert import Notice

logger = logging.getLogger(__name__)

CAPACITY = 100
ATTEMPTS = 8
LONGEST_PAUSE_SECONDS = 60.0


class DeliveryFailed(Exception):
    """A message was not taken. The text is a class of errors, never an address or a credential."""

    def __init__(self, error: str, *, permanent: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.permanent = permanent
        """Whether trying again is pointless."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where alerts go, and which. `deliver` sends one message or raises DeliveryFailed; it may block."""

    channel: Channel
    severities: tuple[Severity, ...]
    deliver: Callable[[Notice], None]


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of the messages for one channel so far."""

    channel: Channel
    queued: int = 0
    """Messages that wait or are being sent."""
    delivered: int = 0
    failed: int = 0
    """Messages that were given up."""
    dropped: int = 0
    """Messages that found the queue full."""
    retries: int = 0
    last_error: str = ""
    """Class of the last error, for example `HTTP 503`; empty when there was none. Kept after a success."""


def pause_seconds(attempt: int, chance: float) -> float:
    """Return the pause after a failed attempt (the first is 1): doubling from 1 s to 60 s, less up to half by chance."""
    return float(min(LONGEST_PAUSE_SECONDS, 2.0 ** (attempt - 1)) * (1 - chance / 2))


class Courier:
    """Delivers notices in order. The thread starts with the first one, so a fork before it does no harm."""

    def __init__(
        self,
        destination: Destination,
        *,
        gave_up: Callable[[Notice, Channel], None],
        wait: Callable[[float], bool] | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        """`wait` sleeps for seconds and returns True to give up; by default it is cut short by `close`."""
        self.destination = destination
        self._gave_up = gave_up
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._queue: queue.Queue[Notice | None] = queue.Queue(capacity)
        self._changed = threading.Condition()
        self._counts = dict.fromkeys(("queued", "delivered", "failed", "dropped", "retries"), 0)
        self._last_error = ""
        self._thread: threading.Thread | None = None

    def submit(self, notice: Notice) -> bool:
        """Queue a notice and return at once; False when the queue is full or closed."""
        with self._changed:
            accepted = not self._closing.is_set() and self._put(notice)
            self._counts["queued" if accepted else "dropped"] += 1
            if accepted and (self._thread is None or not self._thread.is_alive()):
                name = f"crm-alerts-{self.destination.channel}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
        return accepted

    def report(self) -> DeliveryReport:
        """Return the counts so far."""
        with self._changed:
            return DeliveryReport(self.destination.channel, **self._counts, last_error=self._last_error)

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until nothing is queued; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._counts["queued"] == 0, timeout_seconds)

    def close(self) -> None:
        """Take no more notices and end the pauses between attempts: what is queued is tried once more."""
        self._closing.set()
        self._put(None)

    def _put(self, notice: Notice | None) -> bool:
        try:
            self._queue.put_nowait(notice)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while (notice := self._queue.get()) is not None:
            error = self._deliver(notice)
            if error:
                logger.error("Alert %s not delivered to %s: %s", notice.alert.key, self.destination.channel, error)
                self._gave_up(notice, self.destination.channel)
            self._count("failed" if error else "delivered", queued=-1)
            if self._closing.is_set() and self._queue.empty():
                return

    def _deliver(self, notice: Notice) -> str:
        """Return the error, empty after success."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.destination.deliver(notice)
            except DeliveryFailed as problem:
                error, permanent = problem.error, problem.permanent
            except Exception as problem:
                error, permanent = type(problem).__name__, False
            else:
                return ""
            self._last_error = error
            if permanent or attempt == ATTEMPTS or self._wait(pause_seconds(attempt, random.random())):  # noqa: S311
                break
            self._count("retries")
        return error

    def _count(self, what: str, queued: int = 0) -> None:
        with self._changed:
            self._counts[what] += 1
            self._counts["queued"] += queued
            self._changed.notify_all()
