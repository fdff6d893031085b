"""A reflector keeps a store equal to the cluster; `test_reflector_faults` does its worst to it."""

import asyncio
import json
import random

import pytest

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.reflector import Pace, Reflector
from crm_monitoring.cluster.store import Store
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import CONFIG_MAP, PROMETHEUS_RULE, ObjectKey
from unit.cluster.reflecting import against_server, names, reflecting, truth, versions
from unit.cluster.server import (
    config_map,
    event,
    eventually,
    hangs,
    says,
    streams,
)


async def test_a_list_that_never_answers_is_given_up():
    async with against_server(prepare=lambda server: server.lists.append(hangs), timeout_seconds=0.1) as (
        server, store, _, seen,
    ):  # fmt: skip
        await eventually(lambda: versions(store) == truth(server))
        assert seen.reasons == ["APIServerUnavailable"]


async def test_duplicated_events_are_seen_once():
    async with against_server() as (server, store, _, _seen):
        changes = []
        await eventually(lambda: server.watching == 1)
        store.subscribe(lambda *change: changes.append(change))
        line = event("ADDED", server.set("b"))
        server.send(line)
        server.send(line)
        server.set("c")
        await eventually(lambda: names(store) == ["a", "b", "c"])
        assert len(changes) == 2


async def test_swallowed_events_are_healed_by_the_next_list_although_the_stream_stays_silent():
    pace = Pace(first_backoff=0.02, relist=0.3, inactivity=60)
    async with against_server(pace=pace) as (server, store, _, _seen):
        await eventually(lambda: server.watching == 1)
        server.drop("a", announce=False)
        server.set("b", announce=False)
        await eventually(lambda: names(store) == ["b"])


async def test_a_stream_that_ends_in_good_order_is_resumed_where_it_ended():
    async with against_server() as (server, store, _, seen):
        await eventually(lambda: server.watching == 1)
        server.set("b")
        await eventually(lambda: "b" in names(store))
        server.end_streams()
        await eventually(lambda: server.count(watch=True) == 2 and server.watching == 1)
        assert server.requests[-1].query["resourceVersion"] == str(server.version)
        assert server.count(watch=False) == 1
        assert seen.reasons == []


async def test_a_bookmark_moves_the_place_to_resume_from():
    async with against_server() as (server, _store, _, _seen):
        await eventually(lambda: server.watching == 1)
        server.send(event("BOOKMARK", {"metadata": {"resourceVersion": "777"}}))
        await asyncio.sleep(0.05)
        server.end_streams()
        await eventually(lambda: server.count(watch=True) == 2)
        assert server.requests[-1].query["resourceVersion"] == "777"
        assert server.requests[-1].query["allowWatchBookmarks"] == "true"


async def test_streams_that_end_at_once_do_not_make_it_spin():
    async with against_server(prepare=lambda server: server.watches.extend([streams()] * 1000)) as (
        server, _store, _, _seen,
    ):  # fmt: skip
        await asyncio.sleep(0.5)
        assert server.count(watch=True) < 30


@pytest.mark.parametrize("silence", ["no byte", "half a line now and then"])
async def test_a_silent_stream_is_left_and_resumed_without_a_list(silence):
    pace = Pace(first_backoff=0.02, inactivity=0.2)
    idle = 0.2 if silence == "no byte" else 5.0
    pieces = (b"{", b" ", b" ") if silence != "no byte" else ()
    async with against_server(
        pace=pace, idle_seconds=idle, prepare=lambda server: server.watches.append(streams(*pieces, then="hang"))
    ) as (server, store, _, seen):
        await eventually(lambda: server.count(watch=True) == 1)
        server.set("b", announce=False)
        await eventually(lambda: versions(store) == truth(server))
        assert server.count(watch=False) == 1
        assert seen.reasons == []


async def test_an_object_of_five_megabytes_gets_through():
    async with against_server() as (server, store, _, seen):
        await eventually(lambda: server.watching == 1)
        server.set("b", blob="x" * 5_000_000)
        server.set("c")
        await eventually(lambda: names(store) == ["a", "b", "c"])
        assert seen.reasons == []


def page(*objects, version, token=None):
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    return says(200, {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": list(objects)})


async def test_an_expired_continue_token_starts_the_list_again():
    def prepare(server):
        server.lists += [page(config_map("ghost", 50), version="60", token="t1"), says(410)]

    async with against_server(prepare=prepare) as (server, store, _, seen):
        await eventually(lambda: versions(store) == truth(server))
        assert seen.reasons == ["Expired"]
        assert [request.query.get("continue") for request in server.requests[:3]] == [None, "t1", None]


async def test_pages_are_put_together():
    def prepare(server):
        server.lists += [
            page(config_map("x", 50), version="60", token="t1"),
            page(config_map("y", 51), version="60"),
        ]

    async with against_server(prepare=prepare) as (server, store, _, _seen):
        await eventually(lambda: server.watching == 1)
        assert {"x", "y"} <= set(names(store))


async def test_patience_asked_for_is_given():
    async with against_server(prepare=lambda server: server.lists.append(says(429, headers={"Retry-After": "1"}))) as (
        _server, store, _, _seen,
    ):  # fmt: skip
        started = asyncio.get_running_loop().time()
        await eventually(lambda: store.synced)
        assert asyncio.get_running_loop().time() - started >= 0.9


async def test_a_kind_that_is_not_served_is_known_at_once_and_found_when_it_appears():
    cluster, store = FakeCluster(), Store(PROMETHEUS_RULE)
    cluster.unserve(PROMETHEUS_RULE)
    async with reflecting(cluster, store) as (reflector, seen):
        await asyncio.wait_for(reflector.synced.wait(), 1)
        assert store.synced
        assert not store.served
        cluster.serve(PROMETHEUS_RULE)
        await eventually(lambda: store.served)
        assert seen.reasons == []


async def test_a_poke_finds_a_new_kind_at_once():
    cluster, store = FakeCluster(), Store(PROMETHEUS_RULE)
    cluster.unserve(PROMETHEUS_RULE)
    async with reflecting(cluster, store, pace=Pace(first_backoff=500, poll_missing=1000)) as (reflector, _):
        await reflector.synced.wait()
        cluster.serve(PROMETHEUS_RULE)
        reflector.poke()
        await eventually(lambda: store.served, within=1)


async def test_a_kind_that_is_removed_empties_the_store():
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "r", "namespace": "shop"},
    }
    cluster, store = FakeCluster(rule), Store(PROMETHEUS_RULE)
    async with reflecting(cluster, store, pace=Pace(first_backoff=0.001, poll_missing=0.02)) as (_, seen):
        await eventually(lambda: len(store) == 1)
        await asyncio.sleep(0.05)
        cluster.unserve(PROMETHEUS_RULE)
        await eventually(lambda: not store.served)
        assert len(store) == 0
        cluster.serve(PROMETHEUS_RULE)
        cluster.put(rule)
        await eventually(lambda: store.served and len(store) == 1)
        assert seen.reasons == ["DependencyMissing"]


async def test_only_the_selection_is_reflected():
    wanted = {**config_map("w", 1), "metadata": {"name": "w", "namespace": "shop", "labels": {"ours": "yes"}}}
    cluster, store = FakeCluster(config_map("a", 1), wanted), Store(CONFIG_MAP)
    async with reflecting(cluster, store, label_selector="ours=yes", namespace="shop"):
        await eventually(lambda: names(store) == ["w"])
        cluster.put({**wanted, "metadata": {"name": "w", "namespace": "shop"}})
        await eventually(lambda: names(store) == [])


async def test_a_compacted_history_leads_to_a_new_list():
    cluster, store = FakeCluster(config_map("a", 1)), Store(CONFIG_MAP)
    cluster.fail_next(lambda call: call.verb == "watch", Unavailable("gone"))
    async with reflecting(cluster, store):
        await eventually(lambda: store.synced)
        cluster.drop(ObjectKey(CONFIG_MAP, "shop", "a"))
        cluster.put(config_map("b", 1))
        cluster.journal.compact()
        await eventually(lambda: names(store) == ["b"])


async def test_a_failing_subscriber_does_not_end_it():
    cluster, store = FakeCluster(config_map("a", 1)), Store(CONFIG_MAP)
    failures = [ValueError("boom"), ValueError("boom")]

    def fail(*_):
        if failures:
            raise failures.pop()

    store.subscribe(fail)
    async with reflecting(cluster, store) as (_, seen):
        await eventually(lambda: not seen.reasons.count("Internal") < 1 and names(store) == ["a"])
        cluster.put(config_map("b", 1))
        cluster.put(config_map("c", 1))
        await eventually(lambda: names(store) == ["a", "b", "c"])


def test_the_pause_grows_with_each_failure_up_to_a_limit():
    reflector = Reflector(FakeCluster(), Store(CONFIG_MAP), rng=random.Random(0))
    pauses = [reflector._back_off(failures, 30.0) for failures in range(100)]
    assert 0.1 <= pauses[0] <= 0.2
    assert all(pause <= 30.0 for pause in pauses)
    assert min(pauses[10:]) >= 15.0


def test_the_scripted_server_writes_json_lines():
    assert json.loads(event("ADDED", config_map("a", 1)))["type"] == "ADDED"
