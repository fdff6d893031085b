"""Every query of every dashboard, on a month of a CRM's series in a real Prometheus, shows something."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_monitoring.contract import recorded
from crm_monitoring.manifest import Manifest
from support import history, promtool
from support.history import History
from support.prometheus import Prometheus
from support.shown import Answer, Shown, shown
from testbed import building

pytestmark = pytest.mark.integration

EXISTING = {"metrics": {"monitor": "None", "existingJob": "crm-api"}, "blackbox": None}
RESOURCES: dict[str, Manifest] = {
    "scraped by our own monitor": history.body(),
    "scraped by somebody else's job": history.body(EXISTING),
}
EMPTY = {("Overview", "Alerts that fire now"): "no alert fires in the history; the panel then says none"}
"""Panels that have nothing to show, and why that is right."""

DASHBOARDS = {
    f"{audience}, {story}": dashboard
    for story, body in RESOURCES.items()
    for audience, dashboard in shown(body).items()
}
PANELS = {
    f"{name}: {panel['title']}": (dashboard, panel)
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard.panels
}


@pytest.fixture(scope="session")
def prometheus(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    binaries = tool("prometheus"), tool("promtool")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base  # one for all workers
    built = History(*binaries, shared / "history")
    with building.locked(shared / "history.lock"):
        if not (built.directory / "ready").exists():
            built.build()
            (built.directory / "ready").touch()
    own = History(*binaries, base / "own-history")
    own.directory.mkdir()
    own.copy_from(built)
    with own.serving() as running:
        yield running


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_something(name: str, prometheus: Prometheus) -> None:
    dashboard, panel = PANELS[name]
    answers = list(dashboard.answers(prometheus, panel))
    expected = (dashboard.audience, panel["title"]) not in EMPTY

    assert answers
    assert {answer.target["refId"]: bool(answer.values) for answer in answers} == {
        answer.target["refId"]: expected for answer in answers
    }


@pytest.mark.parametrize("name", [name for name, (_, panel) in PANELS.items() if panel["type"] != "table"])
def test_each_series_of_a_graph_has_a_legend_of_its_own(name: str, prometheus: Prometheus) -> None:
    dashboard, panel = PANELS[name]
    legends = [
        (
            answer.legend(series),
            set(re.findall(r"\{\{(\w+)\}\}", answer.target["legendFormat"])) - set(series["metric"]),
        )
        for answer in dashboard.answers(prometheus, panel)
        for series in answer.series
    ]

    assert [legend for legend, missing in legends if missing or not legend.strip()] == []
    assert len({legend for legend, _ in legends}) == len(legends)


@pytest.mark.parametrize("name", [name for name, (_, panel) in PANELS.items() if panel["type"] == "table"])
def test_a_table_hides_no_label_that_differs_and_shows_none_that_does_not(name: str, prometheus: Prometheus) -> None:
    dashboard, panel = PANELS[name]
    hidden = set(panel["transformations"][1]["options"]["excludeByName"]) - {"Time"}
    metrics = [series["metric"] for answer in dashboard.answers(prometheus, panel) for series in answer.series]

    for label in {label for metric in metrics for label in metric}:
        values = {metric.get(label) for metric in metrics}
        assert (len(values) > 1) is (label not in hidden), label


def _shares(answer: Answer) -> list[float]:
    unit = answer.panel["fieldConfig"]["defaults"].get("unit")
    return answer.values if unit == "percentunit" and answer.panel["fieldConfig"]["defaults"].get("max") == 1 else []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_shares_on_a_fixed_scale_stay_within_it(name: str, prometheus: Prometheus) -> None:
    dashboard = DASHBOARDS[name]
    for panel in dashboard.panels:
        for answer in dashboard.answers(prometheus, panel):
            assert all(value <= 1 for value in _shares(answer)), panel["title"]


def test_the_history_holds_every_series_that_the_rules_record(prometheus: Prometheus) -> None:
    rules: list[dict[str, Any]] = [
        rule
        for o in promtool.rule_objects(history.body()["spec"])
        for group in o["spec"]["groups"]
        for rule in group["rules"]
        if "record" in rule
    ]
    names = {rule["record"] for rule in rules}
    found = {series["metric"]["__name__"] for series in prometheus.instant('{__name__=~".+:.+:.+"}', history.NOW)}

    assert found == names
    assert recorded.TRAFFIC_LOWEST.name() in found


def test_the_annotation_of_alerts_is_a_query_that_prometheus_takes(prometheus: Prometheus) -> None:
    for dashboard in DASHBOARDS.values():
        (annotation,) = dashboard.content["annotations"]["list"]
        assert prometheus.span(dashboard.filled(annotation["expr"]), history.NOW - 3600, history.NOW, 60) == []


def test_dashboards_of_every_audience_are_looked_at() -> None:
    assert {dashboard.audience for dashboard in DASHBOARDS.values()} == {"Overview", "Operations", "Business", "SLO"}
    assert all(isinstance(dashboard, Shown) and dashboard.panels for dashboard in DASHBOARDS.values())
