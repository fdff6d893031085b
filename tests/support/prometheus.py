"""A real Prometheus process, and what it answers."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.processes import ChildProcess, ReservedPort


@dataclass(frozen=True)
class Prometheus:
    """Its HTTP API."""

    url: str

    def api(self, path: str, **parameters: Any) -> Any:
        """Return the data of an answer; raise ValueError with Prometheus' own words when it refuses."""
        data = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", data, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            raise ValueError(problem.read().decode()) from None

    def instant(self, query: str, moment: float | None = None) -> list[dict[str, Any]]:
        """Return the series of an instant query."""
        found: list[dict[str, Any]] = self.api("query", query=query, **({} if moment is None else {"time": moment}))[
            "result"
        ]
        return found

    def span(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series of a range query."""
        found: list[dict[str, Any]] = self.api("query_range", query=query, start=start, end=end, step=step)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        return [rule for group in self.api("rules")["groups"] for rule in group["rules"]]

    def ready(self) -> bool:
        """Say whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return int(answer.status) == 200
        except OSError:
            return False


@contextmanager
def running(binary: Path, config: Path, data: Path, *flags: str) -> Iterator[Prometheus]:
    """Run Prometheus on a configuration and a data directory."""
    port = ReservedPort()
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    command: list[str | Path] = [binary, f"--config.file={config}", f"--storage.tsdb.path={data}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", *flags]
    with ChildProcess("prometheus", command, log=config.with_suffix(".log")) as process:
        process.wait_until(prometheus.ready, within=60)
        yield prometheus
    port.release()
