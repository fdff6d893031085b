"""The Grafana dashboard of the operator itself. @UID@, @NAMESPACE@ and @JOB@ are filled in by the chart."""

from crm_monitoring.render.dashboards.dashboard import SCHEMA_VERSION, TAG, Dashboard, dumped
from crm_monitoring.render.dashboards.layout import Section, arrange
from crm_monitoring.render.dashboards.panel import Panel, Query, above, stat, timeseries

PATH = "charts/crm-monitoring-operator/files/dashboard.json"
SERIES = 'namespace="@NAMESPACE@",job="@JOB@"'


def content(notice: str) -> str:
    """Return the file. JSON has no comments, so the notice is a key of its own in the first line."""
    return dumped(_dashboard()).replace("{\n", f'{{"__comment": "{notice}",\n', 1)


def _dashboard() -> Dashboard:
    sections = (
        Section("State", [_state()]),
        Section("Work", [_passes(), _queue()]),
        Section("API server", [_requests()]),
    )
    return {
        "uid": "@UID@",
        "title": "CRM monitoring operator (@NAMESPACE@)",
        "description": "Whether the operator works: who leads, what waits, what fails.",
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"}]
        },
        "annotations": {"list": []},
        "links": [],
        "panels": arrange(sections),
    }


def _state() -> list[Panel]:
    return [
        stat(
            "Leaders",
            "Replicas that lead: exactly one of each shard.",
            "none",
            [_query("sum({})", "leader", "leaders")],
        ),
        stat(
            "Resources not ready",
            "CRMMonitoring resources whose condition Ready is False.",
            "none",
            [
                _query(
                    "sum(max by (shard) ({})) or vector(0)",
                    "resources",
                    "not ready",
                    'condition="Ready",status="False"',
                )
            ],
            steps=above(1),
        ),
        stat(
            "Oldest key", "How long the oldest change has waited.", "s", [_query("max({})", "queue_oldest_seconds", "")]
        ),
    ]


def _passes() -> list[Panel]:
    return [
        timeseries(
            "Passes",
            "Passes per second by kind of key and result.",
            "ops",
            [_query("sum by (kind, result) (rate({}[5m]))", "reconcile_total", "{{kind}} {{result}}")],
        ),
        timeseries(
            "Duration of passes",
            "95 of 100 passes are faster.",
            "s",
            [
                _query(
                    "histogram_quantile(0.95, sum by (kind, le) (rate({}[5m])))",
                    "reconcile_duration_seconds_bucket",
                    "{{kind}}",
                )
            ],
        ),
    ]


def _queue() -> list[Panel]:
    return [
        timeseries(
            "Objects put right",
            "Objects restored after somebody else changed or deleted them, in an hour.",
            "none",
            [_query("sum by (kind) (increase({}[1h]))", "drift_corrections_total", "{{kind}}")],
        ),
        timeseries(
            "Keys that wait", "Keys in the queue.", "none", [_query("max by (pod) ({})", "queue_depth", "{{pod}}")]
        ),
    ]


def _requests() -> list[Panel]:
    return [
        timeseries(
            "Requests",
            "Requests to the API server per second.",
            "reqps",
            [_query("sum by (verb, code) (rate({}[5m]))", "api_requests_total", "{{verb}} {{code}}")],
        ),
        timeseries(
            "Duration of requests",
            "95 of 100 requests are faster; watches aside.",
            "s",
            [
                _query(
                    "histogram_quantile(0.95, sum by (verb, le) (rate({}[5m])))",
                    "api_request_duration_seconds_bucket",
                    "{{verb}}",
                )
            ],
        ),
        timeseries(
            "Watches begun anew",
            "By kind and reason, in 15 minutes. Resync is the routine.",
            "none",
            [_query("sum by (kind, reason) (increase({}[15m]))", "watch_restarts_total", "{{kind}} {{reason}}")],
        ),
    ]


def _query(shape: str, metric: str, legend: str, labels: str = "") -> Query:
    selector = ",".join(filter(None, (SERIES, labels)))
    return Query(shape.format(f"crm_operator_{metric}{{{selector}}}"), legend)
