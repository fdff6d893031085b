"""Several worker processes that share their metrics through files, as under gunicorn."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from crm_monitoring.contract import metrics as contract
from crm_monitoring.contract.metrics import MetricType
from crm_monitoring.instrumentation.metrics.families import MODES

PROGRAM = """
import os, sys
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import mark_process_dead
from crm_monitoring.instrumentation.metrics import MetricsCollector, initialize_metrics, scrape_registry

collector = initialize_metrics(version="2.0.0", environment="test", channels=["email"], shared_queue="shared" in sys.argv)

def work(number):
    MetricsCollector.record_communication_sent(message_type="welcome", channel="email", status="sent")
    MetricsCollector.record_delivery_time(channel="email", delivery_time_seconds=number)
    MetricsCollector.set_channel_availability(channel="email", available=number == 2)
    MetricsCollector.record_open_rate(message_type="welcome", open_rate=number / 10)
    MetricsCollector.set_queue_size(priority="high", size=10 * number)
    MetricsCollector.increment_active_communications()

for number in (1, 2):
    child = os.fork()
    if child == 0:
        work(number)
        os._exit(0)
    os.waitpid(child, 0)
    if "dead" in sys.argv:
        mark_process_dead(child)
sys.stdout.write(generate_latest(scrape_registry()).decode())
"""


def scrape(folder: Path, *arguments: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": "operator"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(run.stdout)
        for sample in family.samples
    }


EMAIL = (("channel", "email"),)


def test_workers_become_one(tmp_path: Path) -> None:
    found = scrape(tmp_path)
    assert found["crm_communications_total", (*EMAIL, ("message_type", "welcome"), ("status", "sent"))] == 2
    assert found["crm_delivery_time_seconds_sum", EMAIL] == 3
    assert found["crm_delivery_time_seconds_bucket", (*EMAIL, ("le", "1.0"))] == 1
    assert found["crm_channel_availability", EMAIL] == 1
    assert found["crm_open_rate", (("message_type", "welcome"),)] == 0.2
    assert found["crm_queue_size", (("priority", "high"),)] == 30
    assert found["crm_active_communications", ()] == 2
    assert found["crm_info", (("environment", "test"), ("version", "2.0.0"))] == 1
    assert not any("pid" in dict(labels) for _, labels in found)


def test_a_shared_queue_is_counted_once(tmp_path: Path) -> None:
    assert scrape(tmp_path, "shared")["crm_queue_size", (("priority", "high"),)] == 20


def test_what_dead_workers_worked_on_is_gone_and_what_they_learnt_stays(tmp_path: Path) -> None:
    found = scrape(tmp_path, "dead")
    assert found["crm_active_communications", ()] == 0
    assert ("crm_queue_size", (("priority", "high"),)) not in found
    assert found["crm_channel_availability", EMAIL] == 1
    assert found["crm_communications_total", (*EMAIL, ("message_type", "welcome"), ("status", "sent"))] == 2


def test_every_gauge_has_its_mode() -> None:
    gauges = {metric.name for metric in contract.ALL if metric.type in (MetricType.GAUGE, MetricType.INFO)}
    assert set(MODES) == gauges
