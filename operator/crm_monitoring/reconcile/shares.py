"""What a resource puts into a merged Secret, and what it is told of that."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.errors import ClusterError
from crm_monitoring.manifest import Manifest, ObjectKey
from crm_monitoring.reconcile.children import reason_of
from crm_monitoring.reconcile.outcome import ObjectOutcome, State
from crm_monitoring.render import merged_document
from crm_monitoring.render.bundle import Fragment


@dataclass(frozen=True, slots=True)
class Share:
    """What one resource puts into a merged Secret."""

    secret: ObjectKey
    uid: str
    fragment: Fragment | None = field(repr=False)
    """None: it cannot be computed now, so the last good one stays."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the share of a resource fared, or its taking away."""

    outcome: ObjectOutcome
    finding: Finding | None = None


def would(secret: ObjectKey, share: Share | None, kept: Fragment | None, live: Manifest | None) -> Verdict:
    """Return what would become of a Secret for a resource that only observes."""
    if share is None or share.fragment is None or share.fragment == kept:
        return Verdict(ObjectOutcome(secret, State.IN_SYNC if kept else State.HELD))
    return Verdict(ObjectOutcome(secret, State.WOULD_CHANGE if live else State.WOULD_CREATE))


def stands(secret: ObjectKey, share: Share | None, state: State) -> Verdict:
    """Return how a Secret is after a merge that did `state`."""
    if share and share.fragment is None:
        return Verdict(ObjectOutcome(secret, State.HELD))
    return Verdict(ObjectOutcome(secret, State.IN_SYNC if state in (State.CREATED, State.CHANGED) else state))


def too_large(secret: ObjectKey) -> Verdict:
    """Return the verdict for a share that the Secret has no room for."""
    message = (
        f"Secret {secret.name} has no room for what spec.notifications gives: all resources that name it share "
        f"{merged_document.MAX_BYTES // 1024} KiB. Set spec.notifications.secretName to another name, or have fewer receivers."
    )
    finding = Finding(ConditionType.NOTIFICATIONS, Reason.REFUSED, message)
    return Verdict(ObjectOutcome(secret, State.HELD, message), finding)


def invalid(secret: ObjectKey, wrong: Sequence[str]) -> Verdict:
    """Return the verdict for a share that does not pass the checks."""
    message = f"spec.notifications gives a configuration that Alertmanager would refuse: {'; '.join(wrong)}."
    finding = Finding(ConditionType.NOTIFICATIONS, Reason.FRAGMENT_INVALID, message)
    return Verdict(ObjectOutcome(secret, State.HELD, message), finding)


def conflict(secret: ObjectKey) -> Verdict:
    """Return the verdict for a Secret that is somebody else's."""
    message = (
        f"Secret {secret.name} exists and was not made by this operator; it was not touched. "
        f"Delete it, or set spec.notifications.secretName to another name."
    )
    finding = Finding(ConditionType.NOTIFICATIONS, Reason.NAME_CONFLICT, message)
    return Verdict(ObjectOutcome(secret, State.CONFLICT, message), finding)


def failure(secret: ObjectKey, error: ClusterError, condition: ConditionType) -> Verdict:
    """Return the verdict for a Secret that could not be read or written, and the condition that says so."""
    return Verdict(
        ObjectOutcome(secret, State.FAILED, error.message), Finding(condition, reason_of(error), error.message)
    )
