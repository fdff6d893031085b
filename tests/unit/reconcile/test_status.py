"""The status tells the truth, in few words, and does not change when nothing did."""

from datetime import UTC, datetime, timedelta

import pytest

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.errors import Problem
from crm_monitoring.manifest import CONFIG_MAP, ObjectKey
from crm_monitoring.reconcile.outcome import ObjectOutcome, Outcome, State
from crm_monitoring.reconcile.status import MAX_MESSAGE, Status, summarise

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
CHILD = ObjectKey(CONFIG_MAP, "crm", "crm-crm-dashboards")
CONCERNS = frozenset({ConditionType.SCRAPE, ConditionType.NOTIFICATIONS})


def by_type(status: Status) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in status["conditions"]}


def test_a_good_pass_is_ready_and_neither_stalled_nor_reconciling() -> None:
    status = summarise(Outcome(3, concerns=CONCERNS, objects=(ObjectOutcome(CHILD, State.CREATED),)), {}, NOW)
    assert by_type(status) == {
        "Ready": ("True", "Ready"),
        "Valid": ("True", "Valid"),
        "Applied": ("True", "Applied"),
        "ScrapeConfigured": ("True", "Configured"),
        "NotificationsConfigured": ("True", "Configured"),
    }
    assert status["resources"] == [{"kind": "ConfigMap", "name": "crm-crm-dashboards", "state": "InSync"}]
    assert {entry["observedGeneration"] for entry in status["conditions"]} == {3}


def test_blocks_that_the_spec_lacks_have_no_condition() -> None:
    assert "NotificationsConfigured" not in by_type(summarise(Outcome(1), {}, NOW))


def test_an_invalid_resource_lists_every_problem_and_is_stalled() -> None:
    problems = (Problem("spec.target.name", "is required"), Problem("spec.mode", "must be Enforce or Observe"))
    status = summarise(Outcome(2, problems=problems), {}, NOW)
    assert by_type(status)["Valid"] == ("False", "InvalidSpec")
    assert by_type(status)["Applied"] == ("Unknown", "InvalidSpec")
    assert by_type(status)["Ready"] == ("False", "InvalidSpec")
    assert by_type(status)["Stalled"] == ("True", "InvalidSpec")
    for problem in problems:
        assert str(problem) in status["conditions"][0]["message"]


PROGRESS = {
    "a missing target may come": (Reason.TARGET_NOT_FOUND, "Reconciling"),
    "a missing kind may be installed": (Reason.DEPENDENCY_MISSING, "Reconciling"),
    "a missing Secret may come": (Reason.SECRET_MISSING, "Reconciling"),
    "a foreign object needs a person": (Reason.NAME_CONFLICT, "Stalled"),
    "a permission needs a person": (Reason.FORBIDDEN, "Stalled"),
    "an Alertmanager that does not select us needs a person": (Reason.NOT_SELECTED, "Stalled"),
    "observing is what was asked for": (Reason.OBSERVE_ONLY, None),
}


@pytest.mark.parametrize("case", PROGRESS)
def test_the_progress_condition(case: str) -> None:
    reason, expected = PROGRESS[case]
    conditions = by_type(summarise(Outcome(1, findings=(Finding(ConditionType.APPLIED, reason, "m"),)), {}, NOW))
    assert [name for name in ("Reconciling", "Stalled") if name in conditions] == ([expected] if expected else [])
    assert conditions["Ready"] == ("False", reason)


def test_a_finding_that_needs_a_person_gives_the_reason_and_all_messages_are_told() -> None:
    findings = (
        Finding(ConditionType.APPLIED, Reason.DEPENDENCY_MISSING, "install the CRDs."),
        Finding(ConditionType.APPLIED, Reason.NAME_CONFLICT, "rename it."),
    )
    applied = summarise(Outcome(1, findings=findings), {}, NOW)["conditions"][2]
    assert (applied["reason"], applied["message"]) == ("NameConflict", "rename it. install the CRDs.")


def test_nothing_changed_gives_the_same_status_at_any_later_time() -> None:
    first = summarise(Outcome(1, concerns=CONCERNS), {}, NOW)
    assert summarise(Outcome(1, concerns=CONCERNS), first, LATER) == first


def test_the_transition_time_moves_with_the_status_of_the_condition_only() -> None:
    waiting = Outcome(1, findings=(Finding(ConditionType.APPLIED, Reason.DEPENDENCY_MISSING, "one"),))
    worse = Outcome(1, findings=(Finding(ConditionType.APPLIED, Reason.NAME_CONFLICT, "two"),))
    first = summarise(waiting, {}, NOW)
    second = summarise(worse, first, LATER)
    third = summarise(Outcome(1), second, LATER)
    assert second["conditions"][0]["lastTransitionTime"] == first["conditions"][0]["lastTransitionTime"]
    assert third["conditions"][0]["lastTransitionTime"] == "2026-01-01T01:00:00Z"


def test_a_forged_previous_status_is_no_input() -> None:
    forged = {"conditions": ["garbage", {"type": "Ready", "status": "True", "reason": "Forged"}], "resources": 5}
    status = summarise(Outcome(1, findings=(Finding(ConditionType.APPLIED, Reason.FORBIDDEN, "m"),)), forged, NOW)
    assert by_type(status)["Ready"] == ("False", "Forbidden")


def test_a_message_fits_the_bound_of_the_crd() -> None:
    long = Outcome(1, findings=(Finding(ConditionType.APPLIED, Reason.FORBIDDEN, "x" * 5000),))
    assert max(len(entry["message"]) for entry in summarise(long, {}, NOW)["conditions"]) <= MAX_MESSAGE


def test_deleted_objects_are_no_longer_shown() -> None:
    assert summarise(Outcome(1, objects=(ObjectOutcome(CHILD, State.DELETED),)), {}, NOW)["resources"] == []


def test_an_objective_that_cannot_be_measured_is_told_and_leaves_the_resource_ready() -> None:
    finding = Finding(ConditionType.OBJECTIVES, Reason.WINDOW_EXCEEDS_RETENTION, "keeps 10d")
    outcome = Outcome(1, concerns=CONCERNS | {ConditionType.OBJECTIVES}, findings=(finding,))
    conditions = by_type(summarise(outcome, {}, NOW))
    assert conditions["ObjectivesMeasurable"] == ("False", "WindowExceedsRetention")
    assert conditions["Ready"] == ("True", "Ready")
    assert not {"Stalled", "Reconciling"} & conditions.keys()
