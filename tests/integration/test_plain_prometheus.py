"""The files for people without Kubernetes, in a real Prometheus and a real Alertmanager: from a scrape to a notification."""

import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import runbooks
from support import prometheus
from support.cli import run, written
from support.prometheus import Prometheus
from support.resources import full, minimal, secret_key
from testbed.processes import ChildProcess, ReservedPort

pytestmark = pytest.mark.integration

SERIES = """\
# TYPE crm_queue_size gauge
crm_queue_size{priority="high"} 7
crm_queue_size{priority="low",namespace="forged",crm_monitoring="forged"} 1
"""
IDENTITY = {"namespace": "crm", "crm_monitoring": "crm"}
WITHIN = 60.0


@dataclass
class Crm:
    """A CRM with one page of metrics that takes notifications, too."""

    address: str = ""
    notifications: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def serving(crm: Crm) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(SERIES.encode())

        def do_POST(self) -> None:
            crm.notifications.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        crm.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def crm() -> Iterator[Crm]:
    crm = Crm()
    with serving(crm):
        yield crm


def eventually(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {WITHIN:.0f} s: {what}")


@dataclass(frozen=True)
class Stack:
    """The two processes on the written files."""

    prometheus: Prometheus
    alertmanager: str

    def received(self) -> list[dict[str, Any]]:
        """Return the alerts that Alertmanager holds."""
        with urllib.request.urlopen(f"{self.alertmanager}/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


@pytest.fixture(scope="module")
def stack(crm: Crm, tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("plain")
    out, port = folder / "out", ReservedPort()
    _render(crm, folder, out, f"127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        tool("alertmanager"),
        f"--config.file={out / 'alertmanager.yml'}",
        f"--storage.path={folder / 'am'}",
    ]
    command += ["--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}"]
    running = prometheus.running(tool("prometheus"), out / "prometheus.yml", folder / "data")
    with ChildProcess("alertmanager", command, log=folder / "alertmanager.log") as process:
        process.wait_until(Prometheus(url).ready, within=30)
        with running as server:
            yield Stack(server, url)
    port.release()


def _render(crm: Crm, folder: Path, out: Path, alertmanager: str) -> None:
    """Write the files of a resource with every rule there is, scraped each second."""
    reference = secret_key("crm-alerting", "url")
    notifications = {
        "receivers": [{"name": "everything", "webhook": {"urlSecretRef": reference}}],
        "watchdog": {"urlSecretRef": reference},
    }
    alerts = {key: value for key, value in full()["spec"]["alerts"].items() if key != "severityMap"}
    spec = {
        "metrics": {"interval": "1s", "scrapeTimeout": "500ms"},
        "alerts": alerts,
        "slos": full()["spec"]["slos"],
        "notifications": notifications,
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "crm-alerting", "namespace": "crm"},
        "stringData": {"url": f"http://{crm.address}/hook"},
    }
    command: list[str | Path] = [
        "render",
        "-f",
        written(folder / "crm.yaml", minimal(spec)),
        "--format",
        "prometheus",
        "-o",
        out,
    ]
    command += ["--target", crm.address, "--alertmanager", alertmanager]
    result = run(*command, "--secrets-from", written(folder / "secrets.yaml", secret), "--show-secrets")
    assert result.exit_code == 0, result.stderr


def test_promtool_and_amtool_accept_the_files_of_two_resources_with_every_block(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for name in ("crm-tls/ca.crt", "crm-metrics/token"):  # what the warnings ask for
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("", encoding="utf-8")
    resources = written(tmp_path / "two.yaml", full(), full(name="second"))
    result = run(
        "render", "-f", resources, "--format", "prometheus", "-o", out, "--prober", "prober:9115", "--redacted"
    )
    assert result.exit_code == 0, result.stderr

    # Without the lint for duplicates: it does not see that series of one name differ in the identity.
    checks: tuple[list[str | Path], ...] = (
        [tool("promtool"), "check", "config", "--lint=none", out / "prometheus.yml"],
        [tool("amtool"), "check-config", out / "alertmanager.yml"],
    )
    for check in checks:
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_target_is_up_and_carries_the_identity(stack: Stack, crm: Crm) -> None:
    (up,) = eventually(lambda: stack.prometheus.instant("up == 1"), "up is 1")
    assert up["metric"] == {"__name__": "up", "job": "crm-api", "instance": crm.address, **IDENTITY}


def test_an_application_cannot_forge_the_identity(stack: Stack) -> None:
    series = eventually(lambda: stack.prometheus.instant("crm_queue_size"), "metrics are scraped")
    assert [{name: each["metric"][name] for name in IDENTITY} for each in series] == [IDENTITY, IDENTITY]
    assert {each["metric"].get("exported_namespace") for each in series} == {None, "forged"}


def test_every_rule_is_loaded_and_none_fails(stack: Stack) -> None:
    eventually(lambda: stack.prometheus.instant("crm_priority:queue_size:current"), "a recording rule wrote a series")
    rules = stack.prometheus.rules()
    assert len(rules) > 60
    assert [each["name"] for each in rules if each["health"] not in ("ok", "unknown")] == []
    assert any(each["health"] == "ok" for each in rules)


@pytest.mark.parametrize("name", runbooks.NAMES)
def test_prometheus_answers_every_query_of_a_runbook_as_it_is_pasted(stack: Stack, name: str) -> None:
    blocks = re.findall(r"^```promql\n(.*?)^```$", runbooks.part(name)["Queries"], re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith("#")]
    assert lines
    for line in lines:
        query = line.replace(runbooks.NAMESPACE, IDENTITY["namespace"]).replace(f'"{runbooks.NAME}"', '"crm"')
        stack.prometheus.instant(query)


def test_alertmanager_receives_the_alert_that_always_fires_and_tells_the_receiver(stack: Stack, crm: Crm) -> None:
    (alert,) = eventually(
        lambda: [each for each in stack.received() if each["labels"]["alertname"] == "CRMWatchdog"],
        "Alertmanager has the watchdog",
    )
    assert {name: alert["labels"][name] for name in IDENTITY} == IDENTITY
    assert [receiver["name"] for receiver in alert["receivers"]] == ["crm/crm/CRMWatchdog"]
    told = eventually(lambda: crm.notifications, "the heartbeat arrives")
    assert told[0]["alerts"][0]["annotations"]["runbook_url"].endswith("/CRMWatchdog.md")
