"""What became of each slot, in words for a condition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.reconcile.workload.slots import Slot


class SlotState(StrEnum):
    """What is to be said of one slot."""

    IN_SYNC = "InSync"
    """It holds what is wanted, and we own it."""
    SATISFIED = "Satisfied"
    """It holds what is wanted, and its owner has set it: theirs to keep."""
    APPLIED = "Applied"
    """It was empty or ours, and is set (or would be: in mode Observe)."""
    TAKEN = "Taken"
    """Another manager's value is replaced."""
    RELEASED = "Released"
    """No longer wanted: the value stays, ownership is given up."""
    REMOVED = "Removed"
    """No longer wanted: the field is removed."""
    RESTORED = "Restored"
    """No longer wanted: what was there before we took it over is put back."""
    CONFLICT = "Conflict"
    """Somebody else has set it otherwise, and it stays so."""
    REVERTED = "Reverted"
    """We set it, twice somebody undid it, and now we leave it alone."""
    RATE_LIMITED = "RateLimited"
    WAITING_FOR_ROLLOUT = "WaitingForRollout"
    CONTAINER_NOT_FOUND = "ContainerNotFound"
    REFUSED = "Refused"
    """The API server refuses the value."""


CHANGES = frozenset({SlotState.APPLIED, SlotState.TAKEN, SlotState.RELEASED, SlotState.REMOVED, SlotState.RESTORED})
"""States that only a pass in which they happen reports."""

_REASONS: Mapping[SlotState, Reason] = {
    SlotState.CONTAINER_NOT_FOUND: Reason.CONTAINER_NOT_FOUND,
    SlotState.REFUSED: Reason.REFUSED,
    SlotState.CONFLICT: Reason.FIELD_CONFLICT,
    SlotState.REVERTED: Reason.REVERTED,
    SlotState.WAITING_FOR_ROLLOUT: Reason.WAITING_FOR_ROLLOUT,
    SlotState.RATE_LIMITED: Reason.RATE_LIMITED,
}
"""States that keep the condition from being True, worst first."""

NOBODY = "nobody recorded"
"""Stands for the manager of a field that managedFields does not mention."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one slot."""

    slot: Slot
    state: SlotState
    managers: tuple[str, ...] = ()
    """Who else has set it, for Satisfied, Conflict, Taken and Reverted."""
    clash: tuple[str, ...] = ()
    """Keys of theirs that cannot stand beside ours: tcpSocket, exec, grpc, valueFrom."""
    until: datetime | None = None
    """When a waiting slot is looked at again."""
    note: str = ""

    @property
    def is_fine(self) -> bool:
        """Return whether the slot holds, or will hold after this pass, what is wanted."""
        return self.state not in _REASONS


def findings(verdicts: Iterable[Verdict]) -> tuple[Finding, ...]:
    """Return why WorkloadConfigured is not True: one finding for each reason, worst first."""
    verdicts = sorted(verdicts, key=lambda verdict: verdict.slot)
    found = []
    for state, reason in _REASONS.items():
        concerned = [verdict for verdict in verdicts if verdict.state is state]
        if concerned:
            message = _sentence(state, concerned)
            found.append(Finding(ConditionType.WORKLOAD, reason, message))
    return tuple(found)


def warnings(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Return what a person should know although all is as the resource asks."""
    return tuple(
        f"{verdict.slot}: the API server refuses further deploys of the workload's owner until its manifest stops "
        f"setting {' and '.join(verdict.clash)} there"
        for verdict in verdicts
        if verdict.state in (SlotState.TAKEN, SlotState.IN_SYNC) and verdict.clash
    )


def _sentence(state: SlotState, concerned: list[Verdict]) -> str:
    names = ", ".join(str(verdict.slot) for verdict in concerned)
    until = min((verdict.until for verdict in concerned if verdict.until), default=None)
    match state:
        case SlotState.CONFLICT:
            listed = ", ".join(f"{verdict.slot} ({_who(verdict)})" for verdict in concerned)
            return (
                f"set otherwise by somebody else: {listed}. Make them agree, remove the field on one side, "
                "or set spec.workload.conflictPolicy: TakeOver"
            )
        case SlotState.REVERTED:
            listed = ", ".join(f"{verdict.slot} ({_who(verdict)})" for verdict in concerned)
            return (
                f"set twice and undone twice: {listed}. Nothing more is tried. Make whoever sets it agree; "
                "to try again, remove the field from spec.workload and add it again"
            )
        case SlotState.RATE_LIMITED:
            when = f" at {until:%H:%M:%SZ}" if until else ""
            return f"{names} will be changed{when}: the pods are restarted at most once in 10 minutes"
        case SlotState.WAITING_FOR_ROLLOUT:
            return f"{names} will be changed once the rollout of the last change is complete"
        case SlotState.CONTAINER_NOT_FOUND:
            containers = ", ".join(sorted({verdict.slot.container for verdict in concerned}))
            return f"the pod template has no container {containers}; correct spec.target.container"
        case _:
            return f"{names}: {concerned[0].note}"


def _who(verdict: Verdict) -> str:
    return ", ".join(verdict.managers) or NOBODY
