import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.contract import alerts, metrics, recorded
from crm_monitoring.manifest import CONFIG_MAP, Manifest, annotations_of, key_of, kind_of, labels_of
from crm_monitoring.render import dashboards, rules
from crm_monitoring.render.bundle import Part
from crm_monitoring.render.dashboards.layout import Section, arrange
from crm_monitoring.render.dashboards.panel import Panel, Query, stat, table, timeseries
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.resources import full, minimal, parsed

EXISTING_JOB = {"monitor": "None", "existingJob": "crm-engine"}
RESOURCES: dict[str, Manifest] = {
    "the smallest resource": minimal(),
    "a resource with every block": full(),
    "a resource with an existing job": minimal({"metrics": EXISTING_JOB, "slos": full()["spec"]["slos"]}),
}
AUDIENCES = ("Business", "Operations", "Overview", "SLO")


def part(body: Manifest) -> Part:
    return dashboards.part(parsed(body), Observed(), {}, RenderSettings())


def rendered(body: Manifest) -> dict[str, Any]:
    """Return the dashboards of a resource by the end of their file's name."""
    (child,) = part(body).children
    return {name.rpartition("_")[2]: json.loads(text) for name, text in child["data"].items()}


def panels(body: Manifest) -> Iterator[dict[str, Any]]:
    for dashboard in rendered(body).values():
        yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def panel(body: Manifest, dashboard: str, title: str) -> dict[str, Any]:
    (found,) = (panel for panel in rendered(body)[dashboard]["panels"] if panel["title"] == title)
    return dict(found)


def expressions(body: Manifest) -> Iterator[str]:
    for shown in panels(body):
        yield from (target["expr"] for target in shown["targets"])
    for dashboard in rendered(body).values():
        yield from (annotation["expr"] for annotation in dashboard["annotations"]["list"])


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """Return every selector of an expression; fails when Prometheus could not read it."""
    plain = expression.replace("$__rate_interval", "1m").replace("$__range", "6h")
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(plain), visit)
    return found


def every_case(test: Any) -> Any:
    return pytest.mark.parametrize("body", RESOURCES.values(), ids=RESOURCES.keys())(test)


def test_the_smallest_resource_gets_a_dashboard_for_each_audience_without_objectives() -> None:
    (child,) = part(minimal()).children
    assert kind_of(child) is CONFIG_MAP
    assert key_of(child).name == "crm-crm-dashboards"
    assert list(child["data"]) == ["crm_crm_business.json", "crm_crm_operations.json", "crm_crm_overview.json"]


def test_objectives_get_a_dashboard_of_their_own() -> None:
    assert set(rendered(full())) == {"business.json", "operations.json", "overview.json", "slo.json"}


def test_grafana_finds_the_config_map_and_the_folder() -> None:
    (child,) = part(minimal({"dashboards": {"folder": "Customer relations"}})).children
    assert labels_of(child)["grafana_dashboard"] == "1"
    assert annotations_of(child) == {"grafana_folder": "Customer relations"}


def test_only_the_audiences_that_are_asked_for_get_a_dashboard() -> None:
    assert set(rendered(minimal({"dashboards": {"audiences": ["Business"]}}))) == {"business.json"}


def test_objectives_alone_without_any_objective_give_nothing() -> None:
    assert part(minimal({"dashboards": {"audiences": ["SLO"]}})) == Part()


def test_every_audience_of_the_resource_is_known() -> None:
    assert set(parsed(minimal()).spec.dashboards.audiences) == set(dashboards.AUDIENCES) == set(AUDIENCES)


@every_case
def test_every_panel_says_what_it_shows(body: Manifest) -> None:
    for shown in panels(body):
        assert shown["title"]
        assert shown["description"].endswith(".")
        assert shown["fieldConfig"]["defaults"]["unit"]
        assert shown["datasource"]["uid"] == "${datasource}"


@every_case
def test_no_two_panels_of_a_dashboard_have_the_same_title(body: Manifest) -> None:
    for dashboard in rendered(body).values():
        titles = [shown["title"] for shown in dashboard["panels"] if shown["type"] != "row"]
        assert sorted(set(titles)) == sorted(titles)


@every_case
def test_no_panel_shows_text_or_html_of_an_author(body: Manifest) -> None:
    assert {shown["type"] for shown in panels(body)} <= {"timeseries", "stat", "table"}


EXPORTED = {
    *(metric.name for metric in metrics.ALL),
    *(f"{metrics.DELIVERY_TIME.name}{suffix}" for suffix in ("_bucket", "_count", "_sum")),
    "up",
}


@every_case
def test_every_query_reads_series_that_exist_and_are_this_resources(body: Manifest) -> None:
    objects = rules.part(parsed(body), Observed(), {}, RenderSettings()).children
    written = {
        rule["record"] for o in objects for group in o["spec"]["groups"] for rule in group["rules"] if "record" in rule
    }
    existing_job = body["spec"].get("metrics") == EXISTING_JOB
    for expression in expressions(body):
        for selector in selectors(expression):
            assert selector.name in EXPORTED | written | {"ALERTS", "probe_success"}
            scope = {"namespace": "$namespace", "crm_monitoring": "$resource"}
            if existing_job and selector.name in EXPORTED:
                scope = {"namespace": "$namespace", "job": "$job"}
            assert scope.items() <= {m.name: m.value for m in selector.matchers.matchers}.items()


@every_case
def test_every_variable_that_a_query_uses_is_defined(body: Manifest) -> None:
    for dashboard in rendered(body).values():
        defined = {variable["name"] for variable in dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?([a-z]+)\b", json.dumps(dashboard["panels"])))
        assert used <= defined


@every_case
def test_a_legend_names_only_labels_that_the_query_keeps(body: Manifest) -> None:
    for shown in panels(body):
        for target in shown["targets"]:
            kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
            named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
            assert named <= (kept or {"pod", "instance"})


@every_case
def test_panels_are_numbered_and_do_not_overlap(body: Manifest) -> None:
    for dashboard in rendered(body).values():
        assert_placed(dashboard["panels"])


def assert_placed(placed: list[Any]) -> None:
    assert [shown["id"] for shown in placed] == list(range(1, len(placed) + 1))
    taken: set[tuple[int, int]] = set()
    for shown in placed:
        where = shown["gridPos"]
        assert where["w"] > 0
        assert where["h"] > 0
        cells = {(where["x"] + x, where["y"] + y) for x in range(where["w"]) for y in range(where["h"])}
        assert all(0 <= x < 24 for x, _ in cells)
        assert not cells & taken
        taken |= cells


def some_panel(kind: str) -> Panel:
    if kind == "table":
        return table("T", "D.", [], hidden=())
    return (stat if kind == "stat" else timeseries)("T", "D.", "s", [Query("up", "up")])


LINES = st.lists(st.lists(st.sampled_from(["stat", "table", "timeseries"]), max_size=8), max_size=4)


@given(st.lists(LINES, max_size=4))
def test_any_sections_are_laid_out_without_overlap(sections: list[list[list[str]]]) -> None:
    assert_placed(
        arrange(Section("S", [[some_panel(kind) for kind in line] for line in section]) for section in sections)
    )


def test_dashboards_of_two_resources_never_share_a_uid_or_a_file() -> None:
    bodies = [full(namespace="a-b", name="c"), full(namespace="a", name="b-c"), full(namespace="a", name="c")]
    children = [child for body in bodies for child in part(body).children]
    files = [name for child in children for name in child["data"]]
    uids = [json.loads(text)["uid"] for child in children for text in child["data"].values()]
    titles = [json.loads(text)["title"] for child in children for text in child["data"].values()]
    assert len(set(files)) == len(set(uids)) == len(set(titles)) == 12


def test_a_uid_does_not_change_with_the_spec() -> None:
    uids = [rendered(body)["overview.json"]["uid"] for body in (minimal(), full())]
    assert uids[0] == uids[1]


def steps(shown: dict[str, Any]) -> list[tuple[float | None, str]]:
    return [(step["value"], step["color"]) for step in shown["fieldConfig"]["defaults"]["thresholds"]["steps"]]


LIMITS: dict[str, tuple[str, str, list[tuple[float | None, str]]]] = {
    "a share that must be high": ("operations.json", "Success rate by channel", [(None, "red"), (0.95, "green")]),
    "a time": ("operations.json", "95th percentile by channel", [(None, "green"), (120.0, "red")]),
    "a count": ("operations.json", "Queue size", [(None, "green"), (250.0, "red")]),
    "an alert with its default": ("operations.json", "Provider error rate", [(None, "green"), (0.05, "red")]),
    "an alert that is off": ("operations.json", "Cache miss rate", [(None, "green")]),
}


@pytest.mark.parametrize("case", LIMITS)
def test_the_limit_on_the_panel_is_that_of_the_alert_for(case: str) -> None:
    dashboard, title, expected = LIMITS[case]
    assert steps(panel(full(), dashboard, title)) == expected


def test_a_panel_looks_at_the_window_of_its_alert() -> None:
    shown = panel(full(), "operations.json", "Success rate by channel")
    assert recorded.CHANNEL_DELIVERY_RATIO.name("1h") in shown["targets"][0]["expr"]
    assert "over 1h. Alert CRMDeliveryRateLow fires below 95% for 10m." in shown["description"]


def test_an_alert_that_is_off_is_named_so() -> None:
    shown = panel(full(), "operations.json", "Cache miss rate")
    assert shown["description"].endswith("Alert CRMCacheMissRateHigh is off.")


def test_every_stock_alert_with_a_threshold_has_a_panel() -> None:
    shown = " ".join(panel["description"] for panel in panels(minimal()))
    with_threshold = {alert.name for alert in alerts.STOCK if alert.threshold}
    assert with_threshold
    assert {name for name in with_threshold if name not in shown} == set()


def test_the_watchdog_is_no_firing_alert() -> None:
    firing = [expression for expression in expressions(full()) if "ALERTS" in expression]
    assert firing
    for expression in firing:
        (selector,) = selectors(expression)
        assert ("alertname", "!=", "CRMWatchdog") in {
            (m.name, "!=" if m.op == promql_parser.MatchOp.NotEqual else "", m.value)
            for m in selector.matchers.matchers
        }


def test_the_check_from_outside_is_shown_only_where_there_is_one() -> None:
    with_probe = [shown["title"] for shown in panels(full())]
    without = [shown["title"] for shown in panels(minimal())]
    assert "Health check from outside" in with_probe
    assert "Health check from outside" not in without


def test_a_table_names_each_column_of_values() -> None:
    comparison = panel(minimal(), "operations.json", "Channel comparison")
    names = [o["properties"][0]["value"] for o in comparison["fieldConfig"]["overrides"]]
    matched = [o["matcher"]["options"] for o in comparison["fieldConfig"]["overrides"]]
    assert names == ["Finished", "Success rate", "95th percentile", "Available somewhere", "Available everywhere"]
    assert matched == [f"Value #{target['refId']}" for target in comparison["targets"]]


def test_the_only_column_of_a_table_has_no_number() -> None:
    firing = panel(minimal(), "overview.json", "Alerts that fire now")
    assert [o["matcher"]["options"] for o in firing["fieldConfig"]["overrides"]] == ["Value"]


def test_a_budget_that_is_overspent_is_visible() -> None:
    course = panel(full(), "slo.json", "Error budget over time")
    assert "min" not in course["fieldConfig"]["defaults"]


@every_case
def test_the_same_resource_gives_the_same_bytes(body: Manifest) -> None:
    assert part(body) == part(body)


def test_the_order_of_audiences_does_not_matter() -> None:
    backwards = minimal({"dashboards": {"audiences": ["Operations", "Business", "Overview"]}})
    assert part(backwards) == part(minimal())


def test_all_dashboards_fit_into_a_config_map_many_times() -> None:
    (child,) = part(full()).children
    assert sum(map(len, child["data"].values())) < 64 * 1024


@pytest.mark.parametrize("cluster", ["", "eu-1"])
def test_series_of_other_clusters_are_left_out_when_the_cluster_has_a_name(cluster: str) -> None:
    (child,) = dashboards.part(parsed(full()), Observed(), {}, RenderSettings(cluster=cluster)).children
    shown = [json.loads(text) for text in child["data"].values()]
    queries = [target["expr"] for board in shown for panel in board["panels"] for target in panel.get("targets", ())]
    confined = [
        [matcher.value for matcher in selector.matchers.matchers if matcher.name == "cluster"]
        for query in queries
        for selector in selectors(query)
    ]
    assert confined
    assert all(values == ([f"|{cluster}"] if cluster else []) for values in confined)
