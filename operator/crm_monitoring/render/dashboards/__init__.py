"""`spec.dashboards`: one ConfigMap with a Grafana dashboard for each audience, for Grafana's sidecar to load."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.manifest import CONFIG_MAP, Manifest
from crm_monitoring.render import names
from crm_monitoring.render.bundle import Part, Secrets
from crm_monitoring.render.dashboards import business, operations, overview, slo
from crm_monitoring.render.dashboards.dashboard import Dashboard, build, dumped
from crm_monitoring.render.dashboards.layout import Section
from crm_monitoring.render.dashboards.view import View
from crm_monitoring.render.mould import filled
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings

PURPOSE = "dashboards"

LABEL = {"grafana_dashboard": "1"}
"""What Grafana's sidecar looks for."""

FOLDER_ANNOTATION = "grafana_folder"
"""Where the sidecar puts the dashboards, when it is told to read this annotation."""


@dataclass(frozen=True, slots=True)
class _Audience:
    purpose: str
    since: str
    sections: Callable[[View], Iterator[Section]]


AUDIENCES = {
    "Overview": _Audience("Is the CRM well?", "6h", overview.sections),
    "Operations": _Audience("What is wrong, and where?", "3h", operations.sections),
    "Business": _Audience("What is sent, and what do recipients make of it?", "7d", business.sections),
    "SLO": _Audience("Are the objectives kept, and for how long still?", "7d", slo.sections),
}
"""Every dashboard, by its name in `spec.dashboards.audiences`."""


def part(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Part:
    """Return the ConfigMap, or nothing when SLO is the only audience and there are no objectives."""
    return Part(children=filled(_objects, resource, settings))


def _objects(resource: CRMMonitoring, settings: RenderSettings) -> tuple[Manifest, ...]:
    data = {
        file_name(resource, name): dumped(dashboard) for name, dashboard in wanted(resource, settings.cluster).items()
    }
    if not data:
        return ()
    folder = {FOLDER_ANNOTATION: resource.spec.dashboards.folder}
    return (names.child(resource, CONFIG_MAP, PURPOSE, {"data": data}, LABEL, annotations=folder),)


def wanted(resource: CRMMonitoring, cluster: str = "") -> dict[str, Dashboard]:
    """Return the dashboards that the resource asks for, by audience; `cluster` leaves series of other clusters out."""
    view = View(resource, cluster)
    return {
        name: build(view, name, audience.purpose, audience.since, audience.sections(view))
        for name, audience in sorted(AUDIENCES.items())
        if name in resource.spec.dashboards.audiences and (name != "SLO" or resource.spec.slos)
    }


def file_name(resource: CRMMonitoring, audience: str) -> str:
    """Return the key of a dashboard, which the sidecar makes a file in a directory that all resources share.

    Neither namespaces nor names hold an underscore: `a-b` and `c` do not become the same file as `a` and `b-c`.
    """
    return f"{resource.metadata.namespace}_{resource.metadata.name}_{audience.lower()}.json"
