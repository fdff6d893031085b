"""kopf watches, and does nothing else: it stores nothing, posts nothing, and lets go when it is done."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from crm_monitoring.cluster.connection import Connection, Credentials
from crm_monitoring.controller import kopf_shell
from crm_monitoring.controller.kopf_shell import NothingCompared, NothingStored, Watch
from crm_monitoring.manifest import CRM_MONITORING
from unit.cluster.server import eventually

EVENT = {
    "apiVersion": CRM_MONITORING.api_version,
    "kind": CRM_MONITORING.name,
    "metadata": {"name": "crm", "namespace": "shop", "uid": "u", "resourceVersion": "7"},
    "spec": {"target": {"name": "crm-api"}},
}


def watch(url="http://127.0.0.1:1", namespaces=("shop",), on_resource=lambda *_: None, is_served=lambda: False):
    return Watch(Connection(url, Credentials(lambda: None)), namespaces, on_resource, is_served, blind_seconds=0.2)


def handlers(registry):
    """Return every registered handler by where it is registered."""
    kinds = ("_activities", "_indexing", "_watching", "_spawning", "_changing", "_webhooks")
    return {kind: list(getattr(registry, kind).get_all_handlers()) for kind in kinds}


@pytest.mark.parametrize("namespaces", [(), ("shop",)])
def test_only_event_and_login_handlers_exist_so_kopf_needs_no_annotation_and_no_finalizer(namespaces):
    registered = handlers(kopf_shell.registry(watch(namespaces=namespaces), []))
    assert [handler.activity.value for handler in registered.pop("_activities")] == ["authentication"]
    assert len(registered.pop("_watching")) == 1
    assert not any(registered.values())


@pytest.mark.parametrize("namespaces", [(), ("shop",)])
def test_definitions_are_not_its_business_because_it_would_hold_them_whole(namespaces):
    assert kopf_shell.settings(watch(namespaces=namespaces)).scanning.disabled


def test_the_storages_store_nothing_and_find_nothing():
    progress, difference = NothingStored(), NothingCompared()
    patch, body = {}, {"spec": {"a": 1}}
    assert progress.fetch(key="k", body=body) is None
    progress.store(key="k", record={"message": "text"}, body=body, patch=patch)
    progress.touch(body=body, patch=patch, value="x")
    progress.purge(key="k", body=body, patch=patch)
    difference.store(body=body, patch=patch, essence={"a": 1})
    assert difference.build(body=body) == difference.fetch(body=body) == {}
    assert progress.clear(essence={"a": 1}) == {"a": 1}
    assert patch == {}


def test_kopf_is_told_to_post_nothing_and_not_to_kill_the_process():
    chosen = kopf_shell.settings(watch())
    assert isinstance(chosen.persistence.progress_storage, NothingStored)
    assert isinstance(chosen.persistence.diffbase_storage, NothingCompared)
    assert not chosen.posting.enabled
    assert chosen.process.ultimate_exiting_timeout is None
    assert sum(chosen.networking.error_backoffs) < 12


def served(plural, kind):
    return {"name": plural, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["list", "watch", "patch"]}


_VERSION = {"version": CRM_MONITORING.version}
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [served("namespaces", "Namespace")]},
    "/apis": {"groups": [{"name": CRM_MONITORING.group, "versions": [_VERSION], "preferredVersion": _VERSION}]},
    f"/apis/{CRM_MONITORING.api_version}": {"resources": [served(CRM_MONITORING.plural, CRM_MONITORING.name)]},
}


@asynccontextmanager
async def api_server(answer_watch, *, hidden=""):
    """Play as much of an API server as kopf asks for, with a path that is not found; return its address."""

    async def answer(request):
        if request.path.endswith(CRM_MONITORING.plural) and "watch" in request.query:
            return await answer_watch(request)
        if request.path == hidden:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        return web.json_response(DISCOVERY.get(request.path) or {"metadata": {"resourceVersion": "5"}, "items": []})

    application = web.Application()
    application.router.add_route("GET", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def streaming(*lines):
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for line in lines:
            await response.write(json.dumps(line).encode() + b"\n")
        await asyncio.sleep(60)
        return response

    return answer


@asynccontextmanager
async def running(watched):
    """Run kopf as the supervisor does; yield its stop flag and what tells how it ended."""
    stop = threading.Event()

    async def run():
        try:
            await asyncio.to_thread(kopf_shell.run_in_thread, watched, stop, threading.Event())
        except Exception as error:
            return type(error).__name__
        return "Ended"

    ended = asyncio.create_task(run())
    try:
        yield stop, ended
    finally:
        stop.set()
        await ended


@pytest.mark.parametrize(
    ("said", "obeyed"), {"7": "7", "86400": "60", "Wed, 21 Oct 2026 07:28:00 GMT": None, "-1": None}.items()
)
async def test_kopf_is_never_told_to_sleep_for_longer_than_a_minute_or_until_a_date(said, obeyed):
    async def answer(_):
        return web.json_response({}, status=429, headers={"Retry-After": said, "X-Other": "kept"})

    async with (
        api_server(answer) as url,
        Connection(url, Credentials(lambda: None)).open_session(response_class=kopf_shell.Answer) as session,
        session.get(f"{url}/{CRM_MONITORING.plural}?watch=true") as response,
    ):
        assert response.headers.get("Retry-After") == obeyed
        assert response.headers["x-other"] == "kept"
        assert await response.json() == {}


async def test_a_callback_that_fails_in_the_loop_of_kopf_is_one_warning_without_its_text(caplog):
    def fail():
        raise AssertionError("hunter2")

    def on_resource(*_):
        asyncio.get_running_loop().call_soon(fail)

    async with (
        api_server(streaming({"type": "ADDED", "object": EVENT})) as url,
        running(watch(url, on_resource=on_resource)),
    ):
        await eventually(lambda: [each for each in caplog.records if each.name == "kopf.loop"])
    (said,) = [each for each in caplog.records if each.name in ("kopf.loop", "asyncio")]
    assert (said.levelname, said.getMessage()) == (
        "WARNING",
        "A callback or task in kopf's loop failed with AssertionError.",
    )


async def test_what_kopf_sees_is_handed_on_until_it_is_stopped():
    seen = []
    async with (
        api_server(streaming({"type": "ADDED", "object": EVENT})) as url,
        running(watch(url, on_resource=lambda *event: seen.append(event))) as (stop, ended),
    ):
        await eventually(lambda: seen)
        stop.set()
        assert await asyncio.wait_for(ended, 4) == "Ended"
    assert seen == [("ADDED", EVENT)]


async def test_a_broken_stream_ends_kopf_at_once_and_frees_the_thread_that_waits_for_the_stop_flag():
    broken = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcdserver: leader changed"}}
    async with api_server(streaming(broken)) as url, running(watch(url)) as (stop, ended):
        assert await asyncio.wait_for(ended, 4) == "WatchingError"
        assert stop.is_set()


OURS = f"/apis/{CRM_MONITORING.api_version}"


async def test_kopf_that_was_told_that_our_kind_is_not_there_although_it_is_ends_and_may_look_again():
    async with (
        api_server(streaming(), hidden=OURS) as url,
        running(watch(url, is_served=lambda: True)) as (_, ended),
    ):
        assert await asyncio.wait_for(ended, 4) == "Blind"


@pytest.mark.parametrize(("hidden", "is_served"), {"": True, OURS: False}.items())
async def test_kopf_that_watches_or_has_nothing_to_watch_goes_on(hidden, is_served):
    async with (
        api_server(streaming(), hidden=hidden) as url,
        running(watch(url, is_served=lambda: is_served)) as (_, ended),
    ):
        await asyncio.wait({ended}, timeout=0.8)
        assert not ended.done()


NONSENSE = {
    "another kind": {**EVENT, "kind": "Stranger"},
    "another version": {**EVENT, "apiVersion": "example.com/v1"},
    "no name": {**EVENT, "metadata": {"resourceVersion": "7"}},
    "no uid": {**EVENT, "metadata": {"name": "crm", "namespace": "shop", "resourceVersion": "7"}},
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
async def test_what_is_no_resource_is_not_handed_on(body):
    seen = []
    lines = [{"type": "ADDED", "object": each} for each in (body, EVENT)]
    async with (
        api_server(streaming(*lines)) as url,
        running(watch(url, on_resource=lambda *event: seen.append(event))),
    ):
        await eventually(lambda: seen)
    assert seen == [("ADDED", EVENT)]
