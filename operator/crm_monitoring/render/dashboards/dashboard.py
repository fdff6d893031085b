"""One complete Grafana dashboard: panels, variables, annotations and links to the others of the resource."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import orjson

from crm_monitoring.contract import labels
from crm_monitoring.render import names
from crm_monitoring.render.dashboards.layout import Section, arrange
from crm_monitoring.render.dashboards.panel import DATASOURCE, Panel
from crm_monitoring.render.dashboards.view import View

SCHEMA_VERSION = 39
"""Format of Grafana 11; later versions migrate it when they load it."""

TAG = "crm-monitoring"


class Dashboard(TypedDict):
    """A dashboard as Grafana's provisioning reads it. Without id and version, the file's content decides."""

    uid: str
    title: str
    description: str
    tags: list[str]
    schemaVersion: int
    editable: bool
    graphTooltip: int
    refresh: str
    time: dict[str, str]
    templating: dict[str, list[dict[str, Any]]]
    annotations: dict[str, list[dict[str, Any]]]
    links: list[dict[str, Any]]
    panels: list[Panel]


def build(view: View, audience: str, purpose: str, since: str, sections: Iterable[Section]) -> Dashboard:
    """Return the dashboard; `purpose` is the question it answers, `since` the time range that it opens with."""
    metadata = view.resource.metadata
    own_tag = f"{metadata.namespace}/{metadata.name}"
    return {
        "uid": names.dashboard_uid(view.resource, audience),
        "title": f"CRM {metadata.name} ({metadata.namespace}): {audience}",
        "description": f"{purpose} Generated from CRMMonitoring {own_tag}; changes made here are overwritten.",
        "tags": [TAG, own_tag, view.resource.spec.environment],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": f"now-{since}", "to": "now"},
        "templating": {"list": _variables(view)},
        "annotations": {"list": [_alert_annotation(view)]},
        "links": [{"type": "dashboards", "title": "Other views", "tags": [TAG, own_tag], "keepTime": True}],
        "panels": arrange(sections),
    }


def dumped(dashboard: Mapping[str, Any]) -> str:
    """Return the JSON, one field or panel a line: short, and a change shows as a change of few lines."""
    fields = [f"{_json(name)}: {_json(value)}" for name, value in dashboard.items() if name != "panels"]
    panels = ",\n".join(map(_json, dashboard["panels"]))
    return "{\n" + ",\n".join([*fields, f'"panels": [\n{panels}\n]']) + "\n}\n"


def _json(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    # Everything beyond ASCII is escaped, as in every dashboard that was ever written: the bytes must not change.
    return text.decode() if text.isascii() else json.dumps(value, separators=(",", ":"), sort_keys=True)


def _variables(view: View) -> list[dict[str, Any]]:
    constants = {
        labels.NAMESPACE: view.resource.metadata.namespace,
        "resource": view.resource.metadata.name,
        "environment": view.resource.spec.environment,
        **({"job": view.job} if view.job else {}),
    }
    datasource = {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"}
    return [datasource, *(_constant(name, value) for name, value in constants.items())]


def _constant(name: str, value: str) -> dict[str, Any]:
    hidden = 2
    return {"type": "constant", "name": name, "query": value, "hide": hidden, "skipUrlSync": True}


def _alert_annotation(view: View) -> dict[str, Any]:
    return {
        "name": "Firing alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": str(view.firing()),
        "step": "1m",
        "titleFormat": "{{" + labels.ALERT_NAME + "}}",
        "textFormat": "{{" + labels.SEVERITY + "}} {{" + labels.CHANNEL.name + "}}",
        "tagKeys": labels.SEVERITY,
    }
