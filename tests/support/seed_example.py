"""Runs one example of the product document in a process of its own, and judges what it did.

`python -m support.seed_example NAME DIRECTORY`: the directory takes the place of /var/log/crm. The process writes
`ok` when everything that the document promises came about.
"""

import ast
import asyncio
import inspect
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from crm_monitoring.contract.health import COMPONENTS
from crm_monitoring.contract.logs import BASE_FIELDS
from crm_monitoring.instrumentation import (
    MetricsCollector,
    get_alert_manager,
    health_router,
    initialize_health_checker,
    initialize_metrics,
)
from crm_monitoring.instrumentation.testing import assert_logged, capture_logs, metric_value
from support.dependencies import Answering

EXAMPLES = Path(__file__).parents[1] / "data" / "seed_examples"
DEPENDENCIES = ("email_agent", "messaging_agent", "repository", "cache_manager")


async def run(name: str, directory: Path, **given: Any) -> dict[str, Any]:
    """Run an example as it stands, `await` outside of functions included, and return its variables."""
    source = (EXAMPLES / f"{name}.py").read_text().replace("/var/log/crm", str(directory))
    variables: dict[str, Any] = {"__name__": f"seed.{name}", **given}
    code = compile(source, f"{name}.py", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, variables)
    if inspect.isawaitable(result):
        await result
    return variables


def dependencies() -> dict[str, Answering]:
    """Return what the document passes to the health checker."""
    return {name: Answering() for name in DEPENDENCIES}


def lines(directory: Path) -> list[dict[str, Any]]:
    """Return the log file, and check that every line has the document's fields in the document's order."""
    entries = [json.loads(line) for line in (directory / "crm.log").read_text().splitlines()]
    for entry in entries:
        present = [field for field in entry if field in BASE_FIELDS]
        assert present == [field for field in BASE_FIELDS if field in entry], entry
    return entries


async def metrics(directory: Path) -> None:
    await run("metrics", directory)
    assert (
        metric_value(
            None, "crm_communications_total", message_type="budget_summary", channel="email", status="delivered"
        )
        == 1
    )
    assert metric_value(None, "crm_delivery_time_seconds_sum", channel="email") == 5.2
    assert metric_value(None, "crm_api_errors_total", api="twilio", error_type="rate_limit") == 1


async def logs(directory: Path) -> None:
    await run("logging", directory)
    processing, sent = lines(directory)
    assert processing["message"] == "Processing request"
    assert (processing["plan_id"], processing["component"]) == ("plan-123", "MyComponent")
    assert (sent["event"], sent["level"], sent["message"]) == ("communication_sent", "INFO", "Communication sent")
    assert (sent["communication_id"], sent["message_type"], sent["status"]) == ("comm-789", "welcome", "sent")


async def health(directory: Path) -> None:
    shown = (await run("health", directory, **dependencies()))["health_status"].to_dict()
    assert list(shown) == ["status", "version", "timestamp", "uptime_seconds", "components"]
    assert shown["version"] == "2.0.0"
    assert tuple(shown["components"]) == COMPONENTS
    for component in shown["components"].values():
        assert list(component) == ["status", "message", "last_check", "metadata"]


async def alerting(directory: Path) -> None:
    variables = await run("alerting", directory)
    assert [alert.name for alert in variables["triggered_alerts"]] == ["CRMDeliveryRateLow"]
    assert variables["active_alerts"] == []
    assert [alert.name for alert in get_alert_manager().get_active_alerts("high")] == ["CRMDeliveryRateLow"]


async def startup(directory: Path) -> None:
    checker = (await run("startup", directory, **dependencies()))["health_checker"]
    assert tuple((await checker.check_health()).components) == COMPONENTS
    assert metric_value(None, "crm_info", version="2.0.0", environment="production") == 1
    logging.getLogger("some.library").info("also written")
    assert "also written" in [entry["message"] for entry in lines(directory)]
    await checker.stop()


async def unit_tests(directory: Path) -> None:
    initialize_metrics()
    with capture_logs() as entries:
        variables = await run("unit_tests", directory)
        variables["test_metrics_collection"]()
        variables["test_structured_logging"]()
    assert (
        metric_value(None, "crm_communications_total", message_type="welcome", channel="email", status="delivered") == 1
    )
    assert_logged(entries, message="Test message", plan_id="test-123", level="INFO")


async def integration_tests(directory: Path) -> None:
    app = FastAPI()
    initialize_metrics()
    MetricsCollector.record_communication_sent(message_type="welcome", channel="email", status="sent")
    checker = initialize_health_checker("2.0.0", email_agent=Answering(), repository=Answering())
    app.include_router(health_router())
    await run("metrics_endpoint", directory, app=app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://crm") as client:
        variables = await run("integration_tests", directory, client=client)
        await variables["test_health_check_endpoint"]()
        await variables["test_metrics_endpoint"]()
        assert (await client.get("/metrics")).headers["content-type"].startswith("text/plain")
    await checker.stop()


RUNS: dict[str, Callable[[Path], Awaitable[None]]] = {
    "metrics": metrics,
    "logging": logs,
    "health": health,
    "alerting": alerting,
    "startup": startup,
    "unit_tests": unit_tests,
    "integration_tests": integration_tests,
}
"""One run for each example; the example of the metrics endpoint is part of the integration tests."""

if __name__ == "__main__":
    asyncio.run(RUNS[sys.argv[1]](Path(sys.argv[2])))  # type: ignore[arg-type]
    sys.stderr.write("ok\n")
