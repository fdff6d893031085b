"""From sections of panels to places on Grafana's grid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crm_monitoring.render.dashboards.panel import Panel, row

COLUMNS = 24

HEIGHTS = {"row": 1, "stat": 5, "table": 8, "timeseries": 8}
"""Height of each type of panel; a line is as high as its highest panel."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines below it. The panels of one line share its width equally."""

    title: str
    lines: Sequence[Sequence[Panel]]


def arrange(sections: Iterable[Section]) -> list[Panel]:
    """Return all panels from top to bottom with their places, and ids that count from 1."""
    placed: list[Panel] = []
    y = 0
    for section in sections:
        for line in ([row(section.title)], *section.lines):
            height = max((HEIGHTS[panel["type"]] for panel in line), default=0)
            edges = [COLUMNS * index // max(len(line), 1) for index in range(len(line) + 1)]
            for panel, left, right in zip(line, edges, edges[1:], strict=False):
                panel["id"] = len(placed) + 1
                panel["gridPos"] = {"x": left, "y": y, "w": right - left, "h": height}
                placed.append(panel)
            y += height
    return placed
