"""A reverse proxy between the operator and the API server that does to requests what a test plans.

    with FaultProxy(plane.url, plane.certificate_authority) as proxy:
        rule = proxy.plan(Match("apply", "prometheusrules"), Reply(500), times=2)
        ...
        assert rule.played == 2

It speaks plain HTTP on loopback, passes credentials on, and writes down every request. It lives in a thread of its own.
"""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from support.fault_proxy_actions import Action, Broken, Change, Lines
from support.fault_proxy_requests import Asked

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "content-encoding"}


@dataclass
class Rule:
    """One entry of the plan. It plays for requests that match, after `skip` of them, `times` times (None: for ever)."""

    match: Callable[[Asked], bool]
    action: Action
    times: int | None = 1
    skip: int = 0
    seen: int = 0
    played: int = 0

    def takes(self, asked: Asked) -> bool:
        """Say whether this request is its turn, and count it."""
        if (self.times is not None and self.played >= self.times) or not self.match(asked):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.played += 1
        return True


@dataclass(frozen=True, slots=True)
class Record:
    """One finished request: a watch is recorded when it begins. Code 0: the connection was broken or left."""

    asked: Asked
    code: int
    at: float
    """Monotonic seconds at which the request arrived."""
    planned: bool
    """Whether an entry of the plan answered it."""


class FaultProxy:
    """The proxy. Its methods are for the test's thread."""

    def __init__(self, upstream: str, certificate_authority: Path) -> None:
        self.trace: list[Record] = []
        self.port = 0
        self._upstream = upstream
        self._authority = certificate_authority
        self._rules: list[Rule] = []
        self._streams: dict[asyncio.Queue[bytes | None], Asked] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="fault proxy", daemon=True)

    @property
    def url(self) -> str:
        """Return the address that takes the place of the API server's."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def thread(self) -> int:
        """Return the number that the kernel gave its thread."""
        return self._thread.native_id or 0

    def plan(self, match: Callable[[Asked], bool], action: Action, *, times: int | None = 1, skip: int = 0) -> Rule:
        """Add an entry; entries are asked in the order in which they were added."""
        rule = Rule(match, action, times, skip)
        self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Behave from now on. What hangs goes on hanging."""
        self._rules = []

    def cut(self, match: Callable[[Asked], bool]) -> int:
        """End matching streams in good order, as the API server does now and then; return how many there were."""
        return int(self._in_loop(lambda: self._feed(match, None)))

    def streams(self, match: Callable[[Asked], bool]) -> int:
        """Return how many matching streams are open."""
        return sum(map(match, tuple(self._streams.values())))

    def refuse(self) -> None:
        """Break every connection and let nobody connect, as a path that is gone."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    def accept(self) -> None:
        """Take connections again, on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def requests(self, match: Callable[[Asked], bool], since: int = 0) -> list[Record]:
        """Return the matching part of the trace from an index on."""
        return [record for record in self.trace[since:] if match(record.asked)]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10), "the proxy did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    # What follows runs in the proxy's thread.

    async def _main(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=str(self._authority)))
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        ) as self.session:
            await self._listen()
            self.port = int(self._runner.addresses[0][1])
            self._started.set()
            await self._ended.wait()
            self._feed(lambda _: True, None)
            await self._runner.cleanup()

    async def _listen(self) -> None:
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _close(self) -> None:
        for site in list(self._runner.sites):
            await site.stop()
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport:
                connection.transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked.of(request.method, request.path, request.query, request.headers.get("Content-Type", ""))
        rule = next((rule for rule in self._rules if rule.takes(asked)), None)
        exchange = _Exchange(self, request, asked, planned=rule is not None)
        try:
            answer = await (rule.action.play(exchange) if rule else exchange.forward())
            exchange.record(answer.status)
            return answer
        except (Broken, aiohttp.ClientError):
            _reset(request)
            return web.Response()
        finally:
            exchange.record(0)

    def _feed(self, match: Callable[[Asked], bool], line: bytes | None) -> int:
        queues = [queue for queue, asked in self._streams.items() if match(asked)]
        for queue in queues:
            queue.put_nowait(line)
        return len(queues)

    def upstream(self, request: web.Request, body: bytes) -> Any:
        """Send a request on to the API server."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = URL(self._upstream + request.raw_path, encoded=True)
        return self.session.request(request.method, url, headers=headers, data=body or None, allow_redirects=False)

    async def lines(self, asked: Asked, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield the lines of a stream until it ends or is cut."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._streams[queue] = asked
        pump = asyncio.create_task(_pump(answer, queue))
        try:
            while (line := await queue.get()) is not None:
                yield line
        finally:
            del self._streams[queue]
            pump.cancel()

    def _in_loop(self, function: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)


class _Exchange:
    """One request; see `fault_proxy_actions.Exchange`."""

    def __init__(self, proxy: FaultProxy, request: web.Request, asked: Asked, *, planned: bool) -> None:
        self.asked = asked
        self._proxy = proxy
        self._request = request
        self._planned = planned
        self._at = time.monotonic()
        self._recorded = False

    def record(self, code: int) -> None:
        """Write the request down, once."""
        if not self._recorded:
            self._recorded = True
            self._proxy.trace.append(Record(self.asked, code, self._at, self._planned))

    async def forward(self) -> web.StreamResponse:
        return await self.stream(_unchanged) if self.asked.verb == "watch" else await self._whole()

    async def stream(self, change: Change) -> web.StreamResponse:
        async with self._proxy.upstream(self._request, b"") as answer:
            if answer.status != 200:
                return _copy(answer, await answer.read())
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(self._request)
            self.record(200)
            lines = self._proxy.lines(self.asked, answer)
            with suppress(ConnectionResetError):
                async for line in change(lines):
                    await response.write(line)
            await lines.aclose()  # type: ignore[attr-defined]
            return response

    async def _whole(self) -> web.StreamResponse:
        async with self._proxy.upstream(self._request, await self._request.read()) as answer:
            return _copy(answer, await answer.read())


async def _unchanged(lines: Lines) -> AsyncIterator[bytes]:
    async for line in lines:
        yield line


async def _pump(answer: aiohttp.ClientResponse, queue: asyncio.Queue[bytes | None]) -> None:
    rest = b""
    try:
        async for chunk in answer.content.iter_any():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                queue.put_nowait(line + b"\n")
    except aiohttp.ClientError:
        pass  # the API server is gone; the client sees an end
    finally:
        queue.put_nowait(None)


def _copy(answer: aiohttp.ClientResponse, body: bytes) -> web.Response:
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
    return web.Response(status=answer.status, body=body, headers=headers)


def _reset(request: web.Request) -> None:
    """Break the connection with RST, not with an end in good order."""
    if request.transport:
        raw: socket.socket = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
