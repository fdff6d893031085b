"""Draw every dashboard to a picture, from what a real Prometheus answers on a month of made-up history.

    python tools/draw_dashboards.py [DIRECTORY]

This is not Grafana: it takes places, units, scales, thresholds, stacking and legends from the dashboards' JSON, so that
a person can see what would be shown and whether it makes sense.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "operator"), str(ROOT / "tests"), str(ROOT / "tools")]

import matplotlib as mpl  # noqa: E402

mpl.use("agg")

from matplotlib import dates  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: E402

from support.history import History, body  # noqa: E402
from support.prometheus import Prometheus  # noqa: E402
from support.shown import Answer, Shown, shown  # noqa: E402
from testbed import binaries  # noqa: E402

COLUMN, LINE = 0.75, 0.42
"""Size of one cell of Grafana's grid in inches."""
COLORS = {"green": "#3fa35b", "red": "#d43f3f"}
LEGEND_LINES = 1.6
DAYS = 86_400


def number(value: float) -> str:
    """Return a number as Grafana's unit `short` writes it."""
    for limit, suffix in ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return seconds as Grafana's unit `s` writes them."""
    for limit, name in ((604_800, "weeks"), (DAYS, "days"), (3600, "hours"), (60, "mins"), (1, "s")):
        if abs(seconds) >= limit:
            return f"{seconds / limit:.3g} {name}"
    return f"{seconds * 1000:.3g} ms"


UNITS: dict[str, Callable[[float], str]] = {
    "percentunit": lambda value: f"{value * 100:.3g}%",
    "s": duration,
    "cpm": lambda value: f"{number(value)} c/m",
    "short": number,
    "none": lambda value: f"{value:.3g}",
    "bool_yes_no": lambda value: "Yes" if value else "No",
}


def color(panel: Mapping[str, Any], value: float) -> str:
    """Return the color of a value by the panel's thresholds."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    passed = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS[passed[-1]]


def curves(answers: Sequence[Answer]) -> list[tuple[str, list[datetime], list[float]]]:
    """Return every line of a graph: legend, times, values."""
    found = []
    for answer in answers:
        for series in answer.series:
            times = [datetime.fromtimestamp(float(moment), UTC) for moment, _ in series["values"]]
            found.append((answer.legend(series), times, [float(text) for _, text in series["values"]]))
    return sorted(found)


def draw_graph(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """Draw lines, or areas on top of each other, with thresholds and a legend below."""
    defaults = panel["fieldConfig"]["defaults"]
    lines = curves(answers)
    if "stacking" in defaults["custom"] and lines:
        moments = sorted({moment for _, times, _ in lines for moment in times})
        heights = [[dict(zip(times, values, strict=True)).get(m, 0.0) for m in moments] for _, times, values in lines]
        axes.stackplot(moments, *heights, labels=[name for name, _, _ in lines], alpha=0.7)
    else:
        for name, times, values in lines:
            axes.plot(times, values, label=name, linewidth=1, clip_on=False)
    for step in defaults["thresholds"]["steps"] if "thresholdsStyle" in defaults["custom"] else ():
        if step["value"] is not None:
            axes.axhline(step["value"], color=COLORS["red"], linestyle="--", linewidth=0.8)
    lowest = min((value for _, _, values in lines for value in values), default=0.0)
    if "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
    elif "axisSoftMin" in defaults["custom"]:
        axes.set_ylim(bottom=min(lowest, defaults["custom"]["axisSoftMin"]))
    if "max" in defaults:
        axes.set_ylim(top=defaults["max"])
    unit = UNITS[defaults["unit"]]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: unit(value)))
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(dates.AutoDateLocator()))
    axes.tick_params(labelsize=6)
    axes.xaxis.get_offset_text().set_visible(False)
    if defaults["unit"] == "s":
        axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 1.2, 1.8, 3, 6, 10]))
    axes.grid(visible=True, linewidth=0.3)
    columns = max(1, min(len(lines), 4))
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), ncols=columns, fontsize=6, frameon=False, borderaxespad=0)


def draw_stat(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """Write the last value of each series, one beside the other, with its course behind it."""
    lines, unit = curves(answers), UNITS[panel["fieldConfig"]["defaults"]["unit"]]
    axes.set_axis_off()
    if not lines:
        axes.text(0.5, 0.5, panel["fieldConfig"]["defaults"]["noValue"], ha="center", va="center")
    for index, (name, _, values) in enumerate(lines):
        left, width = index / len(lines), 1 / len(lines)
        part = axes.inset_axes((left, 0, width, 0.45))
        part.set_axis_off()
        part.fill_between(range(len(values)), values, min(0, *values), color=color(panel, values[-1]), alpha=0.25)
        size = 18 if len(lines) == 1 else 11
        axes.text(left + width / 2, 0.7, unit(values[-1]), ha="center", size=size, color=color(panel, values[-1]))
        if len(lines) > 1:
            axes.text(left + width / 2, 0.5, name, ha="center", size=7)


def draw_table(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """Write one line for each set of labels that is not hidden."""
    axes.set_axis_off()
    hidden = panel["transformations"][1]["options"]["excludeByName"]
    titles = {
        o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]}
        for o in panel["fieldConfig"]["overrides"]
    }
    rows: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for answer in answers:
        shown_as = titles[f"Value #{answer.target['refId']}" if len(answers) > 1 else "Value"]
        for series in answer.series:
            own = tuple(sorted((name, value) for name, value in series["metric"].items() if name not in hidden))
            rows.setdefault(own, {})[shown_as["displayName"]] = UNITS[shown_as["unit"]](float(series["value"][1]))
    if not rows:
        axes.text(0.5, 0.5, panel["fieldConfig"]["defaults"]["noValue"], ha="center", va="center")
        return
    labels = sorted({name for own in rows for name, _ in own})
    columns = [title["displayName"] for title in titles.values()]
    cells = [
        [*(dict(own).get(n, "") for n in labels), *(row.get(c, "") for c in columns)]
        for own, row in sorted(rows.items())
    ]
    table = axes.table(cells, colLabels=[*labels, *columns], loc="upper center", cellLoc="left", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(7)


DRAW = {"timeseries": draw_graph, "stat": draw_stat, "table": draw_table}


def draw(dashboard: Shown, prometheus: Prometheus) -> Figure:
    """Return the picture of one dashboard."""
    panels = dashboard.content["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) + 2
    figure = Figure(figsize=(24 * COLUMN, height * LINE), dpi=70)
    figure.text(0.01, 1 - 0.8 / height, dashboard.content["title"], size=13, weight="bold", va="center")
    for panel in panels:
        place = panel["gridPos"]
        left, top = place["x"] / 24 + 0.01, 1 - (place["y"] + 1.5) / height
        title = dashboard.filled(panel["title"])
        if panel["type"] == "row":
            figure.text(left, top - 0.7 / height, title, size=10, weight="bold", color="#555555", va="center")
            continue
        figure.text(left, top - 0.5 / height, title, size=8, weight="bold", va="center")
        graph = panel["type"] == "timeseries"
        below = LEGEND_LINES + 0.8 if graph else 0.3
        area = (left + (0.03 if graph else 0), top - (place["h"] - below) / height)
        size = (place["w"] / 24 - (0.05 if graph else 0.02), (place["h"] - below - 1) / height)
        DRAW[panel["type"]](figure.add_axes((*area, *size)), panel, list(dashboard.answers(prometheus, panel)))
    return figure


def main(arguments: Sequence[str]) -> int:
    """Draw every dashboard; return the exit status."""
    if len(arguments) > 1:
        print("usage: draw_dashboards.py [DIRECTORY]", file=sys.stderr)
        return 2
    target = Path(arguments[0] if arguments else tempfile.mkdtemp(prefix="crm-dashboards-"))
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="crm-history-") as directory:
        history = History(binaries.find("prometheus"), binaries.find("promtool"), Path(directory))
        print("writing a month of history (half a minute)", file=sys.stderr)
        history.build()
        with history.serving() as prometheus:
            for audience, dashboard in shown(body()).items():
                path = target / f"{audience.lower()}.png"
                draw(dashboard, prometheus).savefig(path)
                print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
