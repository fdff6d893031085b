"""Dashboards for people who import files into Grafana by hand: the import asks for the data source."""

from collections.abc import Mapping
from typing import Any

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.render import dashboards
from crm_monitoring.render.dashboards.dashboard import Dashboard, dumped
from crm_monitoring.render.documents import GENERATED

INPUT = "DS_PROMETHEUS"
"""Name of the question that the import asks; Grafana puts the answer wherever `${DS_PROMETHEUS}` stands."""

_CHOSEN = f"${{{INPUT}}}"


def importable(resource: CRMMonitoring, cluster: str = "") -> dict[str, str]:
    """Return the dashboards that the resource asks for as JSON, by the name of their file."""
    return {
        dashboards.file_name(resource, audience): dumped(_importable(resource, audience, dashboard))
        for audience, dashboard in dashboards.wanted(resource, cluster).items()
    }


def _importable(resource: CRMMonitoring, audience: str, dashboard: Dashboard) -> Mapping[str, Any]:
    """Return the dashboard as an export of Grafana looks. The description comes first: it says who wrote the file."""
    metadata = resource.metadata
    purpose = dashboards.AUDIENCES[audience].purpose
    return {
        "description": f"{purpose} {GENERATED} from CRMMonitoring {metadata.namespace}/{metadata.name}.",
        "__inputs": [
            {
                "name": INPUT,
                "label": "Prometheus",
                "description": "The Prometheus that scrapes the CRM",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "11.0.0"},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        ],
        **{name: value for name, value in dashboard.items() if name != "description"},
        "id": None,
        "editable": True,
        "templating": {"list": list(map(_variable, dashboard["templating"]["list"]))},
    }


def _variable(variable: dict[str, Any]) -> dict[str, Any]:
    if variable["type"] != "datasource":
        return variable
    return {**variable, "current": {"text": _CHOSEN, "value": _CHOSEN}}
