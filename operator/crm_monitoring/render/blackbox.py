"""`spec.blackbox`: a Probe that checks the health endpoint from outside, through the administrator's blackbox exporter."""

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.quantities import milliseconds, prometheus_duration
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.workload import Blackbox
from crm_monitoring.contract import labels
from crm_monitoring.manifest import PROBE, Manifest
from crm_monitoring.render import endpoints, names
from crm_monitoring.render.bundle import Part, Secrets
from crm_monitoring.render.endpoints import ServicePort
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.scrape import UNSHARDED, stamp
from crm_monitoring.render.settings import RenderSettings

PURPOSE = "blackbox"

LONGEST_CHECK = "10s"
"""Time after which a check has failed, unless the interval is shorter: the health endpoint promises less than 1 s."""


def part(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Part:
    """Return the Probe, or what stands in its way; then a Probe that exists already stays as it is."""
    blackbox = resource.spec.blackbox
    if blackbox is None:
        return Part()
    findings = [] if settings.prober else [_prober_missing()]
    chosen = _choice(resource, observed, blackbox)
    if isinstance(chosen, Finding):
        findings.append(chosen)
    elif not findings:
        return Part(children=(_probe(resource, blackbox, chosen, settings.prober),))
    return Part(held=frozenset({names.child_key(resource, PROBE, PURPOSE)}), findings=tuple(findings))


def _choice(resource: CRMMonitoring, observed: Observed, blackbox: Blackbox) -> ServicePort | Finding:
    if observed.workload is None:
        return endpoints.target_not_found(resource, ConditionType.SCRAPE)
    path = "spec.blackbox.port"
    found = endpoints.of_services(resource, observed, blackbox.port, path)
    if found is not None:
        return found
    there_are = "; ".join(endpoints.described_services(observed)) or "no Service selects its pods"
    return Finding(
        ConditionType.SCRAPE,
        Reason.PORT_NOT_FOUND,
        f"{path}: no Service of {observed.workload.kind} {observed.workload.name} has port {blackbox.port}. "
        f"Ports: {there_are}. Set {path} to one of them, or add the port to a Service.",
    )


def _prober_missing() -> Finding:
    return Finding(
        ConditionType.SCRAPE,
        Reason.PROBER_MISSING,
        "spec.blackbox: the operator knows no blackbox exporter. Ask its administrator to set the address of one "
        "(the operator's setting `prober`, as host:port), or remove spec.blackbox.",
    )


def _probe(resource: CRMMonitoring, blackbox: Blackbox, chosen: ServicePort, prober: str) -> Manifest:
    host = f"{chosen.service.name}.{resource.metadata.namespace}.svc:{chosen.port.number}"
    spec = {
        "jobName": f"{resource.spec.target.name}-{PURPOSE}",
        "prober": {"url": prober},
        "module": blackbox.module,
        "interval": prometheus_duration(blackbox.interval),
        "scrapeTimeout": prometheus_duration(min(blackbox.interval, LONGEST_CHECK, key=milliseconds)),
        "targets": {
            "staticConfig": {
                "static": [f"{blackbox.scheme}://{host}{blackbox.path}?include_details=true"],
                "labels": {labels.NAMESPACE: resource.metadata.namespace},
                "relabelingConfigs": [UNSHARDED],
            }
        },
        # Not a label of the target: `up` of this job is about the exporter and must not pass for a replica of the CRM.
        "metricRelabelings": [stamp(labels.RESOURCE, resource.metadata.name)],
    }
    return names.child(resource, PROBE, PURPOSE, {"spec": spec})
