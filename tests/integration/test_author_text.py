"""What authors may write is what a real Prometheus loads."""

import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import yaml

from crm_monitoring.api.promql_check import faults
from crm_monitoring.api.templates import refused

pytestmark = pytest.mark.integration

EXPRESSIONS = [
    "crm_queue_size > 10",
    'sum by (channel) (rate(crm_communications_total{status="failed"}[5m])) > 0.1',
    "absent(crm_info)",
    "max_over_time(sum(crm_queue_size)[1d:1m] offset 1d) > 100",
    "crm_queue_size / on (namespace) group_left (version) crm_info > 1",
    "topk(3, crm_queue_size) > 10 and ignoring (priority) crm_channel_availability == 0",
    "histogram_quantile(0.95, sum by (le) (rate(crm_delivery_time_seconds_bucket[15m]))) > 60",
    'label_replace(crm_queue_size, "a", "$1", "priority", "(.*)") > 1',
    "vector(1)",
]
TEMPLATES = [
    "{{ $value }} on {{ $labels.channel }}",
    "{{humanize $value}} {{ humanize1024 $value }} {{ humanizeDuration $value }}",
    "{{ $value | humanizePercentage }} {{ $value|humanizeTimestamp }}",
    "braces } and }} and { alone",
]


def test_prometheus_reads_what_the_checks_accept(tool: Callable[[str], Path], tmp_path: Path) -> None:
    assert [text for text in EXPRESSIONS if faults(text)] == []
    assert [text for text in TEMPLATES if refused(text)] == []
    rules = [
        {"alert": f"Alert{number}", "expr": expression, "annotations": {"summary": template}}
        for number, (expression, template) in enumerate(product(EXPRESSIONS, TEMPLATES))
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "custom", "rules": rules}]}))

    done = subprocess.run([tool("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
