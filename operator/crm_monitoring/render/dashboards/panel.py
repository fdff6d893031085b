"""Grafana panels: what is shown, without where it stands.

Every panel has a title, a description for the person who looks at it, and a unit. Only options that differ from
Grafana's defaults are written: thousands of dashboards are kept in memory by whoever watches ConfigMaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

GREEN, RED = "green", "red"


class DatasourceRef(TypedDict):
    """Which data source answers."""

    type: str
    uid: str


class GridPos(TypedDict):
    """Place on the grid of 24 columns."""

    x: int
    y: int
    w: int
    h: int


class Target(TypedDict):
    """One query of a panel."""

    refId: str
    expr: str
    legendFormat: NotRequired[str]
    instant: NotRequired[bool]
    range: NotRequired[bool]
    format: NotRequired[str]


class Step(TypedDict):
    """From this value on, the color; None is the beginning."""

    value: float | None
    color: str


class Panel(TypedDict):
    """One panel. `id` and `gridPos` are the layout's."""

    type: str
    title: str
    id: NotRequired[int]
    gridPos: NotRequired[GridPos]
    collapsed: NotRequired[bool]
    panels: NotRequired[list["Panel"]]
    description: NotRequired[str]
    datasource: NotRequired[DatasourceRef]
    targets: NotRequired[list[Target]]
    fieldConfig: NotRequired[dict[str, Any]]
    options: NotRequired[dict[str, Any]]
    transformations: NotRequired[list[dict[str, Any]]]


DATASOURCE: DatasourceRef = {"type": "prometheus", "uid": "${datasource}"}
"""The data source that the dashboard's variable names."""


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and the legend of its series, for example `{{channel}}`."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of values in a table, computed by an instant query."""

    title: str
    expr: str
    unit: str


def above(limit: float | None) -> list[Step]:
    """Return steps that are red from the limit on; None: no limit."""
    base: Step = {"value": None, "color": GREEN}
    return [base] if limit is None else [base, {"value": limit, "color": RED}]


def below(limit: float | None) -> list[Step]:
    """Return steps that are red below the limit; None: no limit."""
    if limit is None:
        return above(None)
    return [{"value": None, "color": RED}, {"value": limit, "color": GREEN}]


def row(title: str) -> Panel:
    """Return the heading of a section."""
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def timeseries(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    steps: Sequence[Step] = (),
    stacked: bool = False,
    highest: float | None = None,
    detail_from: float | None = None,
) -> Panel:
    """Return a graph. Steps appear as dashed lines; `highest` fixes the upper end of the scale, for shares.

    The scale begins at 0, or at `detail_from` as long as nothing is below it: what is nearly 1 is else a line at the edge.
    """
    custom: dict[str, Any] = {"lineWidth": 1, "fillOpacity": 30 if stacked else 5, "showPoints": "never"}
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    if len(steps) > 1:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    defaults: dict[str, Any] = {"unit": unit, "custom": custom, "thresholds": _thresholds(steps)}
    if detail_from is None:
        defaults["min"] = 0
    else:
        custom["axisSoftMin"] = detail_from
    if highest is not None:
        defaults["max"] = highest
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": _ranges(queries),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def stat(title: str, description: str, unit: str, queries: Sequence[Query], *, steps: Sequence[Step] = ()) -> Panel:
    """Return the latest value of each series as a large number, with its course behind it."""
    return {
        "type": "stat",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": _ranges(queries),
        "fieldConfig": {
            "defaults": {"unit": unit, "noValue": "no data", "thresholds": _thresholds(steps)},
            "overrides": [],
        },
        "options": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "area",
        },
    }


def table(title: str, description: str, columns: Sequence[Column], *, hidden: Sequence[str]) -> Panel:
    """Return a table with a line for each set of labels and a column for each label and value.

    `hidden` labels are the same on every line. Columns of values stand in the order given.
    """
    targets: list[Target] = []
    overrides = []
    for ref_id, column in zip("ABCDEFGH", columns, strict=False):
        targets.append({"refId": ref_id, "expr": column.expr, "instant": True, "range": False, "format": "table"})
        properties = [{"id": "displayName", "value": column.title}, {"id": "unit", "value": column.unit}]
        # Grafana names the values after the query only where there are several queries.
        field = f"Value #{ref_id}" if len(columns) > 1 else "Value"
        overrides.append({"matcher": {"id": "byName", "options": field}, "properties": properties})
    return {
        "type": "table",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": "none", "noValue": "none"}, "overrides": overrides},
        "options": {"showHeader": True},
        "transformations": [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": dict.fromkeys(["Time", *hidden], True)}},
        ],
    }


def _ranges(queries: Sequence[Query]) -> list[Target]:
    return [
        {"refId": ref_id, "expr": query.expr, "legendFormat": query.legend}
        for ref_id, query in zip("ABCDEFGH", queries, strict=False)
    ]


def _thresholds(steps: Sequence[Step]) -> dict[str, Any]:
    mode: Literal["absolute"] = "absolute"
    return {"mode": mode, "steps": list(steps) or above(None)}
