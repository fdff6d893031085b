"""The metrics endpoint as an ASGI and a WSGI application."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from crm_monitoring.instrumentation.metrics.collector import default_collector
from crm_monitoring.instrumentation.metrics.families import is_multiprocess

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_ALLOW = ("Allow", "GET, HEAD")


def scrape_registry(registry: CollectorRegistry | None = None) -> CollectorRegistry:
    """Return what a scrape must read: the registry, or in multi-process mode the files of all workers.

    Without a registry it is the default collector's.
    """
    if not is_multiprocess():
        return default_collector().registry if registry is None else registry
    merged = CollectorRegistry()
    MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
    return merged


def metrics_asgi_app(registry: CollectorRegistry | None = None) -> AsgiApp:
    """Return an ASGI application that answers any path with the metrics, for `app.mount("/metrics", ...)`.

    It speaks the format that the `Accept` header asks for: OpenMetrics, which carries exemplars, or the text format.
    The text is made in a thread, so that a large one does not hold the event loop. Methods other than GET and HEAD
    get 405.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"metrics are served over http, not {scope['type']}")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] in ("GET", "HEAD"):
            status = 200
            sent, body = await asyncio.to_thread(
                _answer, registry, headers.get("accept", ""), headers.get("accept-encoding", "")
            )
        else:
            status, sent, body = 405, [_ALLOW], b""
        encoded = [(name.lower().encode(), value.encode()) for name, value in sent]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def metrics_wsgi_app(registry: CollectorRegistry | None = None) -> WsgiApp:
    """Return the same as a WSGI application."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "GET")
        if method not in ("GET", "HEAD"):
            start_response("405 Method Not Allowed", [_ALLOW])
            return [b""]
        headers, body = _answer(registry, environ.get("HTTP_ACCEPT", ""), environ.get("HTTP_ACCEPT_ENCODING", ""))
        start_response("200 OK", headers)
        return [b"" if method == "HEAD" else body]

    return app


def _answer(registry: CollectorRegistry | None, accept: str, encodings: str) -> tuple[list[tuple[str, str]], bytes]:
    encode, content_type = choose_encoder(accept)
    body = encode(scrape_registry(registry))
    headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
    if "gzip" in (part.partition(";")[0].strip() for part in encodings.split(",")):
        body = gzip.compress(body, compresslevel=1)
        headers.append(("Content-Encoding", "gzip"))
    return [*headers, ("Content-Length", str(len(body)))], body
