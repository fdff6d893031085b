"""What goes over the wire, and what comes back as which error."""

import asyncio
import json

import pytest

from crm_monitoring.cluster.budget import Budget
from crm_monitoring.cluster.connection import Connection, Credentials
from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.errors import (
    ClusterError,
    Conflict,
    DependencyMissing,
    Forbidden,
    NotLeading,
    Refused,
    Unavailable,
)
from crm_monitoring.manifest import CONFIG_MAP, PROMETHEUS_RULE, ObjectKey
from unit.cluster.server import config_map, hangs, resets, says, scripted_server, status, streams

KEY = ObjectKey(CONFIG_MAP, "shop", "a")


@pytest.fixture
async def server():
    async with scripted_server() as running:
        yield running


@pytest.fixture
def records():
    return []


@pytest.fixture
async def cluster(server, records):
    async with KubeCluster(
        server.connection(), may_write=lambda: True, on_request=records.append, timeout_seconds=0.3, concurrency=2
    ) as it:
        yield it


async def test_an_apply_is_one_strict_server_side_apply(server, cluster, records):
    server.others.append(says(200, config_map("a", 7)))
    answer = await cluster.apply(config_map("a", 1), force=True, dry_run=True)
    request = server.requests[0]
    assert answer["metadata"]["resourceVersion"] == "7"
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/shop/configmaps/a")
    assert dict(request.query) == {
        "fieldManager": "crm-monitoring-operator",
        "fieldValidation": "Strict",
        "force": "true",
        "dryRun": "All",
    }
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.headers["Authorization"] == "Bearer token-in-header"
    assert [(record.verb, record.kind, record.outcome) for record in records] == [("apply", CONFIG_MAP, "200")]


async def test_without_force_a_conflict_is_left_to_the_caller(server, cluster):
    server.others.append(says(409, status(409, "Conflict")))
    with pytest.raises(Conflict):
        await cluster.apply(config_map("a", 1), force=False)
    assert "force" not in server.requests[0].query


async def test_a_delete_names_the_uid(server, cluster):
    server.others.append(says(200, status(200)))
    await cluster.delete(KEY, uid="u1")
    assert json.loads(server.bodies[0])["preconditions"] == {"uid": "u1"}


async def test_deleting_what_is_absent_is_no_error(server, cluster):
    server.others.append(says(404, status(404, "NotFound", name="a", kind="configmaps")))
    await cluster.delete(KEY, uid="u1")


async def test_a_status_is_merged_into_its_subresource_under_the_uid(server, cluster):
    server.others.append(says(200, config_map("a", 7)))
    await cluster.patch_status(KEY, "u1", {"phase": "x"})
    assert server.requests[0].path == "/api/v1/namespaces/shop/configmaps/a/status"
    assert server.requests[0].headers["Content-Type"] == "application/merge-patch+json"
    assert json.loads(server.bodies[0]) == {"metadata": {"uid": "u1"}, "status": {"phase": "x"}}


async def test_a_json_patch_is_sent_as_such(server, cluster):
    server.others.append(says(200, config_map("a", 7)))
    await cluster.json_patch(KEY, [{"op": "remove", "path": "/data/x"}])
    assert server.requests[0].headers["Content-Type"] == "application/json-patch+json"
    assert json.loads(server.bodies[0]) == [{"op": "remove", "path": "/data/x"}]


async def test_a_new_object_is_posted_to_its_collection(server, cluster):
    server.others.append(says(201, config_map("a", 7)))
    await cluster.create(config_map("a", 1))
    assert (server.requests[0].method, server.requests[0].path) == ("POST", "/api/v1/namespaces/shop/configmaps")


async def test_an_absent_object_is_none_and_a_missing_kind_is_an_error(server, cluster):
    server.others.append(says(404, status(404, "NotFound", name="a", kind="configmaps")))
    assert await cluster.get(KEY) is None
    with pytest.raises(DependencyMissing):
        await cluster.get(ObjectKey(PROMETHEUS_RULE, "shop", "a"))


async def test_items_of_a_list_get_their_kind(server, cluster):
    server.set("a")
    page = await cluster.list(CONFIG_MAP, namespace="shop", label_selector="a=b,c", limit=7)
    assert (page.items[0]["apiVersion"], page.items[0]["kind"]) == ("v1", "ConfigMap")
    assert dict(server.requests[0].query) == {"limit": "7", "labelSelector": "a=b,c"}
    assert page.continue_token is None


@pytest.mark.parametrize(
    "name", ["../../secrets/x", "..", ".", "", "a/b", "a?b", "a%2fb", "a b", "ä", "a\nb", "a" * 300]
)
async def test_a_name_cannot_lead_somewhere_else(server, cluster, name):
    with pytest.raises(Refused):
        await cluster.get(ObjectKey(CONFIG_MAP, "shop", name))
    with pytest.raises(Refused):
        await cluster.get(ObjectKey(CONFIG_MAP, name, "a"))
    assert server.requests == []


FAULTS = {
    "HTML": (says(200, text="<html>secret-in-body</html>"), "200"),
    "a JSON text": (says(200, text='"secret-in-body"'), "200"),
    "another object": (says(200, {"kind": "Status", "message": "secret-in-body"}), "200"),
    "an empty body": (says(200, text=""), "200"),
    "an error page": (says(502, text="<html>secret-in-body</html>"), "502"),
    "a Status": (says(500, status(500)), "500"),
    "a redirect": (says(307, headers={"Location": "http://secret-in-body/"}), "307"),
    "bad gzip": (says(200, text="secret-in-body", headers={"Content-Encoding": "gzip"}), "200"),
    "no answer": (hangs, "Timeout"),
    "a reset": (resets, "ConnectionError"),
    "half an answer": (streams(b'{"kind": "Conf', then="reset"), "ConnectionError"),
}


@pytest.mark.parametrize(("fault", "outcome"), FAULTS.values(), ids=FAULTS.keys())
async def test_every_fault_of_a_write_is_unavailable_and_says_nothing_it_should_not(
    server, cluster, records, fault, outcome
):
    server.others.append(fault)
    with pytest.raises(Unavailable) as caught:
        await cluster.apply(config_map("a", 1), force=True)
    error = caught.value
    assert "secret-in-body" not in str(error)
    assert "token-in-header" not in str(error)
    assert str(server.port) not in str(error)
    assert error.__context__ is None, "a traceback would show the library's text"
    assert records[-1].outcome in {outcome, "ConnectionError"}
    assert len(server.requests) == 1, "nothing is retried here"


async def test_a_server_that_is_not_there_is_unavailable():
    connection = Connection("http://127.0.0.1:9", Credentials(lambda: "Bearer token-in-header"))
    async with KubeCluster(connection, may_write=lambda: True) as cluster:
        with pytest.raises(Unavailable, match="connection to the API server failed") as caught:
            await cluster.get(KEY)
    assert caught.value.__context__ is None


async def test_a_broken_token_is_unavailable_and_stays_secret():
    connection = Connection("http://127.0.0.1:9", Credentials(lambda: "Bearer to\nken"))
    async with KubeCluster(connection, may_write=lambda: True) as cluster:
        with pytest.raises(ClusterError) as caught:
            await cluster.get(KEY)
    assert "ken" not in str(caught.value).replace("token", "")


async def test_who_does_not_lead_writes_nothing_but_reads(server):
    async with KubeCluster(server.connection(), may_write=lambda: False) as cluster:
        writes = [
            lambda: cluster.apply(config_map("a", 1), force=True),
            lambda: cluster.json_patch(KEY, []),
            lambda: cluster.patch_status(KEY, "u", {}),
            lambda: cluster.delete(KEY, uid="u"),
            lambda: cluster.create(config_map("a", 1)),
        ]
        for write in writes:
            with pytest.raises(NotLeading):
                await write()
        await cluster.list(CONFIG_MAP)
        assert len(server.requests) == 1


async def test_leadership_lost_while_waiting_for_a_slot_stops_the_write(server):
    leading = True
    async with KubeCluster(
        server.connection(), may_write=lambda: leading, concurrency=1, timeout_seconds=0.2
    ) as cluster:
        server.others.append(hangs)
        first = asyncio.create_task(cluster.apply(config_map("a", 1), force=True))
        second = asyncio.create_task(cluster.apply(config_map("b", 1), force=True))
        await asyncio.sleep(0.05)
        leading = False
        results = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, NotLeading]
    assert len(server.requests) == 1


async def test_leadership_lost_between_the_decision_and_the_wire_stops_the_write(server):
    answers = iter([True, False])
    async with KubeCluster(server.connection(), may_write=lambda: next(answers)) as cluster:
        with pytest.raises(NotLeading):
            await cluster.apply(config_map("a", 1), force=True)
        await cluster.list(CONFIG_MAP)
    assert [request.method for request in server.requests] == ["GET"]


async def test_no_more_requests_run_than_allowed_and_watches_do_not_count(server, cluster):
    running, most = 0, 0

    async def slow(_):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return await says(200, config_map("a", 1))(_)

    server.others += [slow] * 6
    stream = cluster.watch(CONFIG_MAP, resource_version="1")
    follower = asyncio.create_task(anext(stream))
    await asyncio.gather(*(cluster.get(KEY) for _ in range(6)))
    assert most == 2
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)


async def test_a_refused_token_is_read_again(server):
    tokens = iter(["Bearer old", "Bearer new"])
    connection = Connection(f"http://127.0.0.1:{server.port}", Credentials(lambda: next(tokens)))
    server.others += [says(401), says(200, config_map("a", 1))]
    async with KubeCluster(connection, may_write=lambda: True) as cluster:
        with pytest.raises(Forbidden):
            await cluster.get(KEY)
        await cluster.get(KEY)
    assert [request.headers["Authorization"] for request in server.requests] == ["Bearer old", "Bearer new"]


async def test_patience_asked_for_is_carried(server, cluster):
    server.others.append(says(429, headers={"Retry-After": "7"}))
    with pytest.raises(Unavailable) as caught:
        await cluster.get(KEY)
    assert caught.value.retry_after_seconds == 7.0


async def test_a_cancelled_request_is_recorded(server, cluster, records):
    server.others.append(hangs)
    task = asyncio.create_task(cluster.get(KEY))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert records[-1].outcome == "Cancelled"


async def test_every_request_waits_for_the_budget(server, records):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    budget = Budget(1, clock=lambda: 0.0, sleep=sleep)
    async with KubeCluster(
        server.connection(), may_write=lambda: True, on_request=records.append, budget=budget
    ) as cluster:
        server.others += [says(200, config_map("a", 7))] * 3
        await cluster.get(KEY)
        assert waits == []
        await cluster.get(KEY)
        await cluster.apply(config_map("a", 1), force=True)
    assert waits == [1.0, 2.0]
