"""An ASGI application behind uvicorn on a loopback port, and how long its answers take."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

FLOOR = "/floor"


def with_floor(app: Any) -> Any:
    """Add an endpoint that answers a constant: what the server itself costs."""

    async def both(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != FLOOR:
            await app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return both


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an application from a thread and give its port."""
    # asyncio switches off Nagle's algorithm only where the protocol is named.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(10)


def timed(port: int, paths: list[str], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each answer by path, sorted. The paths take turns, so that load meets them alike."""
    taken: dict[str, list[float]] = {path: [] for path in paths}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(rounds):
        for path in paths:
            began = time.perf_counter()
            connection.request("GET", path)
            connection.getresponse().read()
            taken[path].append(time.perf_counter() - began)
    connection.close()
    return {path: sorted(seconds) for path, seconds in taken.items()}
