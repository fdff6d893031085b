"""What is assumed of the cluster where it cannot be looked at: on the command line without a context file.

The target exists and has one container, named as `spec.target.container` or like the target itself. One Service, named as
`spec.target.service` or like the target, selects its pods. Both carry `app.kubernetes.io/name: <target>`, and both
have every port that the resource names. A port that is given by number is assumed to be called `metrics` or `http`.
"""

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.contract import health
from crm_monitoring.render.observed import Container, Observed, Port, Service, Workload

NAME_LABEL = "app.kubernetes.io/name"

HEALTH_PORT = {"http": 80, "https": 443}
"""Number of a Service port that the resource gives by name, by the scheme of the endpoint."""


def assumed(resource: CRMMonitoring) -> tuple[Observed, str]:
    """Return the cluster as the resource supposes it to be, and the warning that says so."""
    target = resource.spec.target
    labels = {NAME_LABEL: target.name}
    ports = _ports(resource)
    container = Container(target.container or target.name, ports)
    service = Service(target.service or target.name, labels, labels, ports)
    workload = Workload(target.kind, target.name, labels, (container,), labels)
    listed = ", ".join(f"{port.name} ({port.number})" for port in ports)
    warning = (
        f"the cluster was not looked at: it is assumed that Service {service.name} with the label "
        f"{NAME_LABEL}={target.name} and container {container.name} of {target.kind} {target.name} have the ports {listed}"
    )
    return Observed(workload, (service,), complete=False), warning


def _ports(resource: CRMMonitoring) -> tuple[Port, ...]:
    spec = resource.spec
    wanted = [_port(spec.metrics.port, "metrics", health.METRICS_PORT)]
    if spec.blackbox is not None:
        wanted.append(_port(spec.blackbox.port, "http", HEALTH_PORT[spec.blackbox.scheme]))
    if spec.workload is not None and spec.workload.probes is not None:
        wanted.append(_port(spec.workload.probes.port, "http", HEALTH_PORT["http"]))
    by_name: dict[str, Port] = {}
    for port in wanted:
        by_name.setdefault(port.name, port)
    return tuple(by_name.values())


def _port(wanted: str | int, name: str, number: int) -> Port:
    return Port(wanted, number) if isinstance(wanted, str) else Port(name, wanted)
