"""Lists the resources now and then, and replaces what is known of them.

kopf's watch feeds the store event by event. It never notices what it missed, so the truth is fetched at the start,
about every five minutes, and whenever kopf was restarted.
"""

import asyncio
import random
from collections.abc import Callable

from crm_monitoring.cluster.port import Reader
from crm_monitoring.cluster.store import Store
from crm_monitoring.errors import ClusterError, DependencyMissing

MISSING_POLL_SECONDS = 10.0
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0


class Lister:
    """Fills the store of one scope."""

    def __init__(
        self,
        reader: Reader,
        store: Store,
        namespace: str | None,
        *,
        every_seconds: float,
        on_failure: Callable[[str], None],
        rng: random.Random | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        """Set once the store's content is known."""
        self._reader = reader
        self._store = store
        self._namespace = namespace
        self._every_seconds = every_seconds
        self._on_failure = on_failure
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Ask for a list now."""
        self._poked.set()

    async def run(self) -> None:
        """Work until cancelled."""
        failures = 0
        while True:
            self._poked.clear()
            try:
                await self._list()
            except DependencyMissing:
                self._store.unserve()
                self.synced.set()
                wait = MISSING_POLL_SECONDS
            except ClusterError as error:
                self._on_failure(error.reason)
                wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures, 10))
                wait = max(wait, getattr(error, "retry_after_seconds", None) or 0.0)
                failures += 1
            else:
                failures, wait = 0, self._every_seconds
            await self._pause(wait * self._rng.uniform(0.8, 1.2))

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
