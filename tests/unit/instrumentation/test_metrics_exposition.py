"""The metrics endpoint, asked as Prometheus asks."""

import gzip
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from crm_monitoring.instrumentation.metrics import MetricsCollector, metrics_asgi_app, metrics_wsgi_app
from crm_monitoring.instrumentation.testing import isolated_metrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"


@pytest.fixture
def collector() -> MetricsCollector:
    collector = MetricsCollector(CollectorRegistry())
    collector.record_cache_hit()
    return collector


@pytest.fixture(params=["ASGI", "WSGI"])
def client(request: pytest.FixtureRequest, collector: MetricsCollector) -> Any:
    """Return an asynchronous client of the application in either form."""
    if request.param == "ASGI":
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=metrics_asgi_app(collector.registry)), base_url="http://crm"
        )
    return _Wsgi(
        httpx.Client(transport=httpx.WSGITransport(app=metrics_wsgi_app(collector.registry)), base_url="http://crm")
    )


class _Wsgi:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._client.request(method, path, **more)


async def test_without_wishes_the_answer_is_the_text_format(client: Any) -> None:
    answer = await client.request("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "crm_cache_hits_total 1.0" in answer.text
    assert list(parse_text(answer.text))


async def test_prometheus_gets_openmetrics(client: Any) -> None:
    answer = await client.request("GET", "/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]


async def test_the_answer_is_compressed_for_who_takes_it(client: Any) -> None:
    plain = await client.request("GET", "/", headers={"Accept-Encoding": "identity"})
    packed = await client.request("GET", "/", headers={"Accept-Encoding": "deflate, gzip;q=0.8"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < len(gzip.compress(b"")) + len(plain.content)


async def test_head_has_headers_only(client: Any) -> None:
    answer = await client.request("HEAD", "/metrics")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_other_methods_are_refused(client: Any, method: str) -> None:
    answer = await client.request(method, "/metrics")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_it_can_be_mounted_and_follows_the_default_collector() -> None:
    app = FastAPI()
    app.mount("/metrics", metrics_asgi_app())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://crm") as client:
        for hits in (1, 2):
            with isolated_metrics():
                for _ in range(hits):
                    MetricsCollector.record_cache_hit()
                answer = await client.get("/metrics/")
                assert f"crm_cache_hits_total {hits}.0" in answer.text
