"""Lists the resources now and then, and replaces what is known of them.

kopf's watch feeds the store event by event. It never notices what it missed, so the truth is fetched at the start,
about every five minutes, and whenever kopf was restarted.
"""

import asyncio
import random
from collections.abc import Callable
from typing import NoReturn

from crm_monitoring.cluster.port import Reader
from crm_monitoring.cluster.store import Store
from crm_monitoring.errors import ClusterError, DependencyMissing
from crm_monitoring.manifest import Kind

LONGEST_POLL_SECONDS = 5.0
"""How often to look for a kind that is not served; more often at first."""

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0


class Lister:
    """Fills the store of one scope.

    `on_failure` is called with a CamelCase word for each list that failed, `on_return` when the kind is served after
    it was not.
    """

    def __init__(
        self,
        reader: Reader,
        store: Store,
        namespace: str | None,
        *,
        every_seconds: float,
        on_failure: Callable[[str], None],
        on_return: Callable[[], None],
        rng: random.Random | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        """Set once the store's content is known."""
        self._reader = reader
        self._store = store
        self._namespace = namespace
        self._every_seconds = every_seconds
        self._on_failure = on_failure
        self._on_return = on_return
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._poked = asyncio.Event()

        self._failures = 0
        self._absences = 0

    @property
    def kind(self) -> Kind:
        """Return the kind that is listed."""
        return self._store.kind

    @property
    def failing(self) -> bool:
        """Return whether the last list failed."""
        return self._failures > 0

    def poke(self) -> None:
        """Ask for a list now."""
        self._absences = 0
        self._poked.set()

    async def run(self) -> NoReturn:
        """Work until cancelled. No failure ends it, not even one in a subscriber of the store."""
        missing = False
        while True:
            self._poked.clear()
            wait = self._every_seconds
            try:
                await self._list()
                self._failures = self._absences = 0
                if missing:
                    missing = False
                    self._on_return()
            except DependencyMissing:
                missing = True
                wait = self._absent()
            except Exception as error:
                wait = self._failed(error)
            await self._pause(wait * self._rng.uniform(0.8, 1.2))

    def _absent(self) -> float:
        try:
            self._store.unserve()
        except Exception as error:  # a subscriber's; the next look tells it again what is gone
            return self._failed(error)
        self.synced.set()
        self._absences += 1
        return _growing(self._absences, LONGEST_POLL_SECONDS)

    def _failed(self, error: Exception) -> float:
        self._on_failure(error.reason if isinstance(error, ClusterError) else "Internal")
        self._failures += 1
        return max(_growing(self._failures, LONGEST_RETRY_SECONDS), getattr(error, "retry_after_seconds", None) or 0.0)

    async def _list(self) -> None:
        replacement = self._store.replacing()
        token: str | None = None
        while True:
            page = await self._reader.list(self._store.kind, namespace=self._namespace, continue_token=token)
            replacement.add(page.items)
            token = page.continue_token
            if token is None:
                replacement.commit(page.resource_version)
                self.synced.set()
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._poked.wait()
        except TimeoutError:
            return


def _growing(times: int, longest: float) -> float:
    return min(longest, FIRST_RETRY_SECONDS * 2.0 ** min(times - 1, 10))
