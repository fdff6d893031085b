"""Keeps a store equal to the cluster: list, watch, and list again after anything that was not expected.

Two things are expected: a stream that ends in good order, and one that falls silent. Both are resumed from the last
version, which loses nothing. Silence is no reason to list, because the API server sends no bookmarks for a kind in
which nothing has happened since it started: a list every minute of each quiet kind would be the result.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn, Protocol

from crm_monitoring.cluster.port import Reader, Silent, WatchEvent
from crm_monitoring.cluster.store import Store
from crm_monitoring.errors import ClusterError, DependencyMissing, Unavailable
from crm_monitoring.manifest import Kind


class Observer(Protocol):
    """What a reflector tells of itself, for metrics."""

    def restarted(self, kind: Kind, reason: str) -> None:
        """Note that the watch was given up and a new list follows; `reason` is a short CamelCase word."""

    def listed(self, kind: Kind, objects: int, seconds: float) -> None:
        """Note a complete list: how many objects, and how long it took."""


class Unobserved:
    """An observer that does not look."""

    def restarted(self, kind: Kind, reason: str) -> None:
        """Do nothing."""

    def listed(self, kind: Kind, objects: int, seconds: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a reflector works, in seconds."""

    first_backoff: float = 0.2
    longest_backoff: float = 30.0
    poll_missing: float = 10.0
    """How often to look for a kind that is not served."""
    inactivity: float = 75.0
    """How long a stream may carry no complete event and no bookmark before it is left and resumed."""
    relist: float = 600.0
    """How often to list again although nothing looks wrong, give or take a fifth: it heals lost events."""
    page: int = 50
    """Objects in one page of a list. A page is decoded as a whole, and a child may have 50 KB."""


class Reflector:
    """Lists and watches one kind into one store, for ever.

    `namespace=None` means all namespaces. A reflector needs a store of its own.
    """

    def __init__(
        self,
        reader: Reader,
        store: Store,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        pace: Pace | None = None,
        observer: Observer | None = None,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.synced = asyncio.Event()
        """Set once the store's content is known: after the first full list, or when the kind is not served."""
        self._reader = reader
        self._store = store
        self._namespace = namespace
        self._label_selector = label_selector
        self._pace = pace or Pace()
        self._observer = observer or Unobserved()
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._clock = clock
        self._poked = asyncio.Event()
        self._failures = 0
        self._absences = 0

    @property
    def kind(self) -> Kind:
        """Return the kind that is watched."""
        return self._store.kind

    @property
    def served(self) -> bool:
        """Return whether the API server serves the kind, as far as known."""
        return self._store.served

    def poke(self) -> None:
        """Say that the kind may be served now. Wakes a reflector that waits for that, and makes it look often."""
        self._absences = 0
        self._poked.set()

    async def run(self) -> NoReturn:
        """Work until cancelled. No failure ends it, not even one in a subscriber of the store."""
        while True:
            delay, reason = 0.0, ""  # a list because it is time for one is no restart
            try:
                self._poked.clear()
                await self._list_and_watch()
            except DependencyMissing:
                reason = "DependencyMissing" if self._store.served else ""
                self._take_absence()
                await self._wait_until_poked(self._back_off(self._absences, self._pace.poll_missing))
                self._absences += 1
            except Exception as error:
                reason = _reason(error)
                delay = self._back_off(self._failures, self._pace.longest_backoff)
                delay = max(delay, getattr(error, "retry_after_seconds", None) or 0.0)
                self._failures += 1
            if reason:
                self._observer.restarted(self._store.kind, reason)
            await asyncio.sleep(delay)

    async def _list_and_watch(self) -> None:
        version = await self._list()
        relist_at = self._clock() + self._pace.relist * self._rng.uniform(0.8, 1.2)
        while self._clock() < relist_at:
            started, before = self._clock(), version
            version = await self._watch(version, relist_at)
            if version == before and self._clock() - started < self._pace.first_backoff:
                raise Unavailable(f"watch {self._store.kind.plural}: the stream ends as soon as it begins")
            self._failures = 0

    async def _list(self) -> str:
        started = self._clock()
        replacement = self._store.replacing()
        token: str | None = None
        while True:
            page = await self._reader.list(
                self._store.kind,
                namespace=self._namespace,
                label_selector=self._label_selector,
                limit=self._pace.page,
                continue_token=token,
            )
            replacement.add(page.items)
            token = page.continue_token
            if not token:
                break
        count = replacement.commit(page.resource_version)
        self.synced.set()
        self._absences = 0
        self._observer.listed(self._store.kind, count, self._clock() - started)
        return page.resource_version

    async def _watch(self, version: str, relist_at: float) -> str:
        """Follow one stream to its end and return the version up to which the store is complete."""
        loop = asyncio.get_running_loop()
        stream = self._reader.watch(
            self._store.kind,
            resource_version=version,
            namespace=self._namespace,
            label_selector=self._label_selector,
        )
        try:
            async with asyncio.timeout(self._patience(relist_at)) as patience, aclosing(stream):
                async for event in stream:
                    version = self._take(event)
                    self._failures = 0
                    if self._clock() >= relist_at:
                        break
                    patience.reschedule(loop.time() + self._patience(relist_at))
        except (TimeoutError, Silent):
            return version
        return version

    def _patience(self, relist_at: float) -> float:
        return max(0.0, min(self._pace.inactivity, relist_at - self._clock()))

    def _take(self, event: WatchEvent) -> str:
        version: str = event.object["metadata"]["resourceVersion"]
        if event.type == "BOOKMARK":
            self._store.advance(version)
        elif event.type == "DELETED":
            self._store.forget(event.object)
        else:
            self._store.observe(event.object)
        return version

    def _take_absence(self) -> None:
        try:
            self._store.unserve()
        except Exception as error:  # a subscriber's; the next look tells it again what is gone
            self._observer.restarted(self._store.kind, _reason(error))
        self._failures = 0
        self.synced.set()

    async def _wait_until_poked(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._poked.wait()
        except TimeoutError:
            return

    def _back_off(self, failures: int, longest: float) -> float:
        return float(min(longest, self._pace.first_backoff * 2 ** min(failures, 20)) * self._rng.uniform(0.5, 1.0))


def _reason(error: Exception) -> str:
    """Return the word for metrics."""
    return error.reason if isinstance(error, ClusterError) else "Internal"
