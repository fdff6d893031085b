"""A merged Secret that a resource leaves is named in the status until it is merged without it: a restart finds it there."""

from collections.abc import Mapping
from typing import Any

import pytest

from crm_monitoring.errors import NotLeading, Unavailable
from crm_monitoring.manifest import SECRET, Manifest
from support.engine_world import World, alertmanager, deployment, running, service, slack_secret
from support.resources import SLACK, quickstart
from unit.cluster.server import eventually

NOTIFYING = (quickstart(), deployment(), service(), alertmanager(), slack_secret())
MERGED = "alertmanager-crm"

LEAVING: dict[str, Mapping[str, Any]] = {
    "notifications are taken out": {"notifications": None},
    "an AlertmanagerConfig takes its place": {"notifications": {"mode": "AlertmanagerConfig", "receivers": [SLACK]}},
    "another Secret takes its place": {"notifications": {"secretName": "alertmanager-other", "receivers": [SLACK]}},
}


def secrets(world: World) -> set[str]:
    return {body["metadata"]["name"] for body in world.cluster.objects(SECRET)}


def noted(world: World) -> dict[str, str]:
    entries = world.body()["status"]["resources"]
    return {entry["name"]: entry["state"] for entry in entries if entry["kind"] == SECRET.name}


async def stopped_before_the_secret_went(change: Mapping[str, Any]) -> list[Manifest]:
    """Return what is there when an operator loses its leadership at the moment at which it would delete the Secret."""
    async with running(*NOTIFYING) as world:
        assert MERGED in noted(world)
        world.cluster.fail_next(lambda call: call.verb == "delete" and call.name == MERGED, NotLeading("text"))
        world.edit(change)
        await world.rest()
        assert MERGED in secrets(world)
        return [*world.cluster.objects()]


@pytest.mark.parametrize("change", LEAVING.values(), ids=LEAVING.keys())
async def test_an_operator_that_ended_before_it_deleted_a_secret_deletes_it_after_its_start(
    change: Mapping[str, Any],
) -> None:
    left = await stopped_before_the_secret_went(change)
    async with running(*left) as again:
        await eventually(lambda: MERGED not in secrets(again))
        await eventually(lambda: MERGED not in noted(again))


async def test_a_secret_that_cannot_be_deleted_is_told_and_keeps_the_resource_from_being_ready() -> None:
    async with running(*NOTIFYING) as world:
        world.cluster.fail_next(lambda call: call.verb == "delete" and call.name == MERGED, Unavailable("no answer"))
        world.edit({"notifications": None})
        await eventually(lambda: noted(world).get(MERGED) == "Failed")
        assert world.ready() == "False"
        await eventually(lambda: MERGED not in secrets(world))
        await eventually(lambda: world.ready() == "True")
        assert noted(world) == {}


@pytest.mark.parametrize("change", LEAVING.values(), ids=LEAVING.keys())
async def test_a_resource_that_only_observes_leaves_no_secret_until_it_enforces_again(
    change: Mapping[str, Any],
) -> None:
    async with running(*NOTIFYING) as world:
        (before,) = (body for body in world.cluster.objects(SECRET) if body["metadata"]["name"] == MERGED)
        world.edit({"mode": "Observe", **change})
        await eventually(lambda: noted(world).get(MERGED) == "WouldDelete")
        await world.rest()
        assert before in world.cluster.objects(SECRET)
        world.edit({"mode": "Enforce"})
        await eventually(lambda: MERGED not in secrets(world))
        await eventually(lambda: MERGED not in noted(world))


async def test_an_operator_that_starts_takes_nothing_from_a_resource_that_only_observes() -> None:
    async with running(*NOTIFYING) as world:
        world.edit({"mode": "Observe", "notifications": None})
        await eventually(lambda: noted(world).get(MERGED) == "WouldDelete")
        present = [*world.cluster.objects()]
    async with running(*present) as again:
        await again.rest()
        assert noted(again) == {MERGED: "WouldDelete"}
        assert MERGED in secrets(again)


async def test_a_secret_that_others_share_would_change_without_a_resource_that_only_observes() -> None:
    other = {**quickstart(), "metadata": {**quickstart()["metadata"], "name": "other", "uid": "uid-other"}}
    async with running(*NOTIFYING, other) as world:
        await eventually(lambda: MERGED in secrets(world))
        await world.rest()
        world.edit({"mode": "Observe", "notifications": None})
        await eventually(lambda: noted(world).get(MERGED) == "WouldChange")
