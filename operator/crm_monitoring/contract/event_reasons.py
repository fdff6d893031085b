"""Reasons of the Kubernetes Events that the operator emits, one per transition."""

from dataclasses import dataclass
from enum import StrEnum


class EventType(StrEnum):
    """Event types of Kubernetes. A Warning asks for a person."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class EventReason:
    """One reason: its name in CamelCase, the Event's type and when it is emitted."""

    name: str
    type: EventType
    when: str


READY = EventReason("Ready", EventType.NORMAL, "everything that the resource asks for is in place")
NOT_READY = EventReason("NotReady", EventType.WARNING, "something is missing; the message names the condition")
INVALID = EventReason("Invalid", EventType.WARNING, "the resource cannot be compiled; the last good objects stay")
VALID_AGAIN = EventReason("ValidAgain", EventType.NORMAL, "an invalid resource was mended")
DRIFT_CORRECTED = EventReason(
    "DriftCorrected", EventType.NORMAL, "an object that somebody changed or deleted was restored"
)
NAME_CONFLICT = EventReason("NameConflict", EventType.WARNING, "an object that is not ours has the name of one of ours")
WORKLOAD_CHANGED = EventReason(
    "WorkloadChanged", EventType.NORMAL, "probe or environment fields of the workload were set"
)
WORKLOAD_RELEASED = EventReason(
    "WorkloadReleased", EventType.NORMAL, "the workload's fields were given back to its owner"
)
FIELD_CONFLICT = EventReason(
    "FieldConflict", EventType.WARNING, "another manager owns fields that the resource asks for"
)
TAKEN_OVER = EventReason(
    "TakenOver", EventType.NORMAL, "a field of another manager was replaced, as conflictPolicy says"
)
SECRET_ROTATED = EventReason(
    "SecretRotated", EventType.NORMAL, "a referenced Secret changed and the configuration follows"
)
SECRET_REFUSED = EventReason(
    "SecretRefused",
    EventType.WARNING,
    "a reference names a Secret of a type that is not read, such as an account's token",
)

ALL = (
    READY,
    NOT_READY,
    INVALID,
    VALID_AGAIN,
    DRIFT_CORRECTED,
    NAME_CONFLICT,
    WORKLOAD_CHANGED,
    WORKLOAD_RELEASED,
    FIELD_CONFLICT,
    TAKEN_OVER,
    SECRET_ROTATED,
    SECRET_REFUSED,
)
"""Every reason that can appear in an Event of ours."""
