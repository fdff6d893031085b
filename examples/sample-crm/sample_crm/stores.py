"""Simulated database and cache."""

from random import Random

from crm_monitoring.instrumentation import MetricsCollector, get_crm_logger
from sample_crm import faults
from sample_crm.faults import Faults

logger = get_crm_logger(__name__, component="CacheManager")

KNOWN = 0.9
"""Share of look-ups that the cache answers while it is there."""


class Repository:
    """Stands for the database with plans and clients."""

    def __init__(self, broken: Faults) -> None:
        self._broken = broken

    async def ping(self) -> bool:
        """Answer the health checker."""
        return not self._broken.share(faults.DATABASE_DOWN)


class Cache:
    """Stands for the cache of rendered templates."""

    def __init__(self, broken: Faults, random: Random) -> None:
        self._broken = broken
        self._random = random

    async def health_check(self) -> str:
        """Answer the health checker."""
        return "unhealthy" if self._broken.share(faults.CACHE_MISSES) else "healthy"

    def look_up(self, template: str) -> bool:
        """Return whether the cache holds a template."""
        found = self._random.random() < KNOWN and not self._broken.hit(faults.CACHE_MISSES)
        if found:
            MetricsCollector.record_cache_hit()
            logger.cache_hit(cache="templates", template=template)
        else:
            MetricsCollector.record_cache_miss()
            logger.cache_miss(cache="templates", template=template)
        return found
