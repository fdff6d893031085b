"""What a health check says, and the rules that make one status out of many."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from crm_monitoring.contract import health as contract

EMAIL_AGENT, MESSAGING_AGENT, DATABASE, CACHE = contract.COMPONENTS
AGENTS = frozenset({EMAIL_AGENT, MESSAGING_AGENT})

Metadata = Mapping[str, str | int | float | bool]
NOTHING: Metadata = MappingProxyType({})


class Status(StrEnum):
    """How the CRM or one component is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """The last that is known of one component. `message` is a fixed text: no exception, no address, no credential."""

    status: Status
    message: str
    last_check: datetime
    metadata: Metadata = field(default_factory=lambda: NOTHING)

    def to_dict(self) -> dict[str, Any]:
        """Return the component as the health endpoint shows it."""
        return {
            "status": self.status.value,
            "message": self.message,
            "last_check": timestamp(self.last_check),
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """The health of the CRM at one moment."""

    status: Status
    version: str
    timestamp: datetime
    uptime_seconds: float
    components: Mapping[str, ComponentHealth]
    include_details: bool = True

    @property
    def http_status(self) -> int:
        """Return 503 when the CRM is unhealthy, else 200: a degraded CRM still takes traffic."""
        return 503 if self.status is Status.UNHEALTHY else 200

    def to_dict(self) -> dict[str, Any]:
        """Return the answer of the health endpoint. Without details a component is its status alone."""
        return {
            "status": self.status.value,
            "version": self.version,
            "timestamp": timestamp(self.timestamp),
            "uptime_seconds": round(self.uptime_seconds, 3),
            "components": {
                name: component.to_dict() if self.include_details else {"status": component.status.value}
                for name, component in self.components.items()
            },
        }


def timestamp(moment: datetime) -> str:
    """Return a moment in UTC to the second, for example `2025-10-27T10:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def overall(statuses: Mapping[str, Status], critical: Iterable[str] = (DATABASE,)) -> Status:
    """Return the status of the whole.

    Unhealthy when a critical component is unhealthy, or when every configured agent is (nothing can be sent).
    Degraded when anything else is not healthy. A CRM without components is healthy: it answers.
    """
    agents = [status for name, status in statuses.items() if name in AGENTS]
    nothing_can_be_sent = bool(agents) and all(status is Status.UNHEALTHY for status in agents)
    if nothing_can_be_sent or any(statuses.get(name) is Status.UNHEALTHY for name in critical):
        return Status.UNHEALTHY
    if any(status is not Status.HEALTHY for status in statuses.values()):
        return Status.DEGRADED
    return Status.HEALTHY
