"""The health checker: asks every dependency in the background and answers from what it knows."""

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from crm_monitoring.errors import Problem, SettingsError
from crm_monitoring.instrumentation.health.asking import METHODS, Check, asking
from crm_monitoring.instrumentation.health.component import Clocks, Component, Limits
from crm_monitoring.instrumentation.health.status import DATABASE, HealthStatus, overall

STALE_AFTER_INTERVALS = 3
RECOVERY_SECONDS = 5.0
"""How often a CRM that is not healthy is checked at least, so that it takes traffic again soon."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def utc_now() -> datetime:
    """Return the time of day in UTC."""
    return datetime.now(UTC)


class HealthChecker:
    """The health of the CRM.

    The first `check_health` or `start` begins a task on the running event loop that asks every dependency each
    `interval_seconds`. After the first round nobody waits for a dependency.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        version: str,
        interval_seconds: float = 30.0,
        limits: Limits | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        """Build the checker. Raise SettingsError with every check that cannot be asked."""
        self.version = version
        self.interval_seconds = interval_seconds
        self._limits = limits or Limits()
        self._clocks = clocks or Clocks(time.monotonic, utc_now)
        self._critical = frozenset({DATABASE, *(name for name, check in checks.items() if check.critical)})
        self._components = _components(checks, self._limits, self._clocks)
        self._began = self._clocks.monotonic()
        self._background: asyncio.Task[None] | None = None
        self._round: asyncio.Task[None] | None = None

    async def check_health(self, include_details: bool = True) -> HealthStatus:
        """Return the health, from the last round where there is one, else after asking for 80 ms at most."""
        if self._owns_running_loop():
            await self.start()
            if any(component.age_seconds() > self._overdue_seconds for component in self._components):
                await asyncio.wait({self._shared_round()}, timeout=self._limits.slow_seconds)
        return self.snapshot(include_details)

    def snapshot(self, include_details: bool = True) -> HealthStatus:
        """Return what is known now. It asks nothing and waits for nothing, so that any thread may call it."""
        stale_after = STALE_AFTER_INTERVALS * self.interval_seconds
        components = {component.name: component.health(stale_after) for component in self._components}
        return HealthStatus(
            overall({name: component.status for name, component in components.items()}, self._critical),
            self.version,
            self._clocks.now(),
            self._clocks.monotonic() - self._began,
            components,
            include_details,
        )

    async def start(self) -> None:
        """Begin to check in the background on the running event loop, unless that goes on already."""
        if self._owns_running_loop() and (self._background is None or not _alive(self._background)):
            self._background = asyncio.create_task(self._run(), name="crm-health")

    async def stop(self) -> None:
        """End the background checks and wait until they have ended."""
        tasks = [task for task in (self._background, self._round) if task is not None and _alive(task)]
        self._background = self._round = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _overdue_seconds(self) -> float:
        return self.interval_seconds + self._limits.timeout_seconds

    def _owns_running_loop(self) -> bool:
        """Tell whether the checks run on the caller's event loop, or on none: only then may it start some."""
        task = self._background
        return task is None or not _alive(task) or task.get_loop() is asyncio.get_running_loop()

    async def _run(self) -> None:
        while True:
            await asyncio.wait({self._shared_round()})
            healthy = all(component.status == "healthy" for component in self.snapshot().components.values())
            await asyncio.sleep(self.interval_seconds if healthy else min(self.interval_seconds, RECOVERY_SECONDS))

    def _shared_round(self) -> "asyncio.Task[None]":
        """Return the round that is going on, or begin one: any number of callers cause one question."""
        if self._round is None or not _alive(self._round):
            self._round = asyncio.create_task(self._ask_all(), name="crm-health-round")
        return self._round

    async def _ask_all(self) -> None:
        await asyncio.gather(*(component.check() for component in self._components))


def _alive(task: "asyncio.Task[None]") -> bool:
    """Tell whether a task can still make progress: not done, and its event loop runs."""
    return not task.done() and task.get_loop().is_running()


def _components(checks: Mapping[str, Check], limits: Limits, clocks: Clocks) -> list[Component]:
    problems, components = [], []
    for name, check in checks.items():
        ask = asking(check.ask)
        if not _NAME.fullmatch(name):
            problems.append(Problem(name, "must be snake_case, for example template_store, at most 63 characters"))
        elif ask is None:
            problems.append(Problem(name, f"must be a function or have one of {', '.join(METHODS)}"))
        else:
            components.append(Component(name, name.replace("_", " ").capitalize(), ask, limits, clocks))
    if problems:
        raise SettingsError(problems)
    return components
