"""What the proxy can do to a request instead of passing it on."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from support.fault_proxy_requests import Asked

Lines = AsyncIterator[bytes]
"""A stream, line by line, each with its newline."""


class Broken(Exception):
    """The connection to the client is to be reset."""


class Exchange(Protocol):
    """One request on its way, as an action sees it."""

    @property
    def asked(self) -> Asked: ...

    async def forward(self) -> web.StreamResponse:
        """Pass it on and return the answer; of a watch, follow the stream to its end."""
        ...

    async def stream(self, change: "Change") -> web.StreamResponse:
        """Pass a watch on, with its lines changed on the way."""
        ...


class Change(Protocol):
    """Changes a stream."""

    def __call__(self, lines: Lines) -> Lines: ...


class Action(Protocol):
    """Answers a request. Raise Broken to reset the connection."""

    async def play(self, exchange: Exchange) -> web.StreamResponse: ...


@dataclass(frozen=True)
class Reply:
    """Answer in place of the API server; with `commit`, after it has done what was asked."""

    code: int
    body: Any = None
    """Bytes and text go out as they are, anything else as JSON; None is a Status object of this code."""
    headers: Mapping[str, str] = field(default_factory=dict)
    commit: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.commit:
            await exchange.forward()
        body = status(self.code) if self.body is None else self.body
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = "application/json" if not isinstance(body, str) else "text/html"
        return web.Response(status=self.code, body=content, headers={"Content-Type": kind, **self.headers})


@dataclass(frozen=True)
class Reset:
    """Break the connection; with `commit`, after the API server has done what was asked."""

    commit: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.commit:
            await exchange.forward()
        raise Broken


@dataclass(frozen=True)
class Delay:
    """Wait, then pass the request on."""

    seconds: float

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await exchange.forward()


@dataclass(frozen=True)
class Hang:
    """Take the request and never answer."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise Broken


@dataclass(frozen=True)
class Stream:
    """Pass a watch on, with its lines changed."""

    change: Change

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.stream(self.change)


def inject(line: bytes) -> Stream:
    """Begin the stream with a line of our own."""

    async def change(lines: Lines) -> Lines:
        yield line.rstrip(b"\n") + b"\n"
        async for other in lines:
            yield other

    return Stream(change)


def truncate() -> Stream:
    """Send half of the first event, then end the stream in good order."""

    async def change(lines: Lines) -> Lines:
        async for line in lines:
            if b'"BOOKMARK"' not in line:
                yield line[: len(line) // 2]
                return
            yield line

    return Stream(change)


def duplicate() -> Stream:
    """Send each event twice."""

    async def change(lines: Lines) -> Lines:
        async for line in lines:
            yield line
            yield line

    return Stream(change)


def swallow() -> Stream:
    """Send bookmarks, and no event."""

    async def change(lines: Lines) -> Lines:
        async for line in lines:
            if b'"BOOKMARK"' in line:
                yield line

    return Stream(change)


def break_off() -> Stream:
    """Reset the connection in place of the first event."""

    async def change(lines: Lines) -> Lines:
        async for line in lines:
            if b'"BOOKMARK"' not in line:
                raise Broken
            yield line

    return Stream(change)


def status(code: int | None, message: str = "planned by the test") -> dict[str, Any]:
    """Return a Status object, as the API server answers errors; None leaves the code out."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return body | {"message": message} | ({} if code is None else {"code": code})


def error_event(code: int | None) -> bytes:
    """Return the line of an ERROR event."""
    return json.dumps({"type": "ERROR", "object": status(code)}).encode() + b"\n"
