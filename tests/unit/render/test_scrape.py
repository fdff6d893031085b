import re
from typing import Any

import pytest

from crm_monitoring.api.conditions import ConditionType, Reason
from crm_monitoring.manifest import POD_MONITOR, SERVICE_MONITOR, Manifest, ObjectKey, labels_of
from crm_monitoring.render import scrape
from crm_monitoring.render.bundle import Part, Secrets
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.secret_types import Withheld
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.resources import full, minimal, parsed
from support.targets import POD_LABELS, container, service, workload

BOTH_MONITORS = {ObjectKey(kind, "crm", "crm-crm-metrics") for kind in (SERVICE_MONITOR, POD_MONITOR)}
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def part(body: Manifest, observed: Observed, secrets: Secrets | None = None) -> Part:
    return scrape.part(parsed(body), observed, secrets or {}, RenderSettings())


def monitor(built: Part) -> Manifest:
    assert built.findings == ()
    assert built.held == frozenset()
    (child,) = built.children
    return child


def endpoint(child: Manifest) -> dict[str, Any]:
    (only,) = child["spec"].get("endpoints") or child["spec"]["podMetricsEndpoints"]
    return dict(only)


def refused(built: Part) -> str:
    """Return the message of the one finding; whatever monitor exists must be left alone."""
    assert built.children == ()
    assert built.held == BOTH_MONITORS
    (finding,) = built.findings
    assert finding.condition is ConditionType.SCRAPE
    return f"{finding.reason}: {finding.message}"


def scraped(child: Manifest, meta: dict[str, str]) -> dict[str, str] | None:
    """Return the target's labels after the relabelings, or None when it is dropped, as Prometheus would."""
    labels = dict(meta)
    for rule in endpoint(child)["relabelings"]:
        value = ";".join(labels.get(name, "") for name in rule.get("sourceLabels", ()))
        if rule.get("action") == "keep":
            if not re.fullmatch(rule["regex"], value):
                return None
        else:
            labels[rule["targetLabel"]] = rule["replacement"]
    return {name: value for name, value in labels.items() if not name.startswith("__meta")}


def test_a_service_that_exposes_the_port_gives_a_service_monitor() -> None:
    child = monitor(part(minimal(), Observed.of(workload(), [service()])))
    assert child["kind"] == "ServiceMonitor"
    assert child["metadata"]["name"] == "crm-crm-metrics"
    assert child["spec"]["selector"] == {"matchLabels": POD_LABELS}
    assert child["spec"]["sampleLimit"] == 10000
    assert endpoint(child) == {
        "port": "metrics",
        "path": "/metrics",
        "scheme": "http",
        "interval": "15s",
        "scrapeTimeout": "10s",
        "honorLabels": False,
        "relabelings": endpoint(child)["relabelings"],
    }


def test_the_service_port_is_named_even_when_the_resource_gives_its_number() -> None:
    child = monitor(part(minimal({"metrics": {"port": 8000}}), Observed.of(workload(), [service()])))
    assert endpoint(child)["port"] == "metrics"


def test_without_a_service_the_container_port_gives_a_pod_monitor() -> None:
    child = monitor(part(minimal(), Observed.of(workload(), [])))
    assert child["kind"] == "PodMonitor"
    assert child["spec"]["selector"] == {"matchLabels": POD_LABELS}
    assert endpoint(child)["port"] == "metrics"


def test_a_nameless_service_port_cannot_be_selected_so_the_pods_are() -> None:
    observed = Observed.of(workload(), [service(ports=[{"port": 8000}])])
    child = monitor(part(minimal({"metrics": {"port": 8000}}), observed))
    assert child["kind"] == "PodMonitor"


def test_a_nameless_container_port_is_selected_by_its_number() -> None:
    observed = Observed.of(workload(containers=[container(ports=[{"containerPort": 8000}])]), [])
    child = monitor(part(minimal({"metrics": {"port": 8000}}), observed))
    assert endpoint(child)["portNumber"] == 8000
    assert "port" not in endpoint(child)


def test_the_resource_can_insist_on_a_pod_monitor() -> None:
    child = monitor(part(minimal({"metrics": {"monitor": "PodMonitor"}}), Observed.of(workload(), [service()])))
    assert child["kind"] == "PodMonitor"


def test_an_existing_job_needs_no_monitor_and_keeps_none() -> None:
    spec = {"metrics": {"monitor": "None", "existingJob": "crm"}}
    assert part(minimal(spec), Observed.of(workload(), [service()])) == Part()


def test_both_kinds_carry_the_same_identity_and_job() -> None:
    by_service = monitor(part(minimal(), Observed.of(workload(), [service()])))
    by_pod = monitor(part(minimal(), Observed.of(workload(), [])))
    expected = {"job": "crm-api", "crm_monitoring": "crm", "__tmp_disable_sharding": "true"}
    assert scraped(by_service, {"__meta_kubernetes_service_name": "crm-api"}) == expected
    assert scraped(by_pod, {}) == expected


def test_another_service_with_the_same_labels_is_not_scraped() -> None:
    child = monitor(part(minimal(), Observed.of(workload(), [service()])))
    assert scraped(child, {"__meta_kubernetes_service_name": "crm-worker"}) is None


def test_pods_of_another_workload_behind_the_service_are_not_scraped() -> None:
    api = {"app": "crm", "crm.example.com/tier": "api-1.0"}
    observed = Observed.of(workload(pod_labels=api), [service(selector={"app": "crm"})])
    child = monitor(part(minimal(), observed))
    target = {"__meta_kubernetes_service_name": "crm-api", "__meta_kubernetes_pod_label_app": "crm"}
    tier = "__meta_kubernetes_pod_label_crm_example_com_tier"
    assert scraped(child, {**target, tier: "api-1.0"}) is not None
    assert scraped(child, {**target, tier: "api-1x0"}) is None
    assert scraped(child, {**target, tier: "worker"}) is None


def test_a_service_that_selects_only_the_workload_needs_no_pod_labels() -> None:
    child = monitor(part(minimal(), Observed.of(workload(), [service()])))
    keeps = [rule for rule in endpoint(child)["relabelings"] if rule.get("action") == "keep"]
    assert [rule["sourceLabels"] for rule in keeps] == [["__meta_kubernetes_service_name"]]


def test_pods_are_told_by_the_selector_that_a_rollout_cannot_change() -> None:
    pods = {**POD_LABELS, "version": "2"}
    child = monitor(part(minimal(), Observed.of(workload(pod_labels=pods, selector={"matchLabels": POD_LABELS}), [])))
    assert child["spec"]["selector"] == {"matchLabels": POD_LABELS}


def test_pods_are_told_by_all_their_labels_when_the_selector_has_expressions() -> None:
    selector = {"matchLabels": {"app": "crm"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}
    pods = {"app": "crm", "tier": "api"}
    child = monitor(part(minimal(), Observed.of(workload(pod_labels=pods, selector=selector), [])))
    assert child["spec"]["selector"] == {"matchLabels": pods}


def test_labels_that_change_with_each_release_do_not_select_the_service() -> None:
    labels = {**POD_LABELS, "helm.sh/chart": "crm-1.2.3", "app.kubernetes.io/version": "1.2.3"}
    child = monitor(part(minimal(), Observed.of(workload(), [service(labels=labels)])))
    assert child["spec"]["selector"] == {"matchLabels": POD_LABELS}


def test_a_service_without_labels_is_found_by_its_name() -> None:
    built = part(minimal(), Observed.of(workload(), [service(labels={})]))
    child = monitor(built)
    assert child["kind"] == "ServiceMonitor"
    assert child["spec"]["selector"] == {}
    assert scraped(child, {"__meta_kubernetes_service_name": "crm-worker"}) is None
    (warning,) = built.warnings
    assert "Give the Service a label" in warning


def test_durations_are_written_as_prometheus_prints_them() -> None:
    spec = {"metrics": {"interval": "90s", "scrapeTimeout": "60s"}}
    only = endpoint(monitor(part(minimal(spec), Observed.of(workload(), [service()]))))
    assert (only["interval"], only["scrapeTimeout"]) == ("1m30s", "1m")


def test_object_labels_are_on_the_monitor() -> None:
    spec = {"objectLabels": {"release": "kube-prometheus-stack"}}
    child = monitor(part(minimal(spec), Observed.of(workload(), [service()])))
    assert labels_of(child)["release"] == "kube-prometheus-stack"


def test_tls_and_token_are_references_and_their_values_stay_sealed() -> None:
    secrets = {"crm-tls": {"ca.crt": Sealed(CERTIFICATE)}, "crm-metrics": {"token": Sealed(b"s3cr3t")}}
    child = monitor(part(full(), Observed.of(workload(), [service()]), secrets))
    only = endpoint(child)
    assert only["tlsConfig"] == {
        "ca": {"secret": {"name": "crm-tls", "key": "ca.crt"}},
        "serverName": "crm-api.crm.svc",
    }
    assert only["authorization"] == {"type": "Bearer", "credentials": {"name": "crm-metrics", "key": "token"}}
    assert "s3cr3t" not in str(child)


GOOD = {"crm-tls": {"ca.crt": Sealed(CERTIFICATE)}, "crm-metrics": {"token": Sealed(b"abc")}}
BAD_SECRETS: dict[str, tuple[Secrets, Reason, str]] = {
    "a Secret that does not exist": ({**GOOD, "crm-tls": None}, Reason.SECRET_MISSING, "spec.metrics.tls.caSecretRef"),
    "a key that does not exist": (
        {**GOOD, "crm-metrics": {}},
        Reason.SECRET_MISSING,
        "spec.metrics.bearerTokenSecretRef",
    ),
    "a token of a service account": (
        {**GOOD, "crm-metrics": Withheld("kubernetes.io/service-account-token")},
        Reason.SECRET_REFUSED,
        "spec.metrics.bearerTokenSecretRef",
    ),
    "a certificate that is none": (
        {**GOOD, "crm-tls": {"ca.crt": Sealed(b"nonsense")}},
        Reason.SECRET_INVALID,
        "spec.metrics.tls.caSecretRef",
    ),
    "a token that ends in a line break": (
        {**GOOD, "crm-metrics": {"token": Sealed(b"abc\n")}},
        Reason.SECRET_INVALID,
        "spec.metrics.bearerTokenSecretRef",
    ),
    "an empty token": (
        {**GOOD, "crm-metrics": {"token": Sealed(b"")}},
        Reason.SECRET_INVALID,
        "spec.metrics.bearerTokenSecretRef",
    ),
}


@pytest.mark.parametrize("case", BAD_SECRETS)
def test_the_last_good_monitor_stays_with(case: str) -> None:
    secrets, reason, path = BAD_SECRETS[case]
    message = refused(part(full(), Observed.of(workload(), [service()]), secrets))
    assert message.startswith(f"{reason}: {path}: ")
    assert "nonsense" not in message
    assert "abc" not in message


def test_secrets_that_nobody_looked_up_are_taken_as_good() -> None:
    assert monitor(part(full(), Observed.of(workload(), [service()])))


TWO = [service("crm-api"), service("crm-api-headless")]
ONLY_HTTP = [{"name": "http", "containerPort": 8080}]

UNDECIDED: dict[str, tuple[dict[str, Any], Observed, str]] = {
    "an absent workload": (
        {},
        Observed(),
        "TargetNotFound: spec.target: Deployment crm-api does not exist in namespace crm.",
    ),
    "several Services and no choice": (
        {},
        Observed.of(workload(), TWO),
        "AmbiguousService: spec.target.service: several Services expose port metrics of Deployment crm-api: "
        "crm-api, crm-api-headless. Set spec.target.service to one of them.",
    ),
    "a chosen Service that is absent": (
        {"target": {"service": "crm-metrics"}},
        Observed.of(workload(), TWO),
        "ServiceNotFound: spec.target.service: no Service crm-metrics selects the pods of Deployment crm-api. "
        "Services that select them: Service crm-api: http (80), metrics (8000);",
    ),
    "a chosen Service without the port": (
        {"target": {"service": "crm-api"}, "metrics": {"port": 9000}},
        Observed.of(workload(), [service()]),
        "ServiceNotFound: spec.target.service: Service crm-api has no port 9000 (spec.metrics.port).",
    ),
    "a port that nothing has": (
        {},
        Observed.of(workload(containers=[container(ports=ONLY_HTTP)]), [service(ports=[{"port": 80}])]),
        "PortNotFound: spec.metrics.port: no Service or container of Deployment crm-api has a usable port metrics; "
        "a Service port needs a name. Ports: Service crm-api: 80 (no name); container api: http (8080).",
    ),
    "a port that no Service has, when only a Service will do": (
        {"metrics": {"monitor": "ServiceMonitor"}},
        Observed.of(workload(), []),
        "PortNotFound: spec.metrics.port: no Service of Deployment crm-api has a usable port metrics; "
        "a Service port needs a name. Ports: no Service selects its pods.",
    ),
    "a port that no container has, when only a container will do": (
        {"metrics": {"monitor": "PodMonitor"}},
        Observed.of(workload(containers=[container(ports=[])]), [service()]),
        "PortNotFound: spec.metrics.port: no container of Deployment crm-api has a usable port metrics; "
        "a Service port needs a name. Ports: container api: no ports.",
    ),
}


@pytest.mark.parametrize("case", UNDECIDED)
def test_the_monitor_that_exists_stays_and_the_person_is_told_of(case: str) -> None:
    spec, observed, expected = UNDECIDED[case]
    assert refused(part(minimal(spec), observed)).startswith(expected)


def test_a_chosen_service_settles_which_of_several() -> None:
    child = monitor(part(minimal({"target": {"service": "crm-api-headless"}}), Observed.of(workload(), TWO)))
    assert scraped(child, {"__meta_kubernetes_service_name": "crm-api-headless"}) is not None
    assert scraped(child, {"__meta_kubernetes_service_name": "crm-api"}) is None


def test_every_problem_is_reported_at_once() -> None:
    built = part(full(), Observed(), {"crm-tls": None, "crm-metrics": None})
    assert [finding.reason for finding in built.findings] == [
        Reason.SECRET_MISSING,
        Reason.SECRET_MISSING,
        Reason.TARGET_NOT_FOUND,
    ]
