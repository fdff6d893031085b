"""What Grafana would ask for a dashboard, and what it would show: variables, spans, legends."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_monitoring.manifest import Manifest
from crm_monitoring.render import dashboards
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.history import NOW
from support.prometheus import Prometheus
from support.resources import parsed

POINTS = 700
"""Points across a panel: Grafana asks for about as many as it has pixels."""
SCRAPE_SECONDS = 15
_UNITS = {"h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Answer:
    """One query of a panel with its result."""

    panel: Mapping[str, Any]
    target: Mapping[str, Any]
    series: list[dict[str, Any]] = field(repr=False)

    @property
    def values(self) -> list[float]:
        """Every number that is shown."""
        samples = (each.get("values") or [each["value"]] for each in self.series)
        return [number for each in samples for _, text in each if (number := float(text)) == number]

    def legend(self, series: Mapping[str, Any]) -> str:
        """Return the legend of a series with its labels filled in; a label that is missing leaves nothing."""
        text: str = self.target.get("legendFormat", "")
        return re.sub(r"\{\{(\w+)\}\}", lambda match: series["metric"].get(match[1], ""), text)


@dataclass(frozen=True)
class Shown:
    """One dashboard."""

    audience: str
    content: Mapping[str, Any]

    @property
    def seconds(self) -> int:
        """Length of the time range that it opens with."""
        match = re.fullmatch(r"now-(\d+)([hd])", self.content["time"]["from"])
        assert match
        return int(match[1]) * _UNITS[match[2]]

    @property
    def step(self) -> int:
        """Seconds between two points of a graph."""
        return max(SCRAPE_SECONDS, round(self.seconds / POINTS / SCRAPE_SECONDS) * SCRAPE_SECONDS)

    @property
    def panels(self) -> list[dict[str, Any]]:
        """The panels that show data."""
        return [panel for panel in self.content["panels"] if panel["type"] != "row"]

    def filled(self, expr: str) -> str:
        """Return an expression with the variables that Grafana puts in."""
        values = {each["name"]: each["query"] for each in self.content["templating"]["list"]}
        values["__range"] = f"{self.seconds}s"
        values["__rate_interval"] = f"{max(self.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s"
        return re.sub(r"\$(\w+)", lambda match: values[match[1]], expr)

    def answers(self, prometheus: Prometheus, panel: Mapping[str, Any]) -> Iterator[Answer]:
        """Yield the answers to the queries of a panel."""
        for target in panel["targets"]:
            expr = self.filled(target["expr"])
            if target.get("instant"):
                yield Answer(panel, target, prometheus.instant(expr, NOW))
            else:
                yield Answer(panel, target, prometheus.span(expr, NOW - self.seconds, NOW, self.step))


def shown(body: Manifest) -> dict[str, Shown]:
    """Return the dashboards of a resource by audience."""
    (config_map,) = dashboards.part(parsed(body), Observed(), {}, RenderSettings()).children
    found = (json.loads(text) for text in config_map["data"].values())
    return {
        content["title"].rpartition(": ")[2]: Shown(content["title"].rpartition(": ")[2], content) for content in found
    }
