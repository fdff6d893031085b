"""The health endpoints: alone, mounted, around another application, and as a FastAPI router."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from crm_monitoring.contract.health import HEALTH_PATH, LIVENESS_PATH, READINESS_PATH
from crm_monitoring.instrumentation.health import Check, HealthChecker, health_app
from crm_monitoring.instrumentation.health.router import health_router
from crm_monitoring.instrumentation.health.setup import _process
from support.dependencies import Answering, until

Build = Callable[[HealthChecker], Any]


def alone(checker: HealthChecker) -> Any:
    return health_app(checker)


def mounted_at_root(checker: HealthChecker) -> Any:
    return Starlette(routes=[Route("/hello", hello), Mount("/", health_app(checker))])


def around(checker: HealthChecker) -> Any:
    return health_app(checker, otherwise=Starlette(routes=[Route("/hello", hello)]))


def router(checker: HealthChecker) -> Any:
    app = FastAPI()
    app.include_router(health_router(checker))
    app.add_route("/hello", hello)
    return app


async def hello(_: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


WAYS: dict[str, Build] = {
    "alone": alone,
    "mounted": mounted_at_root,
    "around another application": around,
    "as a router": router,
}


@asynccontextmanager
async def client(build: Build, **dependencies: Any) -> AsyncIterator[httpx.AsyncClient]:
    checker = HealthChecker({name: Check(ask) for name, ask in dependencies.items()}, version="2.0.0")
    transport = httpx.ASGITransport(app=build(checker))
    async with httpx.AsyncClient(transport=transport, base_url="http://crm") as session:
        yield session
    await checker.stop()


@pytest.mark.parametrize("way", WAYS)
async def test_the_endpoint_answers(way: str) -> None:
    async with client(WAYS[way], database=Answering(), cache=Answering(False)) as crm:
        answer = await crm.get(HEALTH_PATH, params={"include_details": "true"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert list(answer.json()) == ["status", "version", "timestamp", "uptime_seconds", "components"]
        assert answer.json()["status"] == "degraded"
        assert answer.json()["components"]["cache"]["message"] == "Cache reports that it is unhealthy"


@pytest.mark.parametrize("way", WAYS)
async def test_details_are_shown_unless_refused(way: str) -> None:
    async with client(WAYS[way], database=Answering()) as crm:
        assert "message" in (await crm.get(HEALTH_PATH)).json()["components"]["database"]
        brief = await crm.get(HEALTH_PATH, params={"include_details": "false"})
        assert brief.json()["components"] == {"database": {"status": "healthy"}}


@pytest.mark.parametrize("way", WAYS)
async def test_an_unhealthy_crm_takes_no_traffic_but_lives(way: str) -> None:
    async with client(WAYS[way], database=Answering(False)) as crm:
        assert (await crm.get(HEALTH_PATH)).status_code == 503
        ready = await crm.get(READINESS_PATH)
        assert (ready.status_code, ready.json()["components"]) == (503, {"database": {"status": "unhealthy"}})
        alive = await crm.get(LIVENESS_PATH)
        assert (alive.status_code, alive.json()) == (200, {"status": "healthy"})


@pytest.mark.parametrize("way", WAYS)
async def test_liveness_asks_no_dependency(way: str) -> None:
    dependency = Answering()
    async with client(WAYS[way], database=dependency) as crm:
        await crm.get(LIVENESS_PATH)
        assert dependency.asked == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", [HEALTH_PATH, READINESS_PATH, LIVENESS_PATH])
async def test_head_has_no_body_and_other_methods_are_refused(way: str, path: str) -> None:
    async with client(WAYS[way]) as crm:
        head = await crm.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert (await crm.post(path)).status_code == 405
        assert (await crm.delete(path)).status_code == 405


@pytest.mark.parametrize("way", WAYS)
async def test_details_must_be_yes_or_no(way: str) -> None:
    async with client(WAYS[way]) as crm:
        assert (await crm.get(HEALTH_PATH, params={"include_details": "perhaps"})).status_code in (400, 422)


@pytest.mark.parametrize("way", WAYS)
async def test_other_paths_are_left_to_others(way: str) -> None:
    async with client(WAYS[way]) as crm:
        assert (await crm.get("/")).status_code == 404
        if way != "alone":
            assert (await crm.get("/hello")).text == "hello"


PREFIXES = {
    "under the contract's path": (HEALTH_PATH, "/readiness"),
    "under another path": ("/status", "/readiness"),
    "under a path before the contract's": ("/crm", READINESS_PATH),
}


@pytest.mark.parametrize("case", PREFIXES)
async def test_it_can_be_mounted(case: str) -> None:
    prefix, path = PREFIXES[case]
    async with client(lambda checker: Starlette(routes=[Mount(prefix, health_app(checker))])) as crm:
        assert (await crm.get(prefix + path)).json()["components"] == {}
        if path == "/readiness":
            assert (await crm.get(f"{prefix}/")).json()["version"] == "2.0.0"


@pytest.mark.parametrize("way", WAYS)
async def test_without_a_checker_the_endpoint_fails_without_telling_why(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    _process.clear()
    async with client(lambda _: WAYS[way](None)) as crm:  # type: ignore[arg-type]
        answer = await crm.get(HEALTH_PATH)
        assert (answer.status_code, answer.json()) == (503, {"status": "unhealthy"})
        assert "NotInitialized" in caplog.text
        assert (await crm.get(LIVENESS_PATH)).status_code == 200


async def test_the_schema_names_each_endpoint_once() -> None:
    async with client(router) as crm:
        paths = (await crm.get("/openapi.json")).json()["paths"]
        assert {path: list(methods) for path, methods in paths.items()} == {
            HEALTH_PATH: ["get"],
            READINESS_PATH: ["get"],
            LIVENESS_PATH: ["get"],
        }


async def test_served_alone_it_checks_from_the_start_until_the_end() -> None:
    dependency = Answering()
    checker = HealthChecker({"database": Check(dependency)}, version="1")
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        if sent:
            await until(lambda: dependency.asked == 1)
            return {"type": "lifespan.shutdown"}
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await health_app(checker)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_closed() -> None:
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    checker = HealthChecker({}, version="1")
    await health_app(checker)({"type": "websocket", "path": HEALTH_PATH}, receive, send)
    assert sent == ["websocket.close"]
