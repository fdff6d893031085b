"""The sample CRM as a process: its ports, its faults, what it exports and logs."""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm_monitoring.contract import environment as env
from crm_monitoring.contract.health import HEALTH_PATH, METRICS_PATH
from testbed.processes import ChildProcess, ReservedPort

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "sample-crm"


@dataclass(frozen=True)
class Sample:
    """A running sample. `target` is where it is scraped, as host:port."""

    url: str
    target: str
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Return status and body of an answer."""
        return self._ask(urllib.request.Request(self.url + path, headers=headers))

    def metrics(self) -> str:
        """Return what Prometheus scrapes."""
        status, body = self._ask(urllib.request.Request(f"http://{self.target}{METRICS_PATH}"))
        assert status == 200
        return body

    def fault(self, name: str, *, on: bool = True, share: float | None = None) -> None:
        """Turn a fault on or off."""
        query = urllib.parse.urlencode({"on": on, **({"share": share} if share else {})})
        status, body = self._ask(urllib.request.Request(f"{self.url}/faults/{name}?{query}", method="POST"))
        assert status == 200, body

    def lines(self) -> list[dict[str, Any]]:
        """Return the complete lines of the log, parsed."""
        return [
            json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines(keepends=True) if "\n" in line
        ]

    def _ask(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as problem:
            with problem:
                return int(problem.code), problem.read().decode()


@contextmanager
def running(directory: Path, rate: float = 20.0, **variables: str) -> Iterator[Sample]:
    """Run the sample on two free ports of 127.0.0.1 until the block ends. `variables` are added to its environment."""
    http, metrics = ReservedPort(), ReservedPort()
    sample = Sample(f"http://127.0.0.1:{http}", f"127.0.0.1:{metrics}", directory / "sample-crm.log")
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        env.METRICS_PORT.name: str(metrics),
        env.HEALTH_CHECK_INTERVAL.name: "1",
        **variables,
    }
    command = [sys.executable, "-m", "sample_crm", "--host", "127.0.0.1", "--port", str(http), "--rate", str(rate)]
    with ChildProcess("sample-crm", command, log=sample.log, env=environment) as process:
        process.wait_until(lambda: _answers(sample), within=30)
        yield sample
    http.release()
    metrics.release()


def _answers(sample: Sample) -> bool:
    try:
        return sample.get(HEALTH_PATH)[0] == 200
    except OSError:
        return False
