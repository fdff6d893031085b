"""From the outcome of a pass to the status of the resource. Pure: the clock is passed in."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.reconcile.outcome import PLANNED, WRITTEN, ObjectOutcome, Outcome, State

MAX_MESSAGE = 1024
"""Longest message of a condition; the CRD's bound."""

MAX_WARNINGS = 20


class Condition(TypedDict):
    """One entry of `status.conditions`."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    observedGeneration: int
    lastTransitionTime: str


class ObjectStatus(TypedDict, total=False):
    """One entry of `status.resources`."""

    kind: str
    name: str
    state: str
    message: str


class Status(TypedDict):
    """The whole status. Every key is always written, so that a merge patch replaces all of it."""

    observedGeneration: int
    conditions: list[Condition]
    resources: list[ObjectStatus]
    rules: dict[str, int]
    warnings: list[str]


_NEEDS_A_PERSON = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.NAME_CONFLICT,
        Reason.REFUSED,
        Reason.FORBIDDEN,
        Reason.AMBIGUOUS_CONTAINER,
        Reason.AMBIGUOUS_SERVICE,
        Reason.CONTAINER_NOT_FOUND,
        Reason.SERVICE_NOT_FOUND,
        Reason.PORT_NOT_FOUND,
        Reason.PROBER_MISSING,
        Reason.SECRET_INVALID,
        Reason.SECRET_REFUSED,
        Reason.FRAGMENT_INVALID,
        Reason.NOT_SELECTED,
        Reason.FIELD_CONFLICT,
        Reason.TARGET_CLAIMED,
        Reason.REVERTED,
    }
)
"""Reasons that waiting does not cure: the condition Stalled is True. With any other, Reconciling is."""

_DONE = frozenset({Reason.OBSERVE_ONLY})
"""Reasons that are neither in progress nor stuck: the resource is as its author wants it."""

_SUCCESS: Mapping[ConditionType, tuple[Reason, str]] = {
    ConditionType.VALID: (Reason.VALID, "The resource was understood."),
    ConditionType.APPLIED: (Reason.APPLIED, "Every object is as it should be."),
    ConditionType.SCRAPE: (Reason.CONFIGURED, "Prometheus is told to scrape the target."),
    ConditionType.NOTIFICATIONS: (Reason.CONFIGURED, "Alertmanager is told where to send alerts."),
    ConditionType.WORKLOAD: (Reason.CONFIGURED, "The workload's probes and variables are as the resource says."),
    ConditionType.OBJECTIVES: (Reason.MEASURABLE, "Prometheus keeps series as long as the objectives look back."),
}

_ORDER = (
    ConditionType.VALID,
    ConditionType.APPLIED,
    ConditionType.SCRAPE,
    ConditionType.NOTIFICATIONS,
    ConditionType.WORKLOAD,
    ConditionType.OBJECTIVES,
)
"""Conditions from cause to effect: the first that fails explains Ready."""


_BESIDE_READY = frozenset({ConditionType.OBJECTIVES})
"""Conditions that Ready does not sum up: everything is in place, and what is missing is not the resource's to give."""


def summarise(outcome: Outcome, previous: Mapping[str, Any], now: datetime) -> Status:
    """Return the status after a pass. `previous` gives lastTransitionTime of conditions that did not change."""
    conditions = _conditions(outcome)
    summed = [entry for entry in conditions if entry["type"] not in _BESIDE_READY]
    ready = _ready(summed)
    shown = [ready, *conditions, *_progress(summed)]
    times = {c.get("type"): c for c in previous.get("conditions") or () if isinstance(c, Mapping)}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    for condition in shown:
        before = times.get(condition["type"])
        condition["observedGeneration"] = outcome.generation
        kept = before.get("lastTransitionTime") if before and before.get("status") == condition["status"] else None
        condition["lastTransitionTime"] = kept or stamp
    return {
        "observedGeneration": outcome.generation,
        "conditions": shown,
        "resources": [_object(entry) for entry in sorted(outcome.objects) if entry.state is not State.DELETED],
        "rules": {"recording": outcome.rules.recording, "alerting": outcome.rules.alerting},
        "warnings": sorted({warning[:MAX_MESSAGE] for warning in outcome.warnings})[:MAX_WARNINGS],
    }


def condition(
    type_: ConditionType, status: Literal["True", "False", "Unknown"], reason: str, message: str
) -> Condition:
    """Return a condition that `summarise` dates."""
    text = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
    return {
        "type": type_.value,
        "status": status,
        "reason": reason,
        "message": text,
        "observedGeneration": 0,
        "lastTransitionTime": "",
    }


def ready_of(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the Ready condition of a status, empty when there is none."""
    for entry in status.get("conditions") or ():
        if isinstance(entry, Mapping) and entry.get("type") == ConditionType.READY:
            return entry
    return {}


def _conditions(outcome: Outcome) -> list[Condition]:
    if outcome.problems:
        message = "; ".join(str(problem) for problem in outcome.problems)
        kept = "The resource is invalid, so the objects of its last valid version stay as they are."
        return [
            condition(ConditionType.VALID, "False", Reason.INVALID_SPEC, message),
            condition(ConditionType.APPLIED, "Unknown", Reason.INVALID_SPEC, kept),
        ]
    wanted = {ConditionType.VALID, ConditionType.APPLIED, *outcome.concerns}
    return [_judged(type_, outcome) for type_ in _ORDER if type_ in wanted]


def _judged(type_: ConditionType, outcome: Outcome) -> Condition:
    findings = [finding for finding in outcome.findings if finding.condition == type_]
    if findings:
        worst = min(findings, key=lambda finding: (finding.reason not in _NEEDS_A_PERSON, finding.reason))
        return condition(type_, "False", worst.reason, _joined(findings, worst.reason))
    reason, message = _SUCCESS[type_]
    notes = " ".join(note for concern, note in outcome.notes if concern == type_)
    return condition(type_, "True", reason, notes or message)


def _joined(findings: Iterable[Finding], first: Reason) -> str:
    ordered = sorted(set(findings), key=lambda finding: (finding.reason != first, finding.reason, finding.message))
    return " ".join(finding.message for finding in ordered)


def _ready(conditions: Iterable[Condition]) -> Condition:
    failing = [entry for entry in conditions if entry["status"] != "True"]
    if not failing:
        return condition(
            ConditionType.READY, "True", Reason.READY, "Everything that the resource asks for is in place."
        )
    return condition(
        ConditionType.READY, "False", failing[0]["reason"], f"{failing[0]['type']}: {failing[0]['message']}"
    )


def _progress(conditions: Iterable[Condition]) -> list[Condition]:
    """Return kstatus' abnormal-true conditions: Stalled when a person is needed, Reconciling when time may help."""
    failing = [entry for entry in conditions if entry["status"] == "False" and entry["reason"] not in _DONE]
    stuck = [entry for entry in failing if entry["reason"] in _NEEDS_A_PERSON]
    if stuck:
        return [condition(ConditionType.STALLED, "True", stuck[0]["reason"], stuck[0]["message"])]
    if failing:
        return [condition(ConditionType.RECONCILING, "True", failing[0]["reason"], failing[0]["message"])]
    return []


def _object(entry: ObjectOutcome) -> ObjectStatus:
    state = State.IN_SYNC if entry.state in WRITTEN else entry.state
    shown: ObjectStatus = {"kind": entry.key.kind.name, "name": entry.key.name, "state": state.value}
    if entry.message:
        shown["message"] = entry.message[:MAX_MESSAGE]
    return shown


def planned(outcome: Outcome) -> tuple[ObjectOutcome, ...]:
    """Return what `mode: Observe` would have written."""
    return tuple(entry for entry in outcome.objects if entry.state in PLANNED)
