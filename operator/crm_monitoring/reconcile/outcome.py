"""What one pass over a resource found and did, before it is put into the words of a status."""

from dataclasses import dataclass, field
from enum import StrEnum

from crm_monitoring.api.conditions import ConditionType, Finding
from crm_monitoring.contract.event_reasons import EventReason
from crm_monitoring.errors import Problem
from crm_monitoring.manifest import ObjectKey
from crm_monitoring.render.bundle import RuleCounts


class State(StrEnum):
    """State of one object in `status.resources`."""

    IN_SYNC = "InSync"
    CREATED = "Created"
    CHANGED = "Changed"
    RESTORED = "Restored"
    DELETED = "Deleted"
    HELD = "Held"
    FAILED = "Failed"
    CONFLICT = "NameConflict"
    WOULD_CREATE = "WouldCreate"
    WOULD_CHANGE = "WouldChange"
    WOULD_DELETE = "WouldDelete"


WRITTEN = frozenset({State.CREATED, State.CHANGED, State.RESTORED})
"""States that say what a pass did. The status shows InSync in their place: it tells how things are."""

PLANNED = frozenset({State.WOULD_CREATE, State.WOULD_CHANGE, State.WOULD_DELETE})


@dataclass(frozen=True, slots=True, order=True)
class ObjectOutcome:
    """How one object is after the pass."""

    key: ObjectKey
    state: State
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one pass, from which the status, the Events and the log line are made."""

    generation: int
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    objects: tuple[ObjectOutcome, ...] = ()
    rules: RuleCounts = field(default_factory=RuleCounts)
    concerns: frozenset[ConditionType] = frozenset()
    """Conditions besides Valid and Applied that the spec asks for."""
    notes: tuple[tuple[ConditionType, str], ...] = ()
    """What a condition says when it is True."""
    retry_seconds: float | None = None
    """When to look again although nothing changed; None: when something changes."""
    transient: bool = False
    """Whether the pass failed for a reason that waiting may cure, so that the queue backs off."""
    patience_seconds: float = 0.0
    """How long the API server asked to be left alone; a change does not make the next look any sooner."""
    waiting: bool = False
    """Whether the verdict of the merged Secret is not known yet: nothing is said before that."""
    announcements: tuple[tuple[EventReason, str], ...] = ()
    """What was done that is worth an Event besides the change of the conditions."""
