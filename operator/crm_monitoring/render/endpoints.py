"""Which Service or container has a port, and what to tell a person when none has it."""

from collections.abc import Iterable
from dataclasses import dataclass

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.render.observed import Container, Observed, Port, Service, Workload


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of one Service."""

    service: Service
    port: Port


def find(ports: Iterable[Port], wanted: str | int) -> Port | None:
    """Return the first port with the wanted name or number."""
    return next((port for port in ports if wanted in (port.name, port.number)), None)


def of_containers(containers: Iterable[Container], wanted: str | int) -> Port | None:
    """Return the port of the first container that has it."""
    return find((port for container in containers for port in container.ports), wanted)


def of_services(
    resource: CRMMonitoring, observed: Observed, wanted: str | int, path: str
) -> ServicePort | Finding | None:
    """Return the one Service port to use, None when no Service has it, or why the choice cannot be made.

    `path` is the field that names the port. Findings are about `ScrapeConfigured`.
    """
    exposing = {
        service.name: ServicePort(service, port)
        for service in observed.services
        if (port := find(service.ports, wanted)) is not None
    }
    chosen = resource.spec.target.service
    if chosen is not None:
        return exposing.get(chosen) or _service_not_found(resource, observed, wanted, path)
    if len(exposing) > 1:
        return Finding(
            ConditionType.SCRAPE,
            Reason.AMBIGUOUS_SERVICE,
            f"spec.target.service: several Services expose port {wanted} of {_target(resource)}: "
            f"{', '.join(sorted(exposing))}. Set spec.target.service to one of them.",
        )
    return next(iter(exposing.values()), None)


def target_not_found(resource: CRMMonitoring, condition: ConditionType) -> Finding:
    """Return the finding for a target that does not exist."""
    return Finding(
        condition,
        Reason.TARGET_NOT_FOUND,
        f"spec.target: {_target(resource)} does not exist in namespace {resource.metadata.namespace}. "
        "Create it, or correct spec.target.",
    )


def described(owner: str, ports: Iterable[Port]) -> str:
    """Return the ports of a Service or container in words, for example `Service crm-api: http (80), 9090 (no name)`."""
    listed = [f"{port.name} ({port.number})" if port.name else f"{port.number} (no name)" for port in ports]
    return f"{owner}: {', '.join(listed) or 'no ports'}"


def described_services(observed: Observed) -> list[str]:
    """Return the ports of every Service of the workload in words."""
    return [described(f"Service {service.name}", service.ports) for service in observed.services]


def described_containers(workload: Workload) -> list[str]:
    """Return the ports of every container of the workload in words."""
    return [described(f"container {container.name}", container.ports) for container in workload.containers]


def _target(resource: CRMMonitoring) -> str:
    return f"{resource.spec.target.kind} {resource.spec.target.name}"


def _service_not_found(resource: CRMMonitoring, observed: Observed, wanted: str | int, path: str) -> Finding:
    chosen = resource.spec.target.service
    if any(service.name == chosen for service in observed.services):
        problem = f"Service {chosen} has no port {wanted} ({path})"
    else:
        problem = f"no Service {chosen} selects the pods of {_target(resource)}"
    there_are = "; ".join(described_services(observed)) or "none"
    return Finding(
        ConditionType.SCRAPE,
        Reason.SERVICE_NOT_FOUND,
        f"spec.target.service: {problem}. Services that select them: {there_are}. "
        f"Correct spec.target.service or {path}, or add the port to the Service.",
    )
