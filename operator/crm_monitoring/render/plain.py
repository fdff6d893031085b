"""For a Prometheus and an Alertmanager that no operator configures: the content of their own configuration files.

Every target is stamped with the identity of the resource, as the scrape objects of `scrape` and `blackbox` do it, so the
same rules and dashboards work. File names inside the configuration are relative to the file that names them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from crm_monitoring.api.quantities import milliseconds, prometheus_duration
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.base import SecretKeyRef
from crm_monitoring.api.v1alpha1.workload import Blackbox
from crm_monitoring.contract import health, labels
from crm_monitoring.manifest import PROMETHEUS_RULE
from crm_monitoring.render import blackbox, routing, rules
from crm_monitoring.render.assumption import HEALTH_PORT
from crm_monitoring.render.bundle import Fragment, Secrets
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.rules.model import RuleGroup
from crm_monitoring.render.settings import RenderSettings

RULES = "rules.yml"
SCRAPING = "scrape_config.yml"
PROMETHEUS = "prometheus.yml"
ALERTMANAGER = "alertmanager.yml"
"""Names of the files."""

DEFAULT_ALERTMANAGER = "alertmanager:9093"
"""Where Prometheus sends alerts unless somebody says otherwise, when a resource has notifications."""


class Relabel(TypedDict):
    """One relabeling of Prometheus; without a source it sets a label."""

    target_label: str
    source_labels: NotRequired[list[str]]
    replacement: NotRequired[str]


class ScrapeConfig(TypedDict):
    """One job of Prometheus' `scrape_configs`."""

    job_name: str
    honor_labels: bool
    metrics_path: str
    scheme: NotRequired[str]
    params: NotRequired[dict[str, list[str]]]
    scrape_interval: str
    scrape_timeout: str
    sample_limit: NotRequired[int]
    static_configs: list[dict[str, list[str]]]
    relabel_configs: list[Relabel]
    metric_relabel_configs: NotRequired[list[Relabel]]
    tls_config: NotRequired[dict[str, str]]
    authorization: NotRequired[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Monitored:
    """What one resource becomes."""

    groups: tuple[RuleGroup, ...]
    jobs: tuple[ScrapeConfig, ...]
    fragment: Fragment | None
    notifies: bool
    """Whether the resource has notifications. True without a fragment: it cannot be computed, and `problems` say why."""
    problems: tuple[str, ...]
    """What the resource asks for and does not get."""
    warnings: tuple[str, ...]


def monitored(
    resource: CRMMonitoring, secrets: Secrets, settings: RenderSettings, targets: Sequence[str] = ()
) -> Monitored:
    """Return rules, jobs and routing of a valid resource.

    `targets` are the replicas of the CRM as host:port; without them one is derived, with a warning.
    """
    ruled = rules.part(resource, Observed(), secrets, settings)
    routed = routing.part(_as_file(resource), Observed(), secrets, settings)
    scraped = _scraped(resource, tuple(targets), settings)
    parts = (ruled, routed)
    return Monitored(
        groups=tuple(
            group
            for child in ruled.children
            if child["kind"] == PROMETHEUS_RULE.name
            for group in child["spec"]["groups"]
        ),
        jobs=scraped.jobs,
        fragment=routed.fragment,
        notifies=resource.spec.notifications is not None,
        problems=(*(f"{f.reason}: {f.message}" for part in parts for f in part.findings), *scraped.problems),
        warnings=(*(text for part in parts for text in part.warnings), *scraped.warnings, *_left_out(resource)),
    )


def rule_file(resources: Iterable[Monitored]) -> dict[str, Any]:
    """Return the content of `rules.yml`."""
    return {"groups": [group for each in resources for group in each.groups]}


def scrape_file(resources: Iterable[Monitored]) -> dict[str, Any]:
    """Return the content of `scrape_config.yml`, which Prometheus >= 2.43 reads through `scrape_config_files`."""
    return {"scrape_configs": [job for each in resources for job in each.jobs]}


def prometheus_file(resources: Sequence[Monitored], alertmanagers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the content of `prometheus.yml`: complete, with the other two files beside it.

    Rules are evaluated as often as the CRM is scraped: more often shows nothing new.
    """
    jobs = scrape_file(resources)["scrape_configs"]
    intervals = [job["scrape_interval"] for job in jobs]
    content: dict[str, Any] = {"rule_files": [RULES]}
    if jobs:
        content["global"] = {"evaluation_interval": min(intervals, key=milliseconds)}
        content["scrape_config_files"] = [SCRAPING]
    receiving = list(alertmanagers) or [DEFAULT_ALERTMANAGER] * any(each.notifies for each in resources)
    if receiving:
        content["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": receiving}]}]}
    return content


def scraped(resource: CRMMonitoring) -> bool:
    """Return whether the resource wants a job of its own."""
    return resource.spec.metrics.monitor != "None"


def _as_file(resource: CRMMonitoring) -> CRMMonitoring:
    """Return the resource with routing that goes into a file, whichever object it asks for in Kubernetes."""
    notifications = resource.spec.notifications
    if notifications is None:
        return resource
    there = notifications.model_copy(update={"mode": "Secret"})
    return resource.model_copy(update={"spec": resource.spec.model_copy(update={"notifications": there})})


@dataclass(frozen=True, slots=True)
class _Scraped:
    jobs: tuple[ScrapeConfig, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def _scraped(resource: CRMMonitoring, targets: tuple[str, ...], settings: RenderSettings) -> _Scraped:
    jobs: list[ScrapeConfig] = []
    problems: list[str] = []
    warnings: list[str] = []
    addresses = targets or (_derived(resource),)
    if scraped(resource):
        jobs.append(_metrics_job(resource, addresses))
        warnings += _metrics_warnings(resource, derived=not targets, address=addresses[0])
    else:
        warnings.append(
            f"spec.metrics.monitor: None: no job is written; the rules read the job {resource.spec.metrics.existing_job}, "
            f'whose series must carry {labels.NAMESPACE}="{resource.metadata.namespace}"'
        )
    probe = resource.spec.blackbox
    if probe is not None and not settings.prober:
        problems.append("spec.blackbox is left out: it needs the address of a blackbox exporter, --prober HOST:PORT")
    elif probe is not None:
        urls = [_health_url(probe, address) for address in addresses]
        jobs.append(_blackbox_job(resource, probe, list(dict.fromkeys(urls)), settings.prober))
        if isinstance(probe.port, str):
            warnings.append(f"spec.blackbox.port is a name, so the check goes to {urls[0]}; a number says it exactly")
    return _Scraped(tuple(jobs), tuple(problems), tuple(warnings))


def _derived(resource: CRMMonitoring) -> str:
    """Return the host by the name of the Service or target, and the port if it is a number, else the library's own."""
    target, port = resource.spec.target, resource.spec.metrics.port
    return f"{target.service or target.name}:{port if isinstance(port, int) else health.METRICS_PORT}"


def _metrics_job(resource: CRMMonitoring, addresses: Sequence[str]) -> ScrapeConfig:
    metrics = resource.spec.metrics
    job: ScrapeConfig = {
        "job_name": _job_name(resource),
        "honor_labels": False,
        "metrics_path": metrics.path,
        "scheme": metrics.scheme,
        "scrape_interval": prometheus_duration(metrics.interval),
        "scrape_timeout": prometheus_duration(metrics.scrape_timeout),
        "sample_limit": metrics.sample_limit,
        "static_configs": [{"targets": list(addresses)}],
        "relabel_configs": [*_stamps(resource, resource.spec.target.name), _stamp(resource)],
    }
    if metrics.tls:
        files = {"ca_file": _file(metrics.tls.ca_secret_ref)} if metrics.tls.ca_secret_ref else {}
        names = {"server_name": metrics.tls.server_name} if metrics.tls.server_name else {}
        job["tls_config"] = {**files, **names}
    if metrics.bearer_token_secret_ref:
        job["authorization"] = {"type": "Bearer", "credentials_file": _file(metrics.bearer_token_secret_ref)}
    return job


def _metrics_warnings(resource: CRMMonitoring, *, derived: bool, address: str) -> Iterator[str]:
    if derived:
        yield f"nothing says where the CRM answers, so {address} is assumed; --target HOST:PORT says it"
    metrics = resource.spec.metrics
    tokens = {"spec.metrics.bearerTokenSecretRef": metrics.bearer_token_secret_ref}
    if metrics.tls:
        tokens["spec.metrics.tls.caSecretRef"] = metrics.tls.ca_secret_ref
    for path, reference in sorted(tokens.items()):
        if reference:
            yield f"{path}: Prometheus reads it from the file {_file(reference)} beside {PROMETHEUS}; put it there"


def _blackbox_job(resource: CRMMonitoring, probe: Blackbox, urls: list[str], prober: str) -> ScrapeConfig:
    job = f"{resource.spec.target.name}-{blackbox.PURPOSE}"
    return {
        "job_name": f"{_job_name(resource)}/{blackbox.PURPOSE}",
        "honor_labels": False,
        "metrics_path": "/probe",
        "params": {"module": [probe.module]},
        "scrape_interval": prometheus_duration(probe.interval),
        "scrape_timeout": prometheus_duration(min(probe.interval, blackbox.LONGEST_CHECK, key=milliseconds)),
        "static_configs": [{"targets": urls}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": prober},
            *_stamps(resource, job),
        ],
        # Not a label of the target: `up` of this job is about the exporter and must not pass for a replica of the CRM.
        "metric_relabel_configs": [_stamp(resource)],
    }


def _health_url(probe: Blackbox, address: str) -> str:
    port = probe.port if isinstance(probe.port, int) else HEALTH_PORT[probe.scheme]
    return f"{probe.scheme}://{address.rpartition(':')[0]}:{port}{probe.path}?include_details=true"


def _job_name(resource: CRMMonitoring) -> str:
    return f"crm-monitoring/{resource.metadata.namespace}/{resource.metadata.name}"


def _stamps(resource: CRMMonitoring, job: str) -> list[Relabel]:
    return [
        {"target_label": "job", "replacement": job},
        {"target_label": labels.NAMESPACE, "replacement": resource.metadata.namespace},
    ]


def _stamp(resource: CRMMonitoring) -> Relabel:
    return {"target_label": labels.RESOURCE, "replacement": resource.metadata.name}


def _file(reference: SecretKeyRef) -> str:
    return f"{reference.name}/{reference.key}"


def _left_out(resource: CRMMonitoring) -> Iterator[str]:
    if resource.spec.workload is not None:
        yield "spec.workload is left out: probes and variables are fields of a Deployment or StatefulSet"
