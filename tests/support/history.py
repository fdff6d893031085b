"""A month of a CRM's series in a Prometheus, with what our recording rules make of them, for dashboards to show.

Samples are dense where dashboards look closely and sparse before. Recorded series come from Prometheus itself, which
evaluates the rules level by level; only the base series of objectives and traffic, older than a day, are computed here.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from crm_monitoring.contract import labels, recorded
from crm_monitoring.manifest import Manifest
from support import promtool
from support.prometheus import Prometheus, running
from support.resources import minimal
from support.series import DAY, Incident, Replica, Series, integral

NOW = 1_768_478_400.0
"""2026-01-15 12:00 UTC. A fixed time, so that pictures of two versions can be compared."""
HOUR = 3600.0
MONTH, WEEK = 31 * DAY, 7 * DAY
RAW = ((8 * DAY, 300.0), (DAY + HOUR, 60.0), (6 * HOUR + 300, 15.0))
"""How long before the end samples begin, and how many seconds apart they are."""
RECORDED = ((WEEK, 300.0), (DAY, 60.0))
INCIDENT = Incident(NOW - 5 * HOUR, NOW - 4 * HOUR)
REPLICAS = (Replica(NOW - MONTH, 0.52, INCIDENT), Replica(NOW - MONTH, 0.48, INCIDENT))

IDENTITY = {labels.NAMESPACE: "crm", labels.RESOURCE: "crm"}
SLOS = (
    {"name": "delivery", "sli": "Delivery", "objective": "97%"},
    {"name": "latency", "sli": "DeliveryTime", "threshold": "300s", "objective": "95%"},
    {"name": "api", "sli": "API", "objective": "98.5%"},
)
USUAL = {"delivery": (1.683, 0.0137), "latency": (1.683, 0.009), "api": (1.717, 0.0098)}
"""Events per second at a load of 1, and the share of them that is not good, before the last day."""

Sample = tuple[float, float]


def body(change: Mapping[str, Any] | None = None) -> Manifest:
    """Return the resource whose dashboards are shown: every block that adds panels."""
    blocks = {"slos": list(SLOS), "alerts": {"anomaly": {}}, "blackbox": {}, "environment": "production"}
    return minimal({**blocks, **(change or {})})


@dataclass(frozen=True)
class History:
    """Where the data is, and the programs that work on it."""

    prometheus: Path
    promtool: Path
    directory: Path

    @property
    def data(self) -> Path:
        """The directory of Prometheus' blocks."""
        return self.directory / "data"

    def build(self) -> None:
        """Write everything. Takes some ten seconds."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._import("raw", _raw())
        self._import("older", _older())
        for number, level in enumerate(levels(promtool.rule_objects(body()["spec"]))):
            with self.serving() as prometheus:
                found = [series for rule in level for series in _evaluated(prometheus, rule)]
            self._import(f"level-{number}", found)

    def copy_from(self, other: "History") -> None:
        """Take the blocks of another history: a directory of data serves one Prometheus at a time."""
        shutil.copytree(other.data, self.data, ignore=shutil.ignore_patterns("lock"))

    @contextmanager
    def serving(self) -> Iterator[Prometheus]:
        """Run Prometheus on the data."""
        config = self.directory / "prometheus.yaml"
        config.write_text("{}")
        with running(self.prometheus, config, self.data, "--storage.tsdb.retention.time=10y") as prometheus:
            yield prometheus

    def _import(self, name: str, series: Iterable[tuple[str, Iterable[Sample]]]) -> None:
        path = self.directory / f"{name}.txt"
        with path.open("w") as file:
            for text, samples in series:
                file.writelines(f"{text} {value:.10g} {moment:.0f}\n" for moment, value in samples)
            file.write("# EOF\n")
        command: list[str | Path] = [self.promtool, "tsdb", "create-blocks-from", "--max-block-duration=2000h"]
        command += ["openmetrics", path, self.data]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        path.unlink()


def levels(objects: Iterable[Manifest]) -> list[list[dict[str, Any]]]:
    """Return the recording rules in steps: each needs series of earlier steps only."""
    rules = [rule for o in objects for group in o["spec"]["groups"] for rule in group["rules"] if "record" in rule]
    waiting = {rule["record"] for rule in rules}
    steps = []
    while rules:
        ready = [rule for rule in rules if not waiting & set(re.findall(r"[a-z_]+:[a-z_]+:\w+", rule["expr"]))]
        assert ready, f"rules that need each other: {sorted(waiting)}"
        steps.append(ready)
        rules = [rule for rule in rules if rule not in ready]
        waiting -= {rule["record"] for rule in ready} - {rule["record"] for rule in rules}
    return steps


def _times(tiers: Iterable[tuple[float, float]]) -> list[float]:
    """Return the moments of all tiers, from the first to NOW."""
    edges = [*tiers, (0.0, 0.0)]
    found: list[float] = []
    for (begin, step), (end, _) in pairwise(edges):
        count = round((begin - end) / step)
        found += [NOW - begin + step * number for number in range(count)]
    return [*found, NOW]


def _raw() -> Iterator[tuple[str, Iterator[Sample]]]:
    times = _times(RAW)
    for number, replica in enumerate(REPLICAS):
        pod = f"crm-api-7d4b9c-{'xk'[number]}2"
        own = {**IDENTITY, "job": "crm-api", "instance": f"10.0.0.{number + 7}:8000", "pod": pod}
        for series in (*replica.series(), Series("up", {}, lambda moment: 1.0)):
            yield series.text(*own.items()), ((moment, series.at(moment)) for moment in times)
    address = "http://crm-api.crm.svc:80/api/crm/health?include_details=true"
    probe = Series("probe_success", {**IDENTITY, "job": "crm-api-blackbox", "instance": address}, lambda moment: 1.0)
    yield probe.text(), ((moment, probe.at(moment)) for moment in times)


def _older() -> Iterator[tuple[str, Iterator[Sample]]]:
    """Yield the base series of a month that ends where the rules begin to be evaluated every minute."""
    times = [NOW - MONTH + 300 * number for number in range(round((MONTH - DAY) / 300))]
    for name, (rate, bad) in USUAL.items():
        for series, share in ((recorded.SLO_EVENTS, 1.0), (recorded.SLO_ERRORS, bad)):
            text = Series(series.name(), {**IDENTITY, labels.SLO: name}, lambda moment: 0.0).text()
            wave = 0.3 if series is recorded.SLO_ERRORS else 0.0
            yield (
                text,
                (
                    (t, rate * share * (1 + wave * math.sin(t / 9000)) * (integral(t) - integral(t - 300)) / 300)
                    for t in times
                ),
            )
    traffic = Series(recorded.TRAFFIC.name(), IDENTITY, lambda moment: 0.0).text()
    yield traffic, ((t, USUAL["delivery"][0] * (integral(t) - integral(t - HOUR))) for t in times)


_COMPUTED = {recorded.SLO_EVENTS.name(), recorded.SLO_ERRORS.name(), recorded.TRAFFIC.name()}


def _evaluated(prometheus: Prometheus, rule: Mapping[str, Any]) -> Iterator[tuple[str, list[Sample]]]:
    """Yield the series that a recording rule gives, as Prometheus would have written them."""
    found: dict[str, list[Sample]] = {}
    tiers = RECORDED[1:] if rule["record"] in _COMPUTED else RECORDED
    for (begin, step), end in zip(tiers, [*(later[0] + later[1] for later in tiers[1:]), 0.0], strict=True):
        for series in prometheus.span(rule["expr"], NOW - begin, NOW - end, step):
            own = {name: value for name, value in series["metric"].items() if name != "__name__"}
            text = Series(rule["record"], {**own, **rule.get("labels", {})}, lambda moment: 0.0).text()
            values = ((float(moment), float(value)) for moment, value in series["values"])
            found.setdefault(text, []).extend(sample for sample in values if math.isfinite(sample[1]))
    yield from found.items()
