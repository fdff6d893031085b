"""A Secret that was rotated and not polled yet: the next pass takes its value, whatever that pass is for."""

import base64

from crm_monitoring.manifest import SECRET
from support.engine_world import alertmanager, deployment, running, service, slack_secret
from support.resources import quickstart

ROTATED = "https://hooks.slack.com/services/T0/B0/two"
AFTERWARDS = slack_secret(base64.b64encode(ROTATED.encode()).decode())
SURROUNDINGS = (deployment(), service(), alertmanager())


def content(world):
    merged = next(each for each in world.cluster.objects(SECRET) if each["metadata"]["name"] == "alertmanager-crm")
    return base64.b64decode(merged["data"]["alertmanager.yaml"])


async def test_a_target_that_went_and_came_back_leaves_the_routing_that_is_made_from_nothing():
    async with running(quickstart(), *SURROUNDINGS, AFTERWARDS) as fresh:
        wanted = content(fresh)
    async with running(quickstart(), *SURROUNDINGS, slack_secret()) as world:
        before = content(world)
        world.cluster.put(AFTERWARDS)
        await world.rest()
        assert content(world) == before, "nobody polls within this test"
        world.edit({"target": {"name": "somewhere-else"}})
        await world.rest()
        world.edit({"target": {"name": "crm-api"}})
        await world.rest()
        assert ROTATED.encode() in content(world)
        assert content(world) == wanted
