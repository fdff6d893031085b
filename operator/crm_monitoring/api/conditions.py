"""Condition types and reasons of the status, and the finding that a check or a builder reports."""

from dataclasses import dataclass
from enum import StrEnum


class ConditionType(StrEnum):
    """Conditions of a CRMMonitoring. Blocks that are absent from the spec have no condition."""

    READY = "Ready"
    VALID = "Valid"
    APPLIED = "Applied"
    SCRAPE = "ScrapeConfigured"
    NOTIFICATIONS = "NotificationsConfigured"
    WORKLOAD = "WorkloadConfigured"
    OBJECTIVES = "ObjectivesMeasurable"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Reasons of conditions. Each message names the field and the next step."""

    READY = "Ready"
    VALID = "Valid"
    INVALID_SPEC = "InvalidSpec"
    APPLIED = "Applied"
    OBSERVE_ONLY = "ObserveOnly"
    NAME_CONFLICT = "NameConflict"
    DEPENDENCY_MISSING = "DependencyMissing"
    REFUSED = "Refused"
    FORBIDDEN = "Forbidden"
    API_SERVER_UNAVAILABLE = "APIServerUnavailable"
    CONFLICT = "Conflict"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    CONFIGURED = "Configured"
    EXISTING_JOB = "ExistingJob"
    TARGET_NOT_FOUND = "TargetNotFound"
    PORT_NOT_FOUND = "PortNotFound"
    AMBIGUOUS_SERVICE = "AmbiguousService"
    AMBIGUOUS_CONTAINER = "AmbiguousContainer"
    CONTAINER_NOT_FOUND = "ContainerNotFound"
    SERVICE_NOT_FOUND = "ServiceNotFound"
    PROBER_MISSING = "ProberMissing"
    SECRET_MISSING = "SecretMissing"
    SECRET_INVALID = "SecretInvalid"
    SECRET_REFUSED = "SecretRefused"
    FRAGMENT_INVALID = "FragmentInvalid"
    NOT_SELECTED = "NotSelected"
    FIELD_CONFLICT = "FieldConflict"
    TARGET_CLAIMED = "TargetClaimed"
    WAITING_FOR_ROLLOUT = "WaitingForRollout"
    RATE_LIMITED = "RateLimited"
    REVERTED = "Reverted"
    MEASURABLE = "Measurable"
    WINDOW_EXCEEDS_RETENTION = "WindowExceedsRetention"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class Finding:
    """What keeps one condition from being True."""

    condition: ConditionType
    reason: Reason
    message: str
