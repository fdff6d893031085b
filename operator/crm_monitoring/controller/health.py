"""What /healthz and /readyz say: whether a restart would help, and whether the caches are warm."""

from collections.abc import Callable, Sequence

from crm_monitoring.controller.lister import Lister
from crm_monitoring.controller.supervisor import Supervisor
from crm_monitoring.reconcile.caches import Caches
from crm_monitoring.reconcile.queue import WorkQueue

SUSPICIOUS_FAILURES = 8
"""Short kopf runs in a row after which the process is called unhealthy: a restart of the pod is the last resort."""

STUCK_SECONDS = 600.0
"""A key that waited this long means that the workers are stuck."""


class Health:
    """Looks at the parts of the process. `leading` says whether its workers work."""

    def __init__(
        self,
        caches: Caches,
        queue: WorkQueue,
        supervisor: Supervisor,
        listers: Sequence[Lister],
        leading: Callable[[], bool],
    ) -> None:
        self._caches = caches
        self._queue = queue
        self._supervisor = supervisor
        self._listers = listers
        self._leading = leading

    def alive(self) -> str | None:
        """Return why the process should be restarted, None when it should not.

        An API server that does not answer is no reason: it ends kopf as often as it likes, and a restart cures nothing.
        """
        failures = self._supervisor.failures
        if failures >= SUSPICIOUS_FAILURES and not any(lister.failing for lister in self._listers):
            return f"kopf ended {failures} times in a row soon after its start, although the API server answers"
        if self._queue.oldest_seconds > STUCK_SECONDS and self._leading():
            return "the workers are stuck"
        return None

    def ready(self) -> str | None:
        """Return what is missing before this replica could lead, None when nothing is."""
        waiting = sorted({store.kind.name for store in self._caches.stores() if not store.synced})
        if waiting:
            return f"not listed yet: {', '.join(waiting)}"
        return None if self._supervisor.ready else "kopf is not ready"
