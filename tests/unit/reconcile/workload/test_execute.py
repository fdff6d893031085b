"""What happens when the API server says no, and what is told of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_monitoring.api.conditions import Reason
from crm_monitoring.cluster.port import FieldConflict
from crm_monitoring.errors import Conflict, NotLeading, Refused
from crm_monitoring.manifest import Manifest, ObjectKey
from crm_monitoring.reconcile.workload import (
    Claim,
    Policy,
    Slot,
    SlotState,
    Verdict,
    reconcile_workload,
    release_workload,
)
from crm_monitoring.reconcile.workload.execute import WorkloadOutcome
from crm_monitoring.reconcile.workload.verdicts import findings, warnings
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import READINESS
from support.recorded import recorded

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WANTED = WorkloadFields("api", {"readinessProbe": READINESS}, {})
PROBE, LEVEL = Slot("api", "readinessProbe"), Slot.env("api", "CRM_LOG_LEVEL")


class Refusing:
    """A cluster that answers every write with an error, and every read with the same object."""

    def __init__(self, error: Exception, live: Manifest | None) -> None:
        self.error = error
        self.live = live
        self.writes = 0

    async def get(self, key: ObjectKey) -> Manifest | None:
        return self.live

    async def apply(self, manifest: Mapping[str, Any], *, force: bool) -> Manifest:
        self.writes += 1
        raise self.error

    async def json_patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        self.writes += 1
        raise self.error


async def reconcile(cluster: Any, live: Manifest | None) -> WorkloadOutcome:
    return await reconcile_workload(cluster, live, WANTED, policy=Policy(), claim=Claim("crm", "uid"), now=NOW)


async def test_a_conflict_over_a_field_names_its_owner() -> None:
    cluster = Refusing(FieldConflict("conflict", {".spec.x": "helm", ".spec.y": "helm"}), recorded({}))

    outcome = await reconcile(cluster, recorded({}))

    assert outcome.verdicts == (Verdict(PROBE, SlotState.CONFLICT, ("helm",)),)
    assert [finding.reason for finding in outcome.findings] == [Reason.FIELD_CONFLICT]
    assert (outcome.changes, cluster.writes) == ((), 1)


async def test_a_refusal_is_told_and_tried_again_later() -> None:
    outcome = await reconcile(Refusing(Refused("the API server refuses spec.x"), recorded({})), recorded({}))

    assert [finding.reason for finding in outcome.findings] == [Reason.REFUSED]
    assert "spec.x" in outcome.findings[0].message
    assert outcome.recheck_after_seconds == 600


async def test_a_refusal_of_a_write_that_changes_no_slot_is_an_error() -> None:
    live = recorded({"readinessProbe": READINESS})

    with pytest.raises(Refused):
        await reconcile(Refusing(Refused("no"), live), live)


async def test_an_object_that_keeps_changing_is_left_for_later() -> None:
    cluster = Refusing(Conflict("changed"), recorded({}))

    with pytest.raises(Conflict):
        await reconcile(cluster, recorded({}))

    assert cluster.writes == 3


async def test_an_object_that_is_gone_is_not_written_again() -> None:
    cluster = Refusing(Conflict("gone"), None)

    with pytest.raises(Conflict):
        await reconcile(cluster, recorded({}))

    assert cluster.writes == 1


async def test_a_replica_that_does_not_lead_stops_at_once() -> None:
    cluster = Refusing(NotLeading("not leading"), recorded({}))

    with pytest.raises(NotLeading):
        await reconcile(cluster, recorded({}))

    assert cluster.writes == 1


async def test_an_absent_workload_is_told_and_never_written() -> None:
    cluster = Refusing(AssertionError("written"), None)

    outcome = await reconcile(cluster, None)

    assert [finding.reason for finding in outcome.findings] == [Reason.TARGET_NOT_FOUND]
    assert (await release_workload(cluster, None, NOW)).writes == 0  # type: ignore[arg-type]


def test_each_reason_is_told_once_and_the_worst_first() -> None:
    until = NOW + timedelta(minutes=5)
    verdicts = [
        Verdict(PROBE, SlotState.RATE_LIMITED, until=until),
        Verdict(LEVEL, SlotState.CONFLICT, ("helm",)),
        Verdict(Slot("api", "livenessProbe"), SlotState.CONFLICT),
        Verdict(Slot("api", "startupProbe"), SlotState.IN_SYNC),
    ]

    told = findings(verdicts)

    assert [finding.reason for finding in told] == [Reason.FIELD_CONFLICT, Reason.RATE_LIMITED]
    assert "api/env/CRM_LOG_LEVEL (helm), api/livenessProbe (nobody recorded)" in told[0].message
    assert "api/readinessProbe will be changed at 12:05:00Z" in told[1].message


TELLING = {
    SlotState.CONFLICT: Reason.FIELD_CONFLICT,
    SlotState.REVERTED: Reason.REVERTED,
    SlotState.REFUSED: Reason.REFUSED,
    SlotState.CONTAINER_NOT_FOUND: Reason.CONTAINER_NOT_FOUND,
    SlotState.RATE_LIMITED: Reason.RATE_LIMITED,
    SlotState.WAITING_FOR_ROLLOUT: Reason.WAITING_FOR_ROLLOUT,
}


@pytest.mark.parametrize("state", SlotState)
def test_a_state_has_a_reason_unless_all_is_well(state: SlotState) -> None:
    verdict = Verdict(PROBE, state)

    assert [finding.reason for finding in findings([verdict])] == ([TELLING[state]] if state in TELLING else [])
    assert verdict.is_fine is (state not in TELLING)


def test_a_taken_handler_is_worth_a_warning() -> None:
    (warning,) = warnings([Verdict(PROBE, SlotState.TAKEN, ("helm",), clash=("tcpSocket",))])

    assert warning.startswith("api/readinessProbe: ")
    assert "until its manifest stops setting tcpSocket" in warning
