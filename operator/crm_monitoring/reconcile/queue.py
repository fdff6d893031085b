"""The work queue: which key is looked at next.

Level-triggered: a key says "look at this", nothing more. A key that is added twice is handed out once; a key that is
added while a worker has it is handed out again afterwards. Namespaces take turns, so that one with thousands of
resources does not starve the others. Retry times live in memory only: a clock that jumps cannot block a key.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from crm_monitoring.manifest import ObjectKey

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 300.0


class WorkQueue:
    """A queue of keys for several workers on one event loop.

    `clock` returns monotonic seconds; `spread` returns a factor around 1 by which waits are multiplied.
    """

    def __init__(self, clock: Callable[[], float], spread: Callable[[], float]) -> None:
        self._clock = clock
        self._spread = spread
        self._waiting: OrderedDict[str, deque[ObjectKey]] = OrderedDict()
        self._since: dict[ObjectKey, float] = {}
        self._active: set[ObjectKey] = set()
        self._again: set[ObjectKey] = set()
        self._timers: dict[ObjectKey, asyncio.TimerHandle] = {}
        self._resting: dict[ObjectKey, asyncio.TimerHandle] = {}
        self._failures: dict[ObjectKey, int] = {}
        self._patient: set[ObjectKey] = set()
        self._ready = asyncio.Event()
        self._given_back = asyncio.Event()
        self._closed = False

    def add(self, key: ObjectKey) -> None:
        """Ask for a look at the key as soon as a worker is free, in place of a planned later one.

        Only a look for which the API server asked to wait stays as planned.
        """
        if key in self._patient:
            return
        self._cancel_timer(key)
        if key in self._active or key in self._resting:
            self._again.add(key)
        elif key not in self._since:
            self._since[key] = self._clock()
            self._waiting.setdefault(key.namespace, deque()).append(key)
            self._ready.set()

    def add_after(self, key: ObjectKey, seconds: float) -> None:
        """Ask for a look at the key in about `seconds`, unless one is asked for or planned earlier."""
        self._plan(key, seconds * self._spread())

    async def get(self) -> ObjectKey:
        """Wait for a key and take it. The caller ends with exactly one call of `done`."""
        while not self._since or self._closed:
            self._ready.clear()
            await self._ready.wait()
        namespace, keys = self._waiting.popitem(last=False)
        key = keys.popleft()
        if keys:
            self._waiting[namespace] = keys
        del self._since[key]
        self._active.add(key)
        return key

    def done(self, key: ObjectKey) -> None:
        """Give a key back; if it was added meanwhile it is handed out again."""
        self._active.discard(key)
        self._given_back.set()
        if key not in self._resting:
            self._hand_out_again(key)

    def rest(self, key: ObjectKey, seconds: float) -> None:
        """Hand a key out no sooner than in `seconds`, whoever asks for it. Call it before `done`."""
        self._resting[key] = asyncio.get_running_loop().call_later(seconds, self._rested, key)

    def failed(self, key: ObjectKey, at_least_seconds: float = 0.0) -> float:
        """Plan a retry with exponential backoff, after `at_least_seconds` if the API server asked for that patience.

        Return the wait in seconds, before spreading. Call it before `done`.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * float(2 ** min(failures, 20)))
        if at_least_seconds > 0:
            self._again.discard(key)
            self._cancel_timer(key)
            self._patient.add(key)
        self._plan(key, max(at_least_seconds, wait * self._spread()))
        return max(at_least_seconds, wait)

    def succeeded(self, key: ObjectKey) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def forget(self, key: ObjectKey) -> None:
        """Drop what is planned for and remembered of a key that no longer exists."""
        self._cancel_timer(key)
        self._patient.discard(key)
        self._failures.pop(key, None)

    def close(self) -> None:
        """Hand out nothing more and cancel every planned look."""
        self._closed = True
        for timers in (self._timers, self._resting):
            for timer in timers.values():
                timer.cancel()
            timers.clear()

    async def drained(self) -> None:
        """Wait until no worker has a key. Call `close` first."""
        while self._active:
            self._given_back.clear()
            await self._given_back.wait()

    def is_active(self, key: ObjectKey) -> bool:
        """Return whether a worker has the key now."""
        return key in self._active

    @property
    def depth(self) -> int:
        """Return how many keys wait for a worker."""
        return len(self._since)

    @property
    def idle(self) -> bool:
        """Return whether no key waits for a worker or is with one."""
        return not (self._since or self._active or self._again)

    @property
    def oldest_seconds(self) -> float:
        """Return how long the key at the head has waited, 0 when none waits."""
        return self._clock() - min(self._since.values()) if self._since else 0.0

    def _rested(self, key: ObjectKey) -> None:
        self._resting.pop(key, None)
        if key not in self._active:
            self._hand_out_again(key)

    def _hand_out_again(self, key: ObjectKey) -> None:
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _plan(self, key: ObjectKey, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        planned = self._timers.get(key)
        if key in self._since or key in self._again or (planned and planned.when() <= due):
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(due, self._add_planned, key)

    def _add_planned(self, key: ObjectKey) -> None:
        self._patient.discard(key)
        self.add(key)

    def _cancel_timer(self, key: ObjectKey) -> None:
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
