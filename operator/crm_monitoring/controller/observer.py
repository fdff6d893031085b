"""One log line and the metrics of each pass."""

from structlog.typing import FilteringBoundLogger

from crm_monitoring.controller.logs import frames
from crm_monitoring.controller.telemetry import Telemetry
from crm_monitoring.errors import MonitoringError
from crm_monitoring.manifest import ObjectKey
from crm_monitoring.reconcile.outcome import State
from crm_monitoring.reconcile.resource_pass import PassResult

_WRITES = frozenset({State.CREATED, State.CHANGED, State.RESTORED, State.DELETED})


class PassObserver:
    """Told of every pass by the engine."""

    def __init__(self, telemetry: Telemetry, logger: FilteringBoundLogger) -> None:
        self._telemetry = telemetry
        self._logger = logger

    def passed(self, key: ObjectKey, result: PassResult | None, seconds: float) -> None:
        """Count a finished pass; log it at INFO when it wrote something, else at DEBUG."""
        outcome = result.outcome if result else None
        self._record(key, "error" if outcome and outcome.transient else "success", seconds)
        if result is None or outcome is None:
            return
        written = [entry for entry in outcome.objects if entry.state in _WRITES]
        for entry in written:
            if entry.state is State.RESTORED:
                self._telemetry.drift_corrections.labels(entry.key.kind.name).inc()
        if result.wrote_status:
            self._telemetry.status_writes.inc()
        log = self._logger.info if written or result.wrote_status else self._logger.debug
        log(
            "Resource reconciled",
            event_name="reconciled",
            namespace=key.namespace,
            resource=key.name,
            generation=outcome.generation,
            ready=result.ready,
            reason=result.reason,
            written=[f"{entry.key.kind.name} {entry.key.name} {entry.state.value}" for entry in written],
            status="written" if result.wrote_status else "unchanged",
            duration_seconds=round(seconds, 4),
        )

    def failed(self, key: ObjectKey, error: Exception, seconds: float, retry_seconds: float) -> None:
        """Count and log a pass that raised. The text of an error that is not ours is left out: it may hold anything."""
        self._record(key, "error", seconds)
        ours = isinstance(error, MonitoringError)
        log = self._logger.warning if ours else self._logger.error
        log(
            "Pass failed",
            event_name="reconcile_failed",
            namespace=key.namespace,
            resource=key.name,
            kind=key.kind.name,
            error=type(error).__name__,
            reason=str(error) if ours else "unexpected error",
            frames=[] if ours else frames(error.__traceback__),
            retry_seconds=retry_seconds,
            duration_seconds=round(seconds, 4),
        )

    def _record(self, key: ObjectKey, result: str, seconds: float) -> None:
        self._telemetry.reconciles.labels(key.kind.name, result).inc()
        self._telemetry.reconcile_seconds.labels(key.kind.name).observe(seconds)
