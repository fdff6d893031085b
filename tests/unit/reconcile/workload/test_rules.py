"""The rules for a slot that is wanted, on live objects in memory.

What the API server makes of the writes: tests/integration/test_workload_*.
"""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload import Plan, Policy, SlotState, decide
from crm_monitoring.reconcile.workload.writes import Apply
from support.owners import READINESS
from support.recorded import (
    ALL,
    CLAIM,
    HELM,
    LONG_AGO,
    NOW,
    OTHER,
    OURS,
    PATCHED,
    PROBE,
    RESPECT,
    TAKE_OVER,
    TCP,
    TWICE,
    WANTED,
    live,
)


@dataclass(frozen=True)
class Expected:
    state: SlotState
    write: str
    """What the next write does: "nothing", "sets" (apply), "holds" (apply, no value changes), "replaces" (patch),
    "gives up", "tidies" (both of the last change managedFields only)."""
    managers: tuple[str, ...] = ()


def kind_of_write(plan: Plan) -> str:
    if plan.write is None:
        return "nothing"
    if isinstance(plan.write, Apply):
        return "sets" if plan.write.slots else "holds"
    return "replaces" if plan.write.slots else "gives up"


RULES: dict[str, tuple[Manifest, Policy, Expected]] = {
    "an empty slot is ours to set": (live(), RESPECT, Expected(SlotState.APPLIED, "sets")),
    "a slot that its owner has set as wanted is the owner's": (
        live(READINESS, {HELM: ALL}),
        TAKE_OVER,
        Expected(SlotState.SATISFIED, "nothing", ("helm",)),
    ),
    "a slot as wanted that nobody owns becomes ours": (live(READINESS), RESPECT, Expected(SlotState.IN_SYNC, "holds")),
    "a slot as wanted that we own stays": (
        live(READINESS, {OURS: ALL}),
        RESPECT,
        Expected(SlotState.IN_SYNC, "nothing"),
    ),
    "a slot as wanted that we own in part stays": (
        live(READINESS, {OURS: ALL, HELM: ALL[:2]}),
        RESPECT,
        Expected(SlotState.IN_SYNC, "nothing"),
    ),
    "a slot as wanted of which others own all that we own is given up": (
        live(READINESS, {OURS: ALL, HELM: ALL}),
        RESPECT,
        Expected(SlotState.SATISFIED, "gives up", ("helm",)),
    ),
    "a default that only we own is no reason to hold on": (
        live({**READINESS, "periodSeconds": 10}, {OURS: ALL, HELM: [f for f in ALL if "period" not in f]}),
        RESPECT,
        Expected(SlotState.SATISFIED, "gives up", ("helm",)),
    ),
    "a slot that only we own is changed": (
        live(OTHER, {OURS: ALL}),
        RESPECT,
        Expected(SlotState.APPLIED, "sets"),
    ),
    "a field that we set and no longer want is dropped": (
        live({**READINESS, "successThreshold": 1}, {OURS: [*ALL, "readinessProbe.successThreshold"]}),
        RESPECT,
        Expected(SlotState.APPLIED, "sets"),
    ),
    "a slot that somebody else has set otherwise stays": (
        live(OTHER, {HELM: ALL}),
        RESPECT,
        Expected(SlotState.CONFLICT, "nothing", ("helm",)),
    ),
    "a slot that nobody is known to have set stays": (live(OTHER), RESPECT, Expected(SlotState.CONFLICT, "nothing")),
    "our part of a slot that somebody else changed is given up": (
        live(OTHER, {OURS: ALL[1:], HELM: ALL[:1]}),
        RESPECT,
        Expected(SlotState.CONFLICT, "gives up", ("helm",)),
    ),
    "a slot is taken over": (live(OTHER, {HELM: ALL}), TAKE_OVER, Expected(SlotState.TAKEN, "replaces", ("helm",))),
    "a slot that nobody is known to have set is taken over": (
        live(TCP),
        TAKE_OVER,
        Expected(SlotState.TAKEN, "replaces"),
    ),
    "a slot that was taken over is owned by apply next": (
        live(READINESS, {PATCHED: ALL, HELM: ["readinessProbe.failureThreshold"]}, originals={PROBE: OTHER}),
        TAKE_OVER,
        Expected(SlotState.IN_SYNC, "holds"),
    ),
    "the trace of the patch is dropped last": (
        live(READINESS, {OURS: ALL, PATCHED: ALL}, originals={PROBE: OTHER}),
        TAKE_OVER,
        Expected(SlotState.IN_SYNC, "gives up"),
    ),
    "a wish that changes after the take-over is no second take-over": (
        live(OTHER, {OURS: ALL, HELM: ["readinessProbe.failureThreshold"]}, originals={PROBE: TCP}, takes=TWICE),
        TAKE_OVER,
        Expected(SlotState.APPLIED, "sets", ("helm",)),
    ),
    "nor is one that concerns a field which the earlier owner set alike": (
        live({**READINESS, "failureThreshold": 5}, {OURS: ALL, HELM: ALL[-1:]}, originals={PROBE: TCP}, takes=TWICE),
        TAKE_OVER,
        Expected(SlotState.APPLIED, "replaces", ("helm",)),
    ),
    "after two reverts a slot is left alone": (
        live(OTHER, {HELM: ALL}, takes=TWICE, changed=LONG_AGO),
        TAKE_OVER,
        Expected(SlotState.REVERTED, "nothing", ("helm",)),
    ),
    "after two reverts our part is given up": (
        live(OTHER, {OURS: ALL[1:], HELM: ALL[:1]}, takes=TWICE, changed=LONG_AGO),
        TAKE_OVER,
        Expected(SlotState.REVERTED, "gives up", ("helm",)),
    ),
    "after two removals an empty slot is left alone": (
        live(None, None, takes=TWICE, changed=LONG_AGO),
        RESPECT,
        Expected(SlotState.REVERTED, "nothing"),
    ),
    "Respect forgets the take-overs, so that they can be tried again": (
        live(OTHER, {HELM: ALL}, takes=TWICE, changed=LONG_AGO),
        RESPECT,
        Expected(SlotState.CONFLICT, "gives up", ("helm",)),
    ),
    "a delay that nobody owns is dropped by replacing the probe": (
        live({**READINESS, "initialDelaySeconds": 30}, {OURS: ALL}),
        RESPECT,
        Expected(SlotState.APPLIED, "replaces"),
    ),
    "a slot that its owner changed after the take-over is taken over once more": (
        live(
            OTHER, {OURS: ALL[1:], HELM: ALL[:1]}, originals={PROBE: TCP}, takes={PROBE: (LONG_AGO,)}, changed=LONG_AGO
        ),
        TAKE_OVER,
        Expected(SlotState.TAKEN, "replaces", ("helm",)),
    ),
    "a change of ours within ten minutes waits": (
        live(OTHER, {OURS: ALL}, changed=NOW - timedelta(minutes=9)),
        RESPECT,
        Expected(SlotState.RATE_LIMITED, "nothing"),
    ),
    "a take-over within ten minutes of the last waits": (
        live(OTHER, {HELM: ALL}, takes={PROBE: (NOW,)}, changed=NOW),
        TAKE_OVER,
        Expected(SlotState.RATE_LIMITED, "nothing", ("helm",)),
    ),
}


@pytest.mark.parametrize("case", RULES.values(), ids=RULES)
def test_the_rules(case: tuple[Manifest, Policy, Expected]) -> None:
    workload, policy, expected = case

    plan = decide(workload, WANTED, policy, CLAIM, NOW)

    (verdict,) = plan.verdicts
    assert Expected(verdict.state, kind_of_write(plan), verdict.managers) == expected


@pytest.mark.parametrize("case", RULES.values(), ids=RULES)
def test_every_write_is_bound_to_the_version_that_was_looked_at(case: tuple[Manifest, Policy, Expected]) -> None:
    workload, policy, _ = case

    write = decide(workload, WANTED, policy, CLAIM, NOW).write

    if isinstance(write, Apply):
        assert write.manifest["metadata"]["uid"] == "uid-of-workload"
        assert write.manifest["metadata"]["resourceVersion"] == "7"
    elif write:
        assert write.operations[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
