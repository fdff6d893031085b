"""The endpoints: metrics, whether the process lives, whether it is ready."""

from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from crm_monitoring.controller import web


@asynccontextmanager
async def served(*, alive=lambda: None, ready=lambda: None):
    registry = CollectorRegistry()
    Counter("crm_operator_test", "A counter.", registry=registry).inc()
    runner, port = await web.serve(web.application(registry, alive=alive, ready=ready), "127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session
    finally:
        await runner.cleanup()


async def test_metrics_are_what_prometheus_reads():
    async with served() as session, session.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "crm_operator_test_total 1.0" in await answer.text()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_all_is_well(path):
    async with served() as session, session.get(path) as answer:
        assert (answer.status, await answer.text()) == (200, "ok")


async def test_what_is_wrong_is_said_by_its_own_endpoint_alone():
    async with served(ready=lambda: "not listed yet: Service") as session:
        async with session.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "not listed yet: Service")
        async with session.get("/healthz") as answer:
            assert answer.status == 200


async def test_a_check_is_asked_anew_each_time():
    states = ["the workers are stuck", None]
    async with served(alive=lambda: states.pop(0)) as session:
        for expected in (503, 200):
            async with session.get("/healthz") as answer:
                assert answer.status == expected


@pytest.mark.parametrize(("method", "path", "code"), [("GET", "/", 404), ("POST", "/metrics", 405)])
async def test_there_is_nothing_else(method, path, code):
    async with served() as session, session.request(method, path) as answer:
        assert answer.status == code
