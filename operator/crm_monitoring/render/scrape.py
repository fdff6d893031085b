"""`spec.metrics`: the ServiceMonitor or PodMonitor through which Prometheus reads the CRM's metrics.

Every target is stamped with the identity of the resource and with a job that is the same for both kinds. Every shard
of a sharded Prometheus scrapes it, so that each evaluates the rules on all replicas.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, TypedDict

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.quantities import prometheus_duration
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.base import SecretKeyRef
from crm_monitoring.contract import labels
from crm_monitoring.manifest import POD_MONITOR, SERVICE_MONITOR, Manifest
from crm_monitoring.render import endpoints, names, secret_types
from crm_monitoring.render.bundle import Part, Secrets
from crm_monitoring.render.endpoints import ServicePort
from crm_monitoring.render.observed import Observed, Port, Service, Workload
from crm_monitoring.render.secret_types import Withheld
from crm_monitoring.render.settings import RenderSettings

PURPOSE = "metrics"
"""The last part of the monitor's name, whatever its kind."""

RELEASE_LABELS = frozenset({"app.kubernetes.io/version", "helm.sh/chart"})
"""Labels that change with every release: a selector that names them loses the Service in between."""


class Relabeling(TypedDict):
    """One relabeling of prometheus-operator."""

    action: str
    """Always told: a default that is filled into a list of ours looks like a field that we no longer want."""
    sourceLabels: NotRequired[list[str]]
    regex: NotRequired[str]
    targetLabel: NotRequired[str]
    replacement: NotRequired[str]


def stamp(label: str, value: str) -> Relabeling:
    """Return a relabeling that sets a label to a value, whatever the target."""
    return {"action": "replace", "targetLabel": label, "replacement": value}


UNSHARDED = stamp("__tmp_disable_sharding", "true")
"""Makes every shard of Prometheus keep the target."""


def part(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Part:
    """Return the monitor, or what stands in its way; then a monitor that exists already stays as it is."""
    if resource.spec.metrics.monitor == "None":
        return Part()
    findings = list(_secret_findings(resource, secrets))
    if observed.workload is None:
        findings.append(endpoints.target_not_found(resource, ConditionType.SCRAPE))
    else:
        chosen = _choice(resource, observed, observed.workload)
        if isinstance(chosen, Finding):
            findings.append(chosen)
        elif not findings:
            return _monitor(resource, observed.workload, chosen)
    either = frozenset(names.child_key(resource, kind, PURPOSE) for kind in (SERVICE_MONITOR, POD_MONITOR))
    return Part(held=either, findings=tuple(findings))


def _choice(resource: CRMMonitoring, observed: Observed, workload: Workload) -> ServicePort | Port | Finding:
    """Return what to scrape: a Service port for a ServiceMonitor, a container port for a PodMonitor."""
    metrics = resource.spec.metrics
    if metrics.monitor != "PodMonitor":
        found = endpoints.of_services(resource, observed, metrics.port, "spec.metrics.port")
        if isinstance(found, Finding) or (found is not None and found.port.name):
            return found
    if metrics.monitor != "ServiceMonitor":
        port = endpoints.of_containers(workload.containers, metrics.port)
        if port is not None:
            return port
    return _port_not_found(resource, observed, workload)


def _port_not_found(resource: CRMMonitoring, observed: Observed, workload: Workload) -> Finding:
    monitor, port = resource.spec.metrics.monitor, resource.spec.metrics.port
    places = {"ServiceMonitor": "Service", "PodMonitor": "container"}.get(monitor, "Service or container")
    there_are = []
    if monitor != "PodMonitor":
        there_are += endpoints.described_services(observed) or ["no Service selects its pods"]
    if monitor != "ServiceMonitor":
        there_are += endpoints.described_containers(workload)
    return Finding(
        ConditionType.SCRAPE,
        Reason.PORT_NOT_FOUND,
        f"spec.metrics.port: no {places} of {workload.kind} {workload.name} has a usable port {port}; "
        f"a Service port needs a name. Ports: {'; '.join(there_are)}. "
        f"Set spec.metrics.port to one of them, or add the port to the {places}.",
    )


def _secret_findings(resource: CRMMonitoring, secrets: Secrets) -> Iterator[Finding]:
    """Yield what would make prometheus-operator refuse the monitor, or Prometheus fail each scrape."""
    metrics = resource.spec.metrics
    checks = (
        ("spec.metrics.tls.caSecretRef", metrics.tls.ca_secret_ref if metrics.tls else None, _certificate_problem),
        ("spec.metrics.bearerTokenSecretRef", metrics.bearer_token_secret_ref, _token_problem),
    )
    for path, reference, problem_of in checks:
        if reference is None or reference.name not in secrets:
            continue  # what nobody looked up cannot be judged: the command line has no Secrets
        content = secrets[reference.name]
        if isinstance(content, Withheld):
            message = secret_types.problem(path, reference.name, content)
            yield Finding(ConditionType.SCRAPE, Reason.SECRET_REFUSED, message)
            continue
        sealed = (content or {}).get(reference.key)
        if sealed is None:
            yield _secret_missing(path, reference)
        elif problem := problem_of(sealed.reveal()):
            yield _secret_invalid(path, reference, problem)


def _certificate_problem(content: bytes) -> str:
    return "" if b"-----BEGIN CERTIFICATE-----" in content else "is not a certificate in PEM"


def _token_problem(content: bytes) -> str:
    if not content:
        return "is empty"
    if any(byte <= 0x20 or byte >= 0x7F for byte in content):
        return "holds white space or a line break, often at its end, that no token may have"
    return ""


def _secret_missing(path: str, reference: SecretKeyRef) -> Finding:
    return Finding(
        ConditionType.SCRAPE,
        Reason.SECRET_MISSING,
        f"{path}: Secret {reference.name} has no key {reference.key}, or does not exist. Create it.",
    )


def _secret_invalid(path: str, reference: SecretKeyRef, problem: str) -> Finding:
    return Finding(
        ConditionType.SCRAPE,
        Reason.SECRET_INVALID,
        f"{path}: key {reference.key} of Secret {reference.name} {problem}. Correct it.",
    )


def _monitor(resource: CRMMonitoring, workload: Workload, chosen: ServicePort | Port) -> Part:
    if isinstance(chosen, ServicePort):
        return Part(
            children=(_service_monitor(resource, workload, chosen),), warnings=tuple(_label_warnings(chosen.service))
        )
    return Part(children=(_pod_monitor(resource, workload, chosen),))


def _label_warnings(service: Service) -> Iterator[str]:
    if not _lasting_labels(service):
        yield (
            f"Service {service.name} has no label that lasts, so the ServiceMonitor looks at every Service of the "
            "namespace and keeps this one by its name. Give the Service a label, for example app.kubernetes.io/name."
        )


def _lasting_labels(service: Service) -> dict[str, str]:
    return {name: value for name, value in sorted(service.labels.items()) if name not in RELEASE_LABELS}


def _service_monitor(resource: CRMMonitoring, workload: Workload, chosen: ServicePort) -> Manifest:
    service, selector = chosen.service, _lasting_labels(chosen.service)
    keeps = [_keep({"__meta_kubernetes_service_name": service.name})]
    if not workload.identity.items() <= dict(service.selector).items():
        # The Service may send traffic to other workloads, too, whose series are not this CRM's.
        keeps.append(_keep({_pod_label(name): value for name, value in workload.identity.items()}))
    spec = {
        "selector": {"matchLabels": selector} if selector else {},
        "endpoints": [{"port": chosen.port.name, **_scrape(resource, keeps)}],
        "sampleLimit": resource.spec.metrics.sample_limit,
    }
    return names.child(resource, SERVICE_MONITOR, PURPOSE, {"spec": spec})


def _pod_monitor(resource: CRMMonitoring, workload: Workload, port: Port) -> Manifest:
    where: dict[str, Any] = {"port": port.name} if port.name else {"portNumber": port.number}
    spec = {
        "selector": {"matchLabels": dict(sorted(workload.identity.items()))},
        "podMetricsEndpoints": [{**where, **_scrape(resource, [])}],
        "sampleLimit": resource.spec.metrics.sample_limit,
    }
    return names.child(resource, POD_MONITOR, PURPOSE, {"spec": spec})


def _scrape(resource: CRMMonitoring, keeps: list[Relabeling]) -> dict[str, Any]:
    """Return what the endpoints of both kinds have in common."""
    metrics = resource.spec.metrics
    stamps = [
        stamp("job", resource.spec.target.name),
        stamp(labels.RESOURCE, resource.metadata.name),
        UNSHARDED,
    ]
    scrape: dict[str, Any] = {
        "path": metrics.path,
        "scheme": metrics.scheme,
        "interval": prometheus_duration(metrics.interval),
        "scrapeTimeout": prometheus_duration(metrics.scrape_timeout),
        "honorLabels": False,
        "relabelings": [*keeps, *stamps],
    }
    if metrics.scheme == "https" and metrics.tls:
        scrape["tlsConfig"] = _tls(metrics.tls.ca_secret_ref, metrics.tls.server_name)
    if metrics.bearer_token_secret_ref:
        scrape["authorization"] = {"type": "Bearer", "credentials": _key(metrics.bearer_token_secret_ref)}
    return scrape


def _tls(ca: SecretKeyRef | None, server_name: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if ca:
        config["ca"] = {"secret": _key(ca)}
    if server_name:
        config["serverName"] = server_name
    return config


def _key(reference: SecretKeyRef) -> dict[str, str]:
    return {"name": reference.name, "key": reference.key}


def _keep(values: Mapping[str, str]) -> Relabeling:
    """Return a relabeling that drops targets whose meta labels differ. Values are names and label values."""
    ordered = sorted(values.items())
    return {
        "action": "keep",
        "sourceLabels": [name for name, _ in ordered],
        "regex": ";".join(value.replace(".", r"\.") for _, value in ordered),
    }


def _pod_label(name: str) -> str:
    """Return the meta label of a pod label, written as Prometheus does it."""
    return "__meta_kubernetes_pod_label_" + "".join(c if c.isalnum() or c == "_" else "_" for c in name)
