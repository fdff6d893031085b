"""From judgements to the next write, and how slots are released."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload import Claim, Policy, SlotState, decide
from crm_monitoring.reconcile.workload.memory import ANNOTATION, LARGEST, Memory
from crm_monitoring.reconcile.workload.writes import Apply, JsonPatch
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import READINESS
from support.recorded import (
    ALL,
    CLAIM,
    HELM,
    LEVEL,
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
    recorded,
    remembered,
)

RELEASES: dict[str, tuple[Manifest, Policy, str, SlotState]] = {
    "Retain gives up": (live(READINESS, {OURS: ALL}), RESPECT, "gives up", SlotState.RELEASED),
    "Remove removes": (
        live(READINESS, {OURS: ALL}),
        Policy(deletion="Remove"),
        "removes /spec/template/spec/containers/0/readinessProbe",
        SlotState.REMOVED,
    ),
    "Remove does not wait": (
        live(READINESS, {OURS: ALL}, changed=NOW),
        Policy(deletion="Remove"),
        "removes /spec/template/spec/containers/0/readinessProbe",
        SlotState.REMOVED,
    ),
    "Remove keeps what others have set, too": (
        live(READINESS, {OURS: ALL, HELM: ALL[:1]}),
        Policy(deletion="Remove"),
        "gives up",
        SlotState.RELEASED,
    ),
    "Remove restores what was taken over": (
        live(READINESS, {OURS: ALL}, originals={PROBE: OTHER}),
        Policy(deletion="Remove"),
        "puts back /old",
        SlotState.RESTORED,
    ),
    "Retain keeps what was taken over": (
        live(READINESS, {OURS: ALL}, originals={PROBE: OTHER}),
        RESPECT,
        "gives up",
        SlotState.RELEASED,
    ),
    "Retain restores a handler that its owner could not deploy beside ours": (
        live(READINESS, {OURS: ALL}, originals={PROBE: TCP}),
        RESPECT,
        "puts back tcpSocket",
        SlotState.RESTORED,
    ),
    "what is restored already is given up": (
        live(OTHER, {OURS: ALL}, originals={PROBE: OTHER}),
        Policy(deletion="Remove"),
        "gives up",
        SlotState.RELEASED,
    ),
    "an original is not put into a slot that its owner has changed since": (
        live(
            TCP,
            {HELM: ["readinessProbe.tcpSocket.port"], OURS: ["readinessProbe.initialDelaySeconds"]},
            originals={PROBE: OTHER},
        ),
        Policy(deletion="Remove"),
        "gives up",
        SlotState.RELEASED,
    ),
    "a value of which we own nothing is not removed": (
        live(TCP, {OURS: ["readinessProbe"]}),
        Policy(deletion="Remove"),
        "gives up",
        SlotState.RELEASED,
    ),
    "a slot that is empty already is given up": (
        live(None, {OURS: ["readinessProbe.initialDelaySeconds"]}),
        Policy(deletion="Remove"),
        "gives up",
        SlotState.RELEASED,
    ),
}


@pytest.mark.parametrize("case", RELEASES.values(), ids=RELEASES)
def test_how_a_slot_is_released(case: tuple[Manifest, Policy, str, SlotState]) -> None:
    workload, policy, does, state = case

    plan = decide(workload, None, policy, CLAIM, NOW)

    assert isinstance(plan.write, JsonPatch)
    assert described(plan.write.operations[-1]) == does
    assert [verdict.state for verdict in plan.verdicts] == [state]


def described(operation: Mapping[str, Any]) -> str:
    match operation:
        case {"op": "remove", "path": path}:
            return f"removes {path}"
        case {"op": "add", "value": {"tcpSocket": _}}:
            return "puts back tcpSocket"
        case {"op": "add", "value": {"httpGet": {"path": path}}}:
            return f"puts back {path}"
        case {"path": "/metadata/managedFields"}:
            return "gives up"
    return str(operation)


def test_a_workload_of_which_we_hold_nothing_is_not_written_on_release() -> None:
    assert decide(live(OTHER, {HELM: ALL}), None, Policy(deletion="Remove"), CLAIM, NOW).write is None


def test_everything_goes_with_the_last_slot() -> None:
    plan = decide(live(READINESS, {OURS: ALL, PATCHED: ALL, HELM: ["image"]}), None, RESPECT, CLAIM, NOW)

    assert isinstance(plan.write, JsonPatch)
    _, annotation, managed = plan.write.operations
    assert annotation == {"op": "remove", "path": "/metadata/annotations/monitoring.crm.io~1workload"}
    assert [entry["manager"] for entry in managed["value"]] == ["helm"]


def test_one_patch_changes_all_when_one_slot_has_to_be_replaced() -> None:
    workload = recorded(
        {"readinessProbe": TCP, "env": [{"name": "A", "value": "1"}]},
        {HELM: ["readinessProbe.tcpSocket.port", "env.A.value"]},
    )
    wanted = WorkloadFields("api", {"readinessProbe": READINESS}, {"CRM_LOG_LEVEL": "INFO"})

    plan = decide(workload, wanted, TAKE_OVER, CLAIM, NOW)

    assert isinstance(plan.write, JsonPatch)
    paths = [operation["path"] for operation in plan.write.operations]
    assert paths == [
        "/metadata/resourceVersion",
        "/spec/template/spec/containers/0/env/-",
        "/spec/template/spec/containers/0/readinessProbe",
        "/metadata/annotations",
    ]
    said = Memory.of(recorded({}, annotations=plan.write.operations[-1]["value"]))
    assert said.originals == {PROBE: TCP}
    assert said.changed == NOW


def test_two_variables_of_a_container_without_any_are_added_one_after_the_other() -> None:
    workload = recorded({"readinessProbe": TCP}, {HELM: ["readinessProbe.tcpSocket.port"]})
    wanted = WorkloadFields("api", {"readinessProbe": READINESS}, {"A": "1", "B": "2"})

    plan = decide(workload, wanted, TAKE_OVER, CLAIM, NOW)

    assert isinstance(plan.write, JsonPatch)
    first, second = plan.write.operations[1:3]
    assert (first["path"].rpartition("/")[2], first["value"]) == ("env", [{"name": "A", "value": "1"}])
    assert (second["path"].rpartition("/")[2], second["value"]) == ("-", {"name": "B", "value": "2"})


def test_variables_are_removed_from_the_end() -> None:
    env = [{"name": name, "value": "1"} for name in ("A", "B", "C")]
    workload = recorded(
        {"env": env}, {OURS: ["env.A.value", "env.C.value", f"@{ANNOTATION}"]}, annotations=remembered()
    )

    plan = decide(workload, None, Policy(deletion="Remove"), CLAIM, NOW)

    assert isinstance(plan.write, JsonPatch)
    assert [operation["path"].rpartition("/")[2] for operation in plan.write.operations[1:]] == ["2", "0"]


def test_a_variable_that_is_listed_twice_is_never_changed() -> None:
    env = [{"name": "CRM_LOG_LEVEL", "value": "A"}, {"name": "CRM_LOG_LEVEL", "value": "B"}]
    workload = recorded({"env": env}, {HELM: ["env.CRM_LOG_LEVEL.value"]})

    plan = decide(workload, LEVEL, TAKE_OVER, CLAIM, NOW)

    assert plan.write is None
    assert plan.verdicts[0].state is SlotState.CONFLICT


def test_a_container_that_does_not_exist_is_not_created() -> None:
    plan = decide(recorded({"name": "web"}), WANTED, RESPECT, CLAIM, NOW)

    assert plan.write is None
    assert plan.verdicts[0].state is SlotState.CONTAINER_NOT_FOUND


def test_an_original_too_large_to_remember_is_not_taken_over() -> None:
    huge = {"exec": {"command": ["x" * LARGEST]}}

    plan = decide(
        recorded({"readinessProbe": huge}, {HELM: ["readinessProbe.exec.command"]}), WANTED, TAKE_OVER, CLAIM, NOW
    )

    assert plan.write is None
    assert plan.verdicts[0].state is SlotState.CONFLICT


def test_what_waits_says_when_to_look_again() -> None:
    plan = decide(live(OTHER, {OURS: ALL}, changed=NOW - timedelta(minutes=9)), WANTED, RESPECT, CLAIM, NOW)

    assert plan.recheck_after_seconds == 60.0


def test_a_slot_that_waits_is_held_with_the_value_that_it_has() -> None:
    workload = live(OTHER, {OURS: ALL}, changed=NOW)

    plan = decide(workload, WANTED, RESPECT, Claim("renamed", "uid"), NOW)

    assert isinstance(plan.write, Apply)
    (container,) = plan.write.manifest["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/old"
    assert plan.write.slots == ()


def test_what_is_let_go_is_given_up_before_anything_is_changed() -> None:
    workload = recorded(
        {"readinessProbe": OTHER, "env": [{"name": "CRM_LOG_LEVEL", "value": "INFO"}]},
        {HELM: ALL, OURS: ["env.CRM_LOG_LEVEL.value", f"@{ANNOTATION}"]},
        annotations=remembered(),
    )

    plan = decide(workload, WANTED, TAKE_OVER, CLAIM, NOW)

    assert isinstance(plan.write, JsonPatch)
    assert [operation["path"] for operation in plan.write.operations[1:]] == ["/metadata/managedFields"]
    assert {str(verdict.slot): verdict.state for verdict in plan.verdicts} == {
        "api/env/CRM_LOG_LEVEL": SlotState.RELEASED,
        "api/readinessProbe": SlotState.TAKEN,
    }


def test_a_variable_that_somebody_else_changed_is_no_longer_mentioned_by_us() -> None:
    workload = recorded(
        {"readinessProbe": READINESS, "env": [{"name": "CRM_LOG_LEVEL", "value": "DEBUG"}]},
        {OURS: [*ALL, "env.CRM_LOG_LEVEL", f"@{ANNOTATION}"], HELM: ["env.CRM_LOG_LEVEL.value"]},
        annotations=remembered(),
    )
    wanted = WorkloadFields("api", WANTED.probes, LEVEL.env)

    plan = decide(workload, wanted, RESPECT, CLAIM, NOW)

    assert isinstance(plan.write, JsonPatch)
    assert "CRM_LOG_LEVEL" not in str([e for e in plan.write.operations[1]["value"] if e["manager"] != "helm"])
    assert plan.verdicts[0].state is SlotState.CONFLICT


def test_an_apply_that_changes_a_value_remembers_when() -> None:
    plan = decide(live(), WANTED, RESPECT, CLAIM, NOW)

    assert isinstance(plan.write, Apply)
    assert Memory.of(plan.write.manifest) == Memory("crm", "uid", changed=NOW, takes={PROBE: (NOW,)})
    assert not plan.write.force


def test_an_annotation_that_a_patch_wrote_is_owned_by_apply_next() -> None:
    workload = recorded(
        {"readinessProbe": READINESS}, {OURS: ALL, PATCHED: [f"@{ANNOTATION}"]}, annotations=remembered()
    )

    assert isinstance(decide(workload, WANTED, RESPECT, CLAIM, NOW).write, Apply)


def test_our_annotation_is_taken_back_by_force() -> None:
    workload = recorded({"readinessProbe": READINESS}, {OURS: ALL, HELM: [f"@{ANNOTATION}"]}, annotations=remembered())

    plan = decide(workload, WANTED, RESPECT, CLAIM, NOW)

    assert isinstance(plan.write, Apply)
    assert plan.write.force


def test_takes_of_another_resource_do_not_count() -> None:
    workload = live(OTHER, {HELM: ALL}, takes=TWICE, changed=LONG_AGO)

    plan = decide(workload, WANTED, TAKE_OVER, Claim("second", "another uid"), NOW)

    assert plan.verdicts[0].state is SlotState.TAKEN


def test_same_input_same_plan() -> None:
    workload = live(OTHER, {HELM: ALL})

    assert decide(workload, WANTED, TAKE_OVER, CLAIM, NOW) == decide(workload, WANTED, TAKE_OVER, CLAIM, NOW)
