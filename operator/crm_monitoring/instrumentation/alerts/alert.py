"""One alert of the CRM's own, and one message about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from crm_monitoring.contract.alerts import Severity

NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that holds. Two alerts with the same name and labels are the same alert at different times."""

    name: str
    severity: Severity
    summary: str
    next_step: str = ""
    value: float | None = None
    threshold: float | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def key(self) -> str:
        """Return what the alert is recognized by: name and labels, for example `CRMChannelUnavailable{channel=sms}`."""
        labels = ",".join(f"{name}={value}" for name, value in sorted(self.labels.items()))
        return f"{self.name}{{{labels}}}" if labels else self.name


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about an alert: it began, or it ended."""

    alert: Alert
    resolved: bool = False

    @property
    def title(self) -> str:
        """Return the subject line."""
        return f"[{'RESOLVED' if self.resolved else self.alert.severity.upper()}] {self.alert.key}"

    @property
    def body(self) -> str:
        """Return the text."""
        if self.resolved:
            return f"No longer the case: {self.alert.summary}."
        return f"{self.alert.summary}." + (f"\nNext step: {self.alert.next_step}" if self.alert.next_step else "")
