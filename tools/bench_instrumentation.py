"""What recording and logging cost, as multiples of a floor measured in the same process.

`python tools/bench_instrumentation.py` prints a table; `--json` the same as data; the exit code is 1 when a limit is
exceeded. A floor is the least that any implementation must do: one dictionary increment for a metric, `orjson.dumps`
and `os.write` for a log line. Times are CPU time, the minimum of several rounds.
"""

import json
import logging
import os
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "operator"))

from prometheus_client import CollectorRegistry

from crm_monitoring.instrumentation.logging_config import configure_crm_logging, correlation, get_crm_logger
from crm_monitoring.instrumentation.metrics import MetricsCollector, initialize_metrics

ROUNDS = 15
LINE = {
    "timestamp": "2025-10-27T10:30:00.123456Z",
    "level": "INFO",
    "logger": "event_planning_agent_v2.crm.orchestrator",
    "message": "Communication sent",
    "module": "orchestrator",
    "function": "process_communication_request",
    "line": 145,
    "component": "CRMAgentOrchestrator",
    "event": "communication_sent",
    "plan_id": "abc-123",
    "client_id": "xyz-789",
    "communication_id": "comm-456",
    "channel": "email",
    "message_type": "budget_summary",
    "status": "delivered",
}
EVENT = {name: str(LINE[name]) for name in list(LINE)[9:]}


PROMISED_RECORDING = 1_000.0
"""Microseconds: "< 1ms per metric recording"."""

PROMISED_LOG_LINE = 2_000.0
"""Microseconds: "< 2ms per log entry (JSON format)"."""


@dataclass(frozen=True)
class Row:
    """One measurement. Times are microseconds of CPU; `limit` is a multiple of the floor, or microseconds."""

    name: str
    microseconds: float
    times_floor: float
    limit: float
    limit_is_microseconds: bool = False
    promised: float = PROMISED_RECORDING
    """What the product's document promises, in microseconds."""

    @property
    def exceeded(self) -> bool:
        """Tell whether the limit is exceeded, or the product's promise broken."""
        return (
            self.microseconds > self.promised
            or (self.microseconds if self.limit_is_microseconds else self.times_floor) > self.limit
        )


def main() -> int:
    """Measure, print, and return the exit code."""
    rows = [*metrics(), *logs()]
    if "--json" in sys.argv[1:]:
        print(json.dumps([{**asdict(row), "exceeded": row.exceeded} for row in rows]))
    else:
        print(f"{'':44}{'us':>8}{'x floor':>9}{'limit':>12}")
        for row in rows:
            limit = f"{row.limit:g} us" if row.limit_is_microseconds else f"{row.limit:g} x"
            mark = "  EXCEEDED" if row.exceeded else ""
            print(f"{row.name:44}{row.microseconds:8.2f}{row.times_floor:9.1f}{limit:>12}{mark}")
    return int(any(row.exceeded for row in rows))


def metrics() -> list[Row]:
    """Measure recording against `d[k] += 1`."""
    collector = initialize_metrics(CollectorRegistry(), exemplars=False)
    numbers = {"k": 0}
    names = {"numbers": numbers, "MetricsCollector": MetricsCollector, "collector": collector}
    sent = 'record_communication_sent(message_type="welcome", channel="email", status="sent")'
    cases = {
        "counter, on the class": (f"MetricsCollector.{sent}", 10),
        "counter, on an instance": (f"collector.{sent}", 10),
        "counter without labels": ("MetricsCollector.record_cache_hit()", 10),
        "gauge": ('MetricsCollector.set_channel_availability(channel="email", available=True)', 10),
        "histogram": ('MetricsCollector.record_delivery_time(channel="email", delivery_time_seconds=5.2)', 20),
    }
    floor = _microseconds('numbers["k"] += 1', names, 20_000)
    rows = [Row("floor: dictionary increment", floor, 1.0, 1.0)]
    for name, (statement, limit) in cases.items():
        spent = _microseconds(statement, names, 20_000)
        rows.append(Row(name, spent, spent / floor, limit))
    return rows


def logs() -> list[Row]:
    """Measure log lines against `orjson.dumps` and `os.write` to a file."""
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "log"), "w") as stream:
        configure_crm_logging(stream=stream)
        logger = get_crm_logger("event_planning_agent_v2.crm.orchestrator", component="CRMAgentOrchestrator")
        foreign = logging.getLogger("library")
        file = os.open(os.path.join(folder, "floor"), os.O_WRONLY | os.O_CREAT)
        floor = _microseconds(lambda: os.write(file, orjson.dumps(LINE)), {}, 3_000)
        os.close(file)

        def fail() -> None:
            try:
                int("no number")
            except ValueError:
                logger.exception("Cannot read", **EVENT)

        cases: dict[str, tuple[Callable[[], object], float, bool]] = {
            "domain event, JSON": (lambda: logger.communication_sent(**EVENT), 8, False),
            "plain message, JSON": (lambda: logger.info("Processing request", plan_id="plan-123"), 8, False),
            "through the standard library": (lambda: foreign.info("Working on %s", "plan-123", extra=EVENT), 18, False),
            "filtered out": (lambda: logger.debug("Not written", plan_id="plan-123"), 1, True),
            "with an exception": (fail, 250, True),
        }
        rows = [Row("floor: orjson.dumps and os.write", floor, 1.0, 1.0)]
        with correlation(plan_id="plan-123"):
            for name, (call, limit, absolute) in cases.items():
                spent = _microseconds(call, {}, 2_000)
                rows.append(Row(name, spent, spent / floor, limit, absolute, PROMISED_LOG_LINE))
        return rows


def _microseconds(statement: str | Callable[[], object], names: dict[str, object], number: int) -> float:
    rounds = timeit.repeat(statement, globals=names, number=number, repeat=ROUNDS, timer=time.process_time)
    return min(rounds) / number * 1e6


if __name__ == "__main__":
    sys.exit(main())
