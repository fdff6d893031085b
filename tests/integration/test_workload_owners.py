"""Beside the owner on a real API server: its deploys while we hold a field, and fights."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.reconcile.workload import (
    SlotState,
    holds_anything,
)
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import IMAGE_2, OWNERS, READINESS, SERVER_SIDE, Owner, first_container
from support.workload_operator import (
    MINUTE,
    NAME,
    OLD_PROBE,
    TAKE_OVER,
    WANTED,
    Operator,
    connected,
    states,
)
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

every_owner = pytest.mark.parametrize("owner", OWNERS, indirect=True)


@pytest.fixture
async def operator(admin: Path, control_plane: ControlPlane, namespace: str) -> AsyncIterator[Operator]:
    async with connected(admin) as cluster:
        yield Operator(cluster, control_plane, namespace)


@pytest.fixture
def owner(
    request: pytest.FixtureRequest,
    control_plane: ControlPlane,
    namespace: str,
    tool: Callable[[str], Path],
    tmp_path: Path,
) -> Owner:
    for name in ("kubectl", "helm", "helm3"):
        tool(name)
    return Owner(getattr(request, "param", "client-side apply"), control_plane, namespace, tmp_path / "chart")


@every_owner
async def test_the_owner_deploys_beside_what_we_added(owner: Owner, operator: Operator) -> None:
    assert owner.deploy({NAME: [{}]}) is None
    await operator.reconcile(WANTED)

    assert owner.deploy({NAME: [{}]}) is None
    assert owner.deploy({NAME: [IMAGE_2]}) is None

    container = first_container(await operator.live())
    assert container["image"] == IMAGE_2["image"]
    assert container["readinessProbe"]["httpGet"] == READINESS["httpGet"]
    assert (await operator.reconcile(WANTED)).writes == 0


@every_owner
async def test_an_owner_that_adopts_our_value_gets_the_field(owner: Owner, operator: Operator) -> None:
    assert owner.deploy({NAME: [{}]}) is None
    await operator.reconcile()
    assert owner.deploy({NAME: [{"readinessProbe": READINESS}]}) is None
    await operator.reconcile()
    own = {"readinessProbe": {"httpGet": {"path": "/mine", "port": 80}}}

    complaint = owner.deploy({NAME: [own]})

    # A client-side tool records nothing for a field that already has its value, so we hold on until it differs.
    assert complaint is None
    assert states(await operator.reconcile()) == [SlotState.CONFLICT]
    assert (await operator.probe())["httpGet"]["path"] == "/mine"
    assert not holds_anything(await operator.live())


@every_owner
async def test_a_container_is_renamed_while_we_hold_a_field_of_it(owner: Owner, operator: Operator) -> None:
    assert owner.deploy({NAME: [{}]}) is None
    await operator.reconcile(WANTED)

    complaint = owner.deploy({NAME: [{"name": "web"}]})

    if owner.tool in SERVER_SIDE:
        # What we own keeps the old container alive without an image. It takes a release first.
        assert complaint is not None
        assert "image: Required value" in complaint
        await operator.release()
        assert owner.deploy({NAME: [{"name": "web"}]}) is None
    else:
        assert complaint is None
    missing = await operator.reconcile(WANTED)
    assert set(states(missing)) == {SlotState.CONTAINER_NOT_FOUND}
    assert not holds_anything(await operator.live())

    await operator.reconcile(WorkloadFields("web", WANTED.probes, WANTED.env))

    assert first_container(await operator.live())["env"] == [{"name": "CRM_LOG_LEVEL", "value": "INFO"}]


@every_owner
async def test_a_fight_over_a_probe_ends_after_two_reverts(owner: Owner, operator: Operator) -> None:
    force = {"server-side apply": ["--force-conflicts"], "Helm 4": ["--force-conflicts"]}.get(owner.tool, [])
    assert owner.deploy({NAME: [OLD_PROBE]}) is None

    seen = []
    for _ in range(8):
        seen += states(await operator.reconcile(policy=TAKE_OVER))
        await operator.finish_rollout()
        assert owner.deploy({NAME: [OLD_PROBE]}, *force) is None
        await operator.finish_rollout()
        operator.now += 5 * MINUTE

    stops = [SlotState.REVERTED] * 5
    assert seen == [SlotState.IN_SYNC, SlotState.RATE_LIMITED, SlotState.IN_SYNC, *stops]
    assert operator.rollouts == 2
    assert (await operator.probe())["httpGet"]["path"] == "/old"
    assert (await operator.reconcile(policy=TAKE_OVER)).writes == 0


@every_owner
async def test_wishes_that_change_after_a_take_over_are_followed(owner: Owner, operator: Operator) -> None:
    assert owner.deploy({NAME: [{"readinessProbe": {"tcpSocket": {"port": 80}, "failureThreshold": 3}}]}) is None
    await operator.reconcile(policy=TAKE_OVER)

    for threshold in (5, 6, 7, 8):
        await operator.finish_rollout()
        operator.now += 11 * MINUTE
        wanted = WorkloadFields("api", {"readinessProbe": {**READINESS, "failureThreshold": threshold}}, {})
        assert states(await operator.reconcile(wanted, TAKE_OVER)) == [SlotState.IN_SYNC]
        assert (await operator.probe())["failureThreshold"] == threshold

    assert operator.rollouts == 5
    await operator.release()
    assert (await operator.probe())["tcpSocket"] == {"port": 80}


@pytest.mark.parametrize("owner", SERVER_SIDE, indirect=True)
async def test_a_server_side_owner_is_told_who_took_its_probe(owner: Owner, operator: Operator) -> None:
    assert owner.deploy({NAME: [OLD_PROBE]}) is None
    await operator.reconcile(policy=TAKE_OVER)

    complaint = owner.deploy({NAME: [OLD_PROBE]})

    assert complaint is not None
    assert 'with "crm-monitoring-operator"' in complaint


@every_owner
async def test_a_person_is_warned_that_a_taken_handler_stops_the_owners_deploys(
    owner: Owner, operator: Operator
) -> None:
    tcp = {"readinessProbe": {"tcpSocket": {"port": 80}}}
    assert owner.deploy({NAME: [tcp]}) is None

    outcome = await operator.reconcile(policy=TAKE_OVER)

    assert owner.deploy({NAME: [tcp]}) is not None
    assert any("tcpSocket" in warning for warning in outcome.warnings)
    await operator.release()
    assert owner.deploy({NAME: [{**tcp, **IMAGE_2}]}) is None


async def test_a_controller_that_writes_its_whole_spec_back_wins_after_two_reverts(
    owner: Owner, operator: Operator
) -> None:
    owner.deploy({NAME: [{}]})

    for _ in range(8):
        await operator.reconcile()
        await operator.finish_rollout()
        live = await operator.live()
        first_container(live).pop("readinessProbe", None)
        path = f"/apis/apps/v1/namespaces/{operator.namespace}/deployments/{NAME}?fieldManager=other-operator"
        assert operator.plane.api.request("PUT", path, live).status == 200
        await operator.finish_rollout()
        operator.now += 11 * MINUTE

    assert operator.rollouts == 2
    assert states(await operator.reconcile()) == [SlotState.REVERTED]


async def test_an_edit_of_one_field_of_our_probe_gives_the_probe_to_the_editor(
    owner: Owner, operator: Operator
) -> None:
    owner.deploy({NAME: [{}]})
    await operator.reconcile()
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/readinessProbe/failureThreshold", "value": 9}]
    operator.plane.kubectl(
        "patch", "deployment", NAME, "--namespace", operator.namespace, "--type=json", f"--patch={json.dumps(patch)}"
    )

    outcome = await operator.reconcile()

    assert states(outcome) == [SlotState.CONFLICT]
    assert "kubectl-patch" in outcome.findings[0].message
    assert (await operator.probe())["failureThreshold"] == 9
    assert not holds_anything(await operator.live())
    assert operator.rollouts == 1


@every_owner
async def test_a_variable_that_a_person_sets_otherwise_is_theirs(owner: Owner, operator: Operator) -> None:
    assert owner.deploy({NAME: [{}]}) is None
    await operator.reconcile(WANTED)
    operator.plane.kubectl("set", "env", f"deployment/{NAME}", "CRM_LOG_LEVEL=DEBUG", "--namespace", operator.namespace)

    outcome = await operator.reconcile(WANTED)

    assert set(states(outcome)) == {SlotState.CONFLICT, SlotState.IN_SYNC}
    live = await operator.live()
    assert first_container(live)["env"] == [{"name": "CRM_LOG_LEVEL", "value": "DEBUG"}]
    ours = [entry for entry in live["metadata"]["managedFields"] if entry["manager"] == FIELD_MANAGER]
    assert "CRM_LOG_LEVEL" not in str(ours)
    assert (await operator.reconcile(WANTED)).writes == 0


async def test_a_workload_without_managed_fields_is_left_alone(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [OLD_PROBE]})
    path = f"/apis/apps/v1/namespaces/{operator.namespace}/deployments/{NAME}"
    clear = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    assert operator.plane.api.request("PATCH", path, clear, "application/json-patch+json").status == 200

    outcome = await operator.reconcile(WANTED)

    assert set(states(outcome)) == {SlotState.CONFLICT, SlotState.IN_SYNC}
    assert (await operator.probe())["httpGet"]["path"] == "/old"
    again = await operator.reconcile(WANTED)
    assert (again.writes, states(again)) == (0, states(outcome))


async def test_a_field_that_was_retained_is_ours_again_when_it_is_asked_for_again(
    owner: Owner, operator: Operator
) -> None:
    owner.deploy({NAME: [{}]})
    await operator.reconcile()
    await operator.release()

    outcome = await operator.reconcile()

    assert states(outcome) == [SlotState.IN_SYNC]
    assert holds_anything(await operator.live())
    assert operator.rollouts == 1
