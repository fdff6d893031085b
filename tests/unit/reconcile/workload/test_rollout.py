"""When a change of the pod template has to wait."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.reconcile.workload.memory import Memory
from crm_monitoring.reconcile.workload.rollout import must_wait
from support.recorded import recorded

CHANGED = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OURS = {(FIELD_MANAGER, "Apply"): ["readinessProbe.periodSeconds"], ("helm", "Update"): ["image"]}
MEMORY = Memory("crm", "uid", changed=CHANGED)
EXCEEDED = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def waits(minutes: float, memory: Memory = MEMORY, **workload: Any) -> str | None:
    wait = must_wait(recorded({}, OURS, **workload), memory, CHANGED + minutes * MINUTE)
    return wait.reason if wait else None


def test_the_first_change_never_waits() -> None:
    live = recorded({}, {("helm", "Update"): ["image"]}, status={"unavailableReplicas": 1})

    assert must_wait(live, Memory(), CHANGED) is None


def test_the_next_change_waits_ten_minutes() -> None:
    assert waits(9.9) == "RateLimited"
    assert waits(10) is None


def test_without_an_annotation_the_time_of_our_entry_counts() -> None:
    assert waits(9.9, Memory()) == "RateLimited"
    assert waits(10, Memory()) is None


def test_a_time_in_the_future_cannot_hold_us_back_for_ever() -> None:
    assert waits(10, Memory("crm", "uid", changed=CHANGED + timedelta(days=999))) is None


def test_values_that_we_found_in_place_and_own_since_are_no_change_of_ours() -> None:
    assert waits(0, Memory("crm", "uid", changed=None)) is None


ROLLING: dict[str, dict[str, Any]] = {
    "the controller has not looked yet": {"status": {"observedGeneration": 0}},
    "pods are still old": {"status": {"updatedReplicas": 0}},
    "old pods are still there": {"status": {"replicas": 2}},
    "a pod is not available": {"status": {"unavailableReplicas": 1}},
    "pods of a StatefulSet are still old": {
        "kind": "StatefulSet",
        "spec": {"replicas": 2},
        "status": {"currentRevision": "a", "updateRevision": "b", "readyReplicas": 2},
    },
    "a pod of a StatefulSet is not ready": {"kind": "StatefulSet", "status": {"readyReplicas": 0}},
}


@pytest.mark.parametrize("workload", ROLLING.values(), ids=ROLLING)
def test_a_rollout_of_ours_holds_the_next_change_back(workload: dict[str, Any]) -> None:
    assert waits(11, **workload) == "WaitingForRollout"
    assert waits(61, **workload) is None, "but not for ever"


@pytest.mark.parametrize("workload", ROLLING.values(), ids=ROLLING)
def test_a_rollout_of_somebody_else_does_not(workload: dict[str, Any]) -> None:
    assert waits(11, times={"helm": "2026-01-01T00:05:00Z"}, **workload) is None


OVER: dict[str, dict[str, Any]] = {
    "it is complete": {},
    "it has missed its deadline": {"status": {"updatedReplicas": 0, "conditions": [EXCEEDED]}},
    "it is paused": {"spec": {"paused": True}, "status": {"updatedReplicas": 0}},
    "there are no replicas": {"spec": {"replicas": 0}, "status": {"replicas": 0, "updatedReplicas": 0}},
    "a StatefulSet waits for its pods to be deleted": {
        "kind": "StatefulSet",
        "spec": {"updateStrategy": {"type": "OnDelete"}},
        "status": {"readyReplicas": 0, "currentRevision": "a", "updateRevision": "b"},
    },
    "a StatefulSet updates only behind its partition": {
        "kind": "StatefulSet",
        "spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}},
        "status": {"readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
    },
}


@pytest.mark.parametrize("workload", OVER.values(), ids=OVER)
def test_a_rollout_is_over_when(workload: dict[str, Any]) -> None:
    assert waits(11, **workload) is None
