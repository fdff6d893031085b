"""`spec.workload`: the probe and environment fields of the container that runs the CRM."""

from collections.abc import Iterator, Mapping
from typing import Literal, TypedDict

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.quantities import milliseconds
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1 import workload as api
from crm_monitoring.contract import environment
from crm_monitoring.contract.environment import Variable
from crm_monitoring.manifest import Kind, Manifest
from crm_monitoring.render import endpoints
from crm_monitoring.render.bundle import Part, Secrets, WorkloadFields
from crm_monitoring.render.observed import Container, Observed, Workload
from crm_monitoring.render.settings import RenderSettings


class HttpGet(TypedDict):
    """Where the kubelet looks. No host and no headers: the kubelet would carry them anywhere."""

    path: str
    port: int | str
    scheme: Literal["HTTP", "HTTPS"]


class _ProbeTimes(TypedDict, total=False):
    initialDelaySeconds: int


class Probe(_ProbeTimes):
    """A probe as the API server returns it: defaults are written out, and a delay of 0 is left out."""

    httpGet: HttpGet
    periodSeconds: int
    timeoutSeconds: int
    successThreshold: int
    failureThreshold: int


def part(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Part:
    """Return the fields, or why they cannot be told; then the workload stays as it is."""
    wanted = resource.spec.workload
    if wanted is None:
        return Part()
    if observed.workload is None:
        return Part(findings=(endpoints.target_not_found(resource, ConditionType.WORKLOAD),))
    container = _container(resource, observed.workload)
    if isinstance(container, Finding):
        return Part(findings=(container,))
    if wanted.probes and (finding := _port_finding(wanted.probes, container)):
        return Part(findings=(finding,))
    fields = WorkloadFields(
        container.name,
        dict(_probes(wanted.probes)) if wanted.probes else {},
        dict(sorted(_env(wanted.env))) if wanted.env else {},
    )
    return Part(workload=fields)


def workload_patch(resource: CRMMonitoring, fields: WorkloadFields, kind: Kind) -> Manifest:
    """Return the partial object that server-side apply turns into exactly these fields of the target.

    Applied where the workload is absent it would be refused, because it has neither a selector nor an image.
    """
    container = {
        "name": fields.container,
        **(
            {"env": [{"name": name, "value": value} for name, value in sorted(fields.env.items())]}
            if fields.env
            else {}
        ),
        **fields.probes,
    }
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": resource.spec.target.name, "namespace": resource.metadata.namespace},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def _container(resource: CRMMonitoring, workload: Workload) -> Container | Finding:
    wanted = resource.spec.target.container
    there_are = ", ".join(container.name for container in workload.containers)
    owner = f"{workload.kind} {workload.name}"
    if wanted is not None:
        found = next((container for container in workload.containers if container.name == wanted), None)
        return found or Finding(
            ConditionType.WORKLOAD,
            Reason.CONTAINER_NOT_FOUND,
            f"spec.target.container: {owner} has no container {wanted}. It has: {there_are}. "
            "Correct spec.target.container.",
        )
    if len(workload.containers) == 1:
        return workload.containers[0]
    return Finding(
        ConditionType.WORKLOAD,
        Reason.AMBIGUOUS_CONTAINER,
        f"spec.target.container: {owner} has several containers: {there_are}. Set spec.target.container to one of them.",
    )


def _port_finding(probes: api.Probes, container: Container) -> Finding | None:
    """Return what is wrong with the port. The kubelet fails every probe on a name that the container lacks."""
    used = probes.readiness or probes.liveness or probes.startup
    if not used or isinstance(probes.port, int) or endpoints.find(container.ports, probes.port):
        return None
    return Finding(
        ConditionType.WORKLOAD,
        Reason.PORT_NOT_FOUND,
        f"spec.workload.probes.port: no port of the container is named {probes.port}, so every probe would fail. "
        f"Ports of {endpoints.described(f'container {container.name}', container.ports)}. "
        "Set spec.workload.probes.port to one of the names or to a number.",
    )


def _probes(probes: api.Probes) -> Iterator[tuple[str, Probe]]:
    blocks: Mapping[str, api.Probe | None] = {
        "livenessProbe": probes.liveness,
        "readinessProbe": probes.readiness,
        "startupProbe": probes.startup,
    }
    for name, block in blocks.items():
        if block is not None:
            yield name, _probe(block, probes.port)


def _probe(block: api.Probe, port: int | str) -> Probe:
    probe: Probe = {
        "httpGet": {"path": block.path, "port": port, "scheme": block.scheme},
        "periodSeconds": block.period_seconds,
        "timeoutSeconds": block.timeout_seconds,
        "successThreshold": 1,
        "failureThreshold": block.failure_threshold,
    }
    if block.initial_delay_seconds:
        probe["initialDelaySeconds"] = block.initial_delay_seconds
    return probe


def _env(env: api.Environment) -> Iterator[tuple[str, str]]:
    values: tuple[tuple[Variable, str | None], ...] = (
        (environment.LOG_LEVEL, env.log_level),
        (environment.LOG_FILE, env.log_file),
        (environment.ENABLE_JSON_LOGGING, None if env.json_logging is None else str(env.json_logging).lower()),
        (environment.METRICS_PORT, None if env.metrics_port is None else str(env.metrics_port)),
        (environment.METRICS_PATH, env.metrics_path),
        (environment.HEALTH_CHECK_INTERVAL, env.health_check_interval and _whole_seconds(env.health_check_interval)),
    )
    for variable, value in values:
        if value is not None:
            # The kubelet expands $(NAME) in values, and turns $$ back into $.
            yield variable.name, value.replace("$", "$$")


def _whole_seconds(duration: str) -> str:
    """Return a duration in seconds, rounded up: the CRM takes no fractions."""
    return str(-(-milliseconds(duration) // 1000))
