"""Which replica may write: leader election on a Lease, by monotonic time alone.

A leader stops at `renew_deadline` after it sent its last successful renewal; another replica takes over no sooner than
`duration` after it saw the last change. Both measure with their own monotonic clock, so no two replicas lead at once
as long as a write does not travel for longer than the difference. Wall-clock stamps in the Lease are never
compared; they only differ from one renewal to the next.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_monitoring.cluster.port import Cluster
from crm_monitoring.errors import ClusterError
from crm_monitoring.manifest import LEASE, Manifest, ObjectKey


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of an election, in seconds. `duration` must exceed `renew_deadline`, and that twice `retry`."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.duration > self.renew_deadline > 2 * self.retry > 0:
            raise ValueError("needed: duration > renew_deadline > 2 * retry > 0")

    @property
    def request(self) -> float:
        """Return the time-out of one request: two attempts fit into the renew deadline."""
        return (self.renew_deadline - self.retry) / 2


@dataclass(frozen=True, slots=True)
class _Seen:
    """A Lease as last observed, and since when it has looked like that by our own clock."""

    spec: Mapping[str, Any]
    resource_version: str
    since: float

    @property
    def holder(self) -> str:
        return str(self.spec.get("holderIdentity") or "")


class Elector:
    """One candidate. Its cluster must be allowed to write always, and should be an instance of its own.

    `identity` must be unique to the process (pod name and something random). It needs the permissions get, create and
    patch on the Lease. A machine that sleeps stops `time.monotonic` on Linux; pass a clock on CLOCK_BOOTTIME where
    that matters.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing | None = None,
        on_acquired: Callable[[], None] = lambda: None,
        on_lost: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Any] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._cluster = cluster
        self._key = ObjectKey(LEASE, namespace, name)
        self.identity = identity
        self.trouble = ""
        """Why the last attempt failed, empty after a success or when another holds the Lease. Safe to log."""
        self._timing = timing or Timing()
        self._on_acquired = on_acquired
        self._on_lost = on_lost
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._exchange = asyncio.Lock()
        self._seen: _Seen | None = None
        self._renewed_at: float | None = None
        self._stamps = ("", "")
        self._over = False

    @property
    def holder(self) -> str:
        """Return the identity in the Lease as last seen, empty when nobody holds it."""
        return self._seen.holder if self._seen else ""

    def is_leading(self) -> bool:
        """Say whether this process may write now. Cheap: ask right before each write."""
        return (
            not self._over
            and self._renewed_at is not None
            and self._clock() - self._renewed_at < self._timing.renew_deadline
        )

    async def run(self) -> None:
        """Stand by, lead, and return once leadership is lost (`on_lost` was called) or released.

        After a loss the elector is used up: the process should exit and come back as a candidate.
        """
        while not self._over and not await self._attempt():
            await self._sleep(self._timing.retry * self._rng.uniform(0.8, 1.2))
        if self._over:
            return
        self._on_acquired()
        while not self._over:
            await self._sleep(min(self._timing.retry, max(0.0, self._left())))
            if self._over:
                return
            if not self.is_leading():
                break
            await self._attempt()
            if not self.is_leading():
                break
        if not self._over:
            self._over = True
            self._on_lost()

    async def release(self) -> None:
        """Stop leading at once, then empty the Lease so that a standby takes over within a retry period.

        Never raises: when it fails, the standby waits for the Lease to run out. It returns within two requests' time.
        """
        led, self._over = self._renewed_at is not None, True
        if not led:
            return
        try:
            async with asyncio.timeout(2 * self._timing.request), self._exchange:
                await self._observe()
                seen = self._seen
                if seen and seen.holder == self.identity:
                    await self._write(seen, {**seen.spec, "holderIdentity": "", "renewTime": self._stamp()})
        except Exception:
            return

    def _left(self) -> float:
        """Return how long leadership lasts without another renewal."""
        assert self._renewed_at is not None
        return self._renewed_at + self._timing.renew_deadline - self._clock()

    async def _attempt(self) -> bool:
        """Try once to get or keep the Lease. Any failure is a failed attempt, whatever its cause."""
        leading = self.is_leading()
        limit = min(self._timing.request, self._left()) if leading else self._timing.request
        try:
            async with asyncio.timeout(max(limit, 0.001)), self._exchange:
                sent_at = self._clock()
                held = await self._hold(sent_at, leading=leading)
                self.trouble = ""
                if not held:
                    return False
                if not self._over:
                    self._renewed_at = sent_at
                return not self._over
        except Exception as error:
            self.trouble = error.message if isinstance(error, ClusterError) else type(error).__name__
            if leading:
                self._seen = None  # the write may have happened: look before the next one
            return False

    async def _hold(self, sent_at: float, *, leading: bool) -> bool:
        if not (leading and self._seen):
            await self._observe()
        seen = self._seen
        if seen is None:
            await self._create()
            return True
        if seen.holder == self.identity:
            await self._write(seen, {**seen.spec, **self._claim()})
            return True
        if leading and seen.holder:  # somebody else wrote its name over ours
            self._renewed_at = None
            return False
        if seen.holder and sent_at - seen.since < self._patience(seen.spec):
            return False
        transitions = _whole(seen.spec.get("leaseTransitions")) + 1
        await self._write(seen, {**self._claim(), "acquireTime": self._stamp(), "leaseTransitions": transitions})
        return True

    def _patience(self, spec: Mapping[str, Any]) -> float:
        """Return how long the holder may stay silent: as long as it asked for, within reason."""
        asked = _whole(spec.get("leaseDurationSeconds"))
        return max(self._timing.duration, min(float(asked), 4 * self._timing.duration))

    def _claim(self) -> dict[str, Any]:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._timing.duration)),
            "renewTime": self._stamp(),
        }

    async def _observe(self) -> None:
        lease = await self._cluster.get(self._key)
        if lease is None:
            self._seen = None
        else:
            self._remember(lease)

    async def _create(self) -> None:
        lease = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"namespace": self._key.namespace, "name": self._key.name},
            "spec": {**self._claim(), "acquireTime": self._stamp(), "leaseTransitions": 0},
        }
        self._remember(await self._cluster.create(lease))

    async def _write(self, seen: _Seen, spec: Mapping[str, Any]) -> None:
        """Write the spec unless the Lease changed since it was seen; then raise Conflict."""
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": seen.resource_version},
            {"op": "add", "path": "/spec", "value": dict(spec)},
        ]
        self._remember(await self._cluster.json_patch(self._key, operations))

    def _remember(self, lease: Manifest) -> None:
        """Note how the Lease looks. Its clock restarts only when the spec changed: an annotation is no renewal."""
        spec = lease.get("spec") or {}
        unchanged = self._seen is not None and self._seen.spec == spec
        since = self._seen.since if self._seen and unchanged else self._clock()
        self._seen = _Seen(spec, lease["metadata"]["resourceVersion"], since)

    def _stamp(self) -> str:
        """Return the present as MicroTime. No two are alike, or a wall clock that stands still would hide renewals."""
        stamp = self._now().astimezone(UTC)
        while (text := stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")) in self._stamps:
            stamp += timedelta(microseconds=1)
        self._stamps = (self._stamps[-1], text)
        return text


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
