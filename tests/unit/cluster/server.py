"""A server on loopback that plays an API server from a script, one answer a request, and then behaves."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from crm_monitoring.cluster.connection import Connection, Credentials
from crm_monitoring.manifest import CONFIG_MAP, Manifest

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def config_map(name: str, version: int, *, namespace: str = "shop", **data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
        },
        "data": data,
    }


def event(kind: str, manifest: Any) -> bytes:
    return json.dumps({"type": kind, "object": manifest}).encode() + b"\n"


def status(code: int | None, reason: str = "", **details: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "message": "secret-in-body",
        "reason": reason,
    }
    if code is not None:
        body["code"] = code
    return {**body, "details": details} if details else body


def says(code: int, body: Any = None, *, text: str | None = None, headers: dict[str, str] | None = None) -> Answer:
    """Answer with a code and a body: JSON, or text as it is."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=code,
            text=text if text is not None else json.dumps(body if body is not None else status(code)),
            headers=headers,
        )

    return answer


def streams(*chunks: bytes, then: str = "end") -> Answer:
    """Answer a watch with these bytes, and then `end`, `reset` the connection, or `hang`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if then == "hang":
            await asyncio.sleep(60)
        if then == "reset" and request.transport:
            request.transport.abort()
        return response

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.sleep(60)
    return web.Response()


async def resets(request: web.Request) -> web.StreamResponse:
    """Break the connection instead of an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()


@dataclass
class ScriptedServer:
    """Answers lists and watches of ConfigMaps from `objects` unless `lists`, `watches` or `others` hold an answer."""

    port: int = 0
    version: int = 100
    objects: dict[str, Manifest] = field(default_factory=dict)
    lists: list[Answer] = field(default_factory=list)
    watches: list[Answer] = field(default_factory=list)
    others: list[Answer] = field(default_factory=list)
    served: bool = True
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    _streams: list[asyncio.Queue[bytes | None]] = field(default_factory=list)

    def set(self, name: str, *, announce: bool = True, **data: str) -> Manifest:
        """Create or change an object; `announce=False` swallows the event."""
        self.version += 1
        known = name in self.objects
        self.objects[name] = config_map(name, self.version, **data)
        if announce:
            self.send(event("MODIFIED" if known else "ADDED", self.objects[name]))
        return self.objects[name]

    def drop(self, name: str, *, announce: bool = True) -> None:
        self.version += 1
        gone = self.objects.pop(name)
        gone["metadata"]["resourceVersion"] = str(self.version)
        if announce:
            self.send(event("DELETED", gone))

    def send(self, line: bytes) -> None:
        for stream in self._streams:
            stream.put_nowait(line)

    def end_streams(self) -> None:
        for stream in self._streams:
            stream.put_nowait(None)

    @property
    def watching(self) -> int:
        return len(self._streams)

    def count(self, *, watch: bool) -> int:
        return sum(("watch" in request.query) == watch for request in self.requests if request.method == "GET")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        is_list = request.method == "GET" and request.path.endswith("/configmaps")
        script = self.others if not is_list else self.watches if "watch" in request.query else self.lists
        if script:
            return await script.pop(0)(request)
        if not self.served or not is_list:
            return web.Response(status=404, text="404 page not found\n")
        if "watch" in request.query:
            return await self._follow(request)
        items = [
            {key: value for key, value in item.items() if key in {"metadata", "data"}} for item in self.objects.values()
        ]
        return web.json_response(
            {
                "kind": "ConfigMapList",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": str(self.version)},
                "items": items,
            }
        )

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        since = int(request.query["resourceVersion"])
        for item in self.objects.values():
            if int(item["metadata"]["resourceVersion"]) > since:
                queue.put_nowait(event("ADDED", item))
        self._streams.append(queue)
        try:
            while (line := await queue.get()) is not None:
                await response.write(line)
        finally:
            self._streams.remove(queue)
        return response

    def connection(self, authorization: str | None = "Bearer token-in-header") -> Connection:
        return Connection(f"http://127.0.0.1:{self.port}", Credentials(lambda: authorization))


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.end_streams()
        await runner.cleanup()


async def eventually(condition: Callable[[], bool], within: float = 5.0) -> None:
    """Return as soon as the condition holds; fail when it does not within so many seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "did not happen in time"
        await asyncio.sleep(0.005)


KIND = CONFIG_MAP
