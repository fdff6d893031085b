"""The three health endpoints as an ASGI application that needs no framework."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from crm_monitoring.contract.health import HEALTH_PATH, LIVENESS_PATH, READINESS_PATH
from crm_monitoring.instrumentation.health.checker import HealthChecker
from crm_monitoring.instrumentation.health.setup import get_health_checker

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATHS = (HEALTH_PATH, READINESS_PATH, LIVENESS_PATH)
ALIVE = b'{"status":"healthy"}'
BROKEN = b'{"status":"unhealthy"}'
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Answer = tuple[int, bytes]


def health_app(checker: HealthChecker | None = None, *, otherwise: Application | None = None) -> Application:
    """Return an ASGI application with the health endpoints.

    Mount it (`app.mount("/", health_app())` as the last route), serve it alone, or wrap another application:
    `health_app(otherwise=app)` answers the health paths and hands everything else on. Without `checker` it uses the
    one of the process when it is asked.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = _endpoint(scope) if scope["type"] == "http" else None
        if path is not None:
            await _respond(scope, send, path, checker)
        elif otherwise is not None:
            await otherwise(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send, checker)
        elif scope["type"] == "http":
            await _send(scope, send, (404, b'{"detail":"not found"}'))
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    return application


async def answer(path: str, checker: HealthChecker | None, include_details: bool = True) -> Answer:
    """Return HTTP status and body for one of PATHS. Nothing of an exception gets out, only that there was one.

    Liveness says that the event loop turns and looks at nothing else: a broken database must not restart the CRM.
    """
    if path == LIVENESS_PATH:
        return 200, ALIVE
    try:
        current = checker or get_health_checker()
        health = await current.check_health(include_details and path == HEALTH_PATH)
        return health.http_status, orjson.dumps(health.to_dict())
    except Exception as problem:
        logger.error("Health cannot be told: %s", type(problem).__name__)
        return 503, BROKEN


def _endpoint(scope: Scope) -> str | None:
    """Return the health path that a request means, whether the application is mounted under a prefix or not."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    local = path.removeprefix(root) if root else path
    for candidate in PATHS:
        if candidate in (path.rstrip("/"), local.rstrip("/")):
            return candidate
        if root and local.rstrip("/") == candidate.removeprefix(HEALTH_PATH):
            return candidate
    return None


async def _respond(scope: Scope, send: Send, path: str, checker: HealthChecker | None) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        await _send(scope, send, (405, b'{"detail":"method not allowed"}'), (b"allow", b"GET, HEAD"))
        return
    wanted = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("include_details", ["true"])[-1].lower()
    if wanted not in BOOLEANS:
        await _send(scope, send, (400, b'{"detail":"include_details must be true or false"}'))
        return
    await _send(scope, send, await answer(path, checker, BOOLEANS[wanted]))


async def _send(scope: Scope, send: Send, given: Answer, *headers: tuple[bytes, bytes]) -> None:
    status, body = given
    length = str(len(body)).encode()
    fixed = ((b"content-type", b"application/json"), (b"content-length", length), (b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _lifespan(receive: Receive, send: Send, checker: HealthChecker | None) -> None:
    """Check in the background while the server runs."""
    await receive()
    current = checker or get_health_checker()
    await current.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await current.stop()
    await send({"type": "lifespan.shutdown.complete"})
