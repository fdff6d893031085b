"""A reflector survives everything that a stream, a proxy or an API server can do to it."""

import pytest

from unit.cluster.reflecting import against_server, names, truth, versions
from unit.cluster.server import config_map, event, eventually, resets, says, status, streams

ONE = event("MODIFIED", config_map("a", 102))

FAULTS = {
    "ERROR 410": streams(ONE, event("ERROR", status(410, "Expired"))),
    "ERROR 500": streams(ONE, event("ERROR", status(500))),
    "ERROR 504": streams(ONE, event("ERROR", status(504))),
    "ERROR 429": streams(ONE, event("ERROR", status(429))),
    "ERROR without a code": streams(ONE, event("ERROR", status(None))),
    "ERROR that is no object": streams(ONE, event("ERROR", None)),
    "truncated last line": streams(ONE, ONE[:-20]),
    "truncated last line without an event before": streams(ONE[:10]),
    "HTML line": streams(ONE, b"<html><body>bad gateway</body></html>\n"),
    "garbage bytes": streams(b"\x00\xff\xfe\n"),
    "JSON that is no event": streams(b"[1, 2]\n", then="hang"),
    "object without metadata": streams(event("ADDED", {}), then="hang"),
    "unknown type": streams(event("EXPLODED", config_map("a", 103)), then="hang"),
    "TCP reset": streams(ONE, then="reset"),
    "HTTP 410": says(410),
    "HTTP 500": says(500),
    "HTTP 403": says(403),
    "HTTP 401": says(401),
    "HTTP 404": says(404, text="404 page not found"),
    "HTTP 429": says(429, headers={"Retry-After": "0"}),
    "HTTP 502 with HTML": says(502, text="<html>"),
    "redirect": says(307, headers={"Location": "http://127.0.0.1:9/"}),
    "wrong encoding": says(200, text="nonsense", headers={"Content-Encoding": "gzip"}),
    "empty answer": says(200, text=""),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_any_fault_of_a_watch_leads_to_the_truth_by_a_new_list(fault):
    def prepare(server):
        async def fail_after_a_deletion(request):
            server.drop("a", announce=False)  # only a list can tell
            server.set("b", announce=False)
            return await fault(request)

        server.watches.append(fail_after_a_deletion)

    async with against_server(prepare=prepare) as (server, store, _, seen):
        await eventually(lambda: server.watching == 1 and versions(store) == truth(server))
        assert names(store) == ["b"]
        server.set("c")
        server.drop("b")
        await eventually(lambda: versions(store) == truth(server))
        assert names(store) == ["c"]
        assert server.count(watch=False) == 2
        assert len(seen.reasons) == 1


async def test_a_connection_that_breaks_before_the_answer_costs_nothing():
    async with against_server(prepare=lambda server: server.watches.extend([resets] * 3)) as (server, store, _, _seen):
        await eventually(lambda: server.watching == 1)
        server.set("b")
        await eventually(lambda: versions(store) == truth(server))


LIST_FAULTS = {
    "HTTP 410": says(410),
    "HTTP 500": says(500),
    "HTTP 403": says(403),
    "HTTP 404": says(404, text="404 page not found"),
    "HTTP 429": says(429, headers={"Retry-After": "0"}),
    "HTML": says(200, text="<html>"),
    "no metadata": says(200, {"items": []}),
    "a JSON list": says(200, text="[]"),
    "items that are no objects": says(200, {"metadata": {"resourceVersion": "5"}, "items": [None]}),
    "items without a name": says(200, {"metadata": {"resourceVersion": "5"}, "items": [{"metadata": {}}]}),
    "reset": resets,
}


@pytest.mark.parametrize("fault", LIST_FAULTS.values(), ids=LIST_FAULTS.keys())
async def test_any_fault_of_a_list_is_tried_again(fault):
    async with against_server(prepare=lambda server: server.lists.extend([fault] * 3)) as (server, store, _, _seen):
        await eventually(lambda: versions(store) == truth(server) and server.watching == 1)
        assert server.count(watch=False) == 4
