"""Notices that a watched namespace is being deleted while its resources can still be let go.

An operator that watches some namespaces has its permissions from a RoleBinding in each. When a namespace is deleted, that
goes in no particular order with everything else, and a resource whose finalizer is still there then would hold the
namespace for ever. Kubernetes begins five seconds after the request was accepted; that is the time there is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from crm_monitoring.cluster.port import Reader
from crm_monitoring.errors import ClusterError, Forbidden
from crm_monitoring.manifest import NAMESPACE, ObjectKey, key_of
from crm_monitoring.reconcile.caches import Caches
from crm_monitoring.reconcile.workload_pass import FINALIZER

LOOK_SECONDS = 1.0
"""How often a namespace is read in which a resource has our finalizer."""

REFUSED_SECONDS = 60.0
"""How long none is read after one was refused: roles of somebody else's making may lack the permission."""


class Namespaces:
    """Reads watched namespaces by name; `on_terminating` is called with each resource that a deletion would hold up."""

    def __init__(
        self,
        reader: Reader,
        caches: Caches,
        names: Sequence[str],
        on_terminating: Callable[[ObjectKey], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._reader = reader
        self._caches = caches
        self._names = names
        self._on_terminating = on_terminating
        self._sleep = sleep
        self._terminating: set[str] = set()

    def is_terminating(self, name: str) -> bool:
        """Return whether a namespace was being deleted when it was last read."""
        return name in self._terminating

    async def run(self) -> None:
        """Look until cancelled; return at once when all namespaces are watched, for then no permission goes with one."""
        while self._names:
            wait = LOOK_SECONDS
            for name in self._names:
                try:
                    await self.look(name)
                except Forbidden:
                    wait = REFUSED_SECONDS
                except ClusterError:
                    continue  # the next look is soon
            await self._sleep(wait)

    async def look(self, name: str) -> None:
        """Read one namespace, if anything in it could be held up. Raise ClusterError when that fails."""
        bodies = self._caches.resources_in(name)
        held = [key_of(body) for body in bodies if FINALIZER in body["metadata"].get("finalizers", ())]
        if not held and name not in self._terminating:
            return
        found = await self._reader.get(ObjectKey(NAMESPACE, name, name))
        if found is None or not found["metadata"].get("deletionTimestamp"):
            self._terminating.discard(name)
            return
        self._terminating.add(name)
        for key in held:
            self._on_terminating(key)
