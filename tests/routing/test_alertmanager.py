"""A real Alertmanager with a merged file tells and silences exactly as our own reading of the file says."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from crm_monitoring.contract.alerts import ALL, WATCHDOG
from crm_monitoring.render import merged
from support.alerting import WATCHDOG as HEARTBEAT
from support.alerting import Labels, fragment_of, notifying, passes, receivers_of, silenced, tree_of
from support.resources import SLACK
from testbed.processes import ChildProcess, ReservedPort

pytestmark = pytest.mark.integration

BODIES = (
    notifying(HEARTBEAT),
    notifying({"receivers": [SLACK]}, name="second", alerts={"severityMap": {"high": "critical"}}),
    notifying(namespace="other"),
)
IDENTITIES: tuple[dict[str, str], ...] = (
    {"namespace": "crm", "crm_monitoring": "crm"},
    {"namespace": "crm", "crm_monitoring": "second"},
    {"namespace": "other", "crm_monitoring": "crm"},
    {"namespace": "crm", "crm_monitoring": "elsewhere"},
    {"namespace": "crm"},
    {"crm_monitoring": "crm"},
    {},
)
NAMES = ("Custom", WATCHDOG, *(alert.name for alert in ALL))
SCOPES: tuple[dict[str, str], ...] = (
    {},
    {"channel": "sms"},
    {"channel": "email"},
    {"api": "twilio"},
    {"slo": "delivery"},
    {"slo": "latency"},
)


def alerts() -> list[Labels]:
    """Every combination of identity, name and scope; severities go round, so that each name has several."""
    severities = ("critical", "high", "medium", "low", "none")
    combinations = product(IDENTITIES, NAMES, SCOPES)
    return [
        {**identity, "alertname": name, **scope, "severity": severities[number % len(severities)]}
        for number, (identity, name, scope) in enumerate(combinations)
    ]


def request(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def alertmanager(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = tool("alertmanager")
    directory = tmp_path_factory.mktemp("alertmanager")
    config = directory / "alertmanager.yaml"
    config.write_bytes(merged.merge(map(fragment_of, BODIES)))
    port = ReservedPort()
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        binary,
        f"--config.file={config}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with ChildProcess("alertmanager", command, log=directory / "alertmanager.log") as process:
        process.wait_until(lambda: is_ready(url), within=30)
        yield url
    port.release()


def test_everybody_is_told_and_silenced_as_the_file_says(alertmanager: str) -> None:
    sent = alerts()
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    request(f"{alertmanager}/api/v2/alerts", [{"labels": labels, "endsAt": ends} for labels in sent])
    deadline = time.monotonic() + 30
    while len(received := request(f"{alertmanager}/api/v2/alerts")) < len(sent):
        assert time.monotonic() < deadline, f"{len(received)} of {len(sent)} alerts arrived"
    tree = tree_of(*sorted(BODIES, key=lambda body: (body["metadata"]["namespace"], body["metadata"]["name"])))
    starts = [rule["source_matchers"] for rule in tree["inhibit_rules"]]
    sources = [labels for labels in sent if any(passes(matchers, labels) for matchers in starts)]

    wrong = []
    inhibited = 0
    for each in received:
        labels = each["labels"]
        expected_receivers = receivers_of(tree, labels)
        expected_silence = any(silenced(tree, source, labels) for source in sources)
        inhibited += expected_silence
        actual = [receiver["name"] for receiver in each["receivers"]], bool(each["status"]["inhibitedBy"])
        if actual != (expected_receivers, expected_silence):
            wrong.append((labels, actual, (expected_receivers, expected_silence)))

    assert wrong == []
    assert 0 < inhibited < len(sent) / 2
