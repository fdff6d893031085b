import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.manifest import CONFIG_MAP, SERVICE_MONITOR, Manifest, ObjectKey, key_of, labels_of, owner_uids
from crm_monitoring.render.bundle import Bundle, Part, Secrets
from crm_monitoring.render.compiler import joined, render
from crm_monitoring.render.documents import dump
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.secret_values import placeholders
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.resources import UID, full, minimal, parsed
from support.targets import service, workload
from testbed import binaries
from testbed.errors import ToolMissing

LIVE = Observed.of(workload(), [service()])
OFFLINE = Observed(complete=False)
SETTINGS = RenderSettings(prober="blackbox.monitoring.svc:9115")
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def secrets_of(body: Manifest) -> Secrets:
    own = {"crm-tls": {"ca.crt": Sealed(CERTIFICATE)}, "crm-metrics": {"token": Sealed(b"token")}}
    return {**own, **placeholders(parsed(body))}


def compiled(body: Manifest, observed: Observed = LIVE, settings: RenderSettings = SETTINGS) -> Bundle:
    return render(parsed(body), observed, secrets_of(body), settings)


def kinds(bundle: Bundle) -> list[str]:
    return [child["kind"] for child in bundle.children]


def test_a_target_alone_gives_rules_scraping_and_dashboards() -> None:
    bundle = compiled(minimal())
    assert set(kinds(bundle)) == {"PrometheusRule", "ServiceMonitor", "ConfigMap"}
    assert (bundle.findings, bundle.warnings, bundle.held) == ((), (), frozenset())
    assert (bundle.fragment, bundle.workload) == (None, None)


def test_every_block_has_its_effect() -> None:
    body = full({"target": {"container": None}})
    bundle = compiled(body)
    assert bundle.findings == ()
    assert set(kinds(bundle)) == {"PrometheusRule", "ServiceMonitor", "Probe", "ConfigMap"}
    assert bundle.fragment is not None
    assert bundle.workload is not None
    assert bundle.rules.alerting > 0
    assert bundle.rules.recording > 0


def test_every_child_is_in_the_namespace_and_owned_by_the_resource() -> None:
    for child in compiled(full(namespace="shop", name="crm-eu")).children:
        key = key_of(child)
        assert key.namespace == "shop"
        assert key.name.startswith("crm-eu-crm-")
        assert owner_uids(child) == {UID}
        assert labels_of(child)["monitoring.crm.io/owner-uid"] == UID
        assert labels_of(child)["release"] == "kube-prometheus-stack"


def test_an_absent_target_holds_what_depends_on_it_and_is_reported_once_for_each_condition() -> None:
    bundle = compiled(full(), Observed())
    absent = [finding.condition for finding in bundle.findings if finding.reason is Reason.TARGET_NOT_FOUND]
    assert absent == [ConditionType.SCRAPE, ConditionType.WORKLOAD]
    assert {key.kind.name for key in bundle.held} == {"ServiceMonitor", "PodMonitor", "Probe"}
    assert set(kinds(bundle)) == {"PrometheusRule", "ConfigMap"}
    assert bundle.workload is None


def test_without_a_cluster_the_target_is_assumed_and_that_is_said() -> None:
    bundle = compiled(minimal(), OFFLINE)
    assert bundle.findings == ()
    assert "ServiceMonitor" in kinds(bundle)
    assert bundle.warnings == (
        "the cluster was not looked at: it is assumed that Service crm-api with the label app.kubernetes.io/name=crm-api "
        "and container crm-api of Deployment crm-api have the ports metrics (8000)",
    )


def test_without_a_cluster_every_block_is_still_compiled() -> None:
    bundle = compiled(full(), OFFLINE)
    assert bundle.findings == ()
    assert "have the ports metrics (8000), http (80)" in bundle.warnings[0]
    assert bundle.workload is not None
    assert bundle.workload.container == "api"
    (probe,) = (child for child in bundle.children if child["kind"] == "Probe")
    assert probe["spec"]["targets"]["staticConfig"]["static"][0].startswith("http://crm-api.crm.svc:80/")


def test_without_a_cluster_a_port_number_is_assumed_to_have_a_name() -> None:
    bundle = compiled(minimal({"metrics": {"port": 9000}}), OFFLINE)
    (monitor,) = (child for child in bundle.children if child["kind"] == "ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["port"] == "metrics"


def test_a_context_replaces_the_assumption() -> None:
    seen = Observed(LIVE.workload, LIVE.services, complete=False)
    assert compiled(minimal(), seen).warnings == ()


def test_two_builders_cannot_make_the_same_object() -> None:
    child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "crm"}}
    with pytest.raises(ValueError, match="ConfigMap crm/a"):
        joined([Part(children=(child,)), Part(children=(child,))])


def test_one_builder_cannot_hold_what_another_makes() -> None:
    child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "crm"}}
    with pytest.raises(ValueError, match="ConfigMap crm/a"):
        joined([Part(children=(child,)), Part(held=frozenset({ObjectKey(CONFIG_MAP, "crm", "a")}))])


def test_parts_are_joined_in_their_order() -> None:
    first, second = (
        Finding(ConditionType.SCRAPE, Reason.PORT_NOT_FOUND, "a"),
        Finding(ConditionType.WORKLOAD, Reason.PORT_NOT_FOUND, "b"),
    )
    held = frozenset({ObjectKey(SERVICE_MONITOR, "crm", "x")})
    bundle = joined(
        [Part(findings=(first,), warnings=("w",)), Part(held=held, findings=(second, first), fragment_held=True)]
    )
    assert (bundle.findings, bundle.warnings, bundle.held) == ((first, second), ("w",), held)
    assert bundle.fragment_held


def test_the_same_input_gives_the_same_bytes() -> None:
    assert dump(compiled(full()).children) == dump(compiled(full()).children)


@given(
    st.permutations([service("a", ports=[{"name": "http", "port": 80}]), service("crm-api"), service("z", ports=[])])
)
def test_the_order_in_which_services_are_listed_does_not_matter(services: list[Manifest]) -> None:
    observed = Observed.of(workload(), services)
    target = {"target": {"service": "crm-api"}}
    assert compiled(minimal(target), observed) == compiled(minimal(target))
    assert (
        compiled(minimal({"metrics": {"port": "x"}}), observed).findings
        == compiled(
            minimal({"metrics": {"port": "x"}}),
            Observed.of(workload(), sorted(services, key=lambda s: s["metadata"]["name"])),
        ).findings
    )


class CrdLoader(yaml.CSafeLoader):
    """Reads the bare `=` in an enum of AlertmanagerConfig as a string."""


def text(loader: Any, node: Any) -> str:
    return str(loader.construct_scalar(node))


CrdLoader.add_constructor("tag:yaml.org,2002:value", text)


def closed(schema: Any) -> Any:
    """Return the schema without unknown fields, which the API server would drop in silence."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: closed(value) for name, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    return (
        {**inside, "additionalProperties": False}
        if isinstance(schema.get("properties"), dict) and not open_ended
        else inside
    )


@pytest.fixture(scope="module")
def validators() -> dict[str, Draft202012Validator]:
    """Return a validator for each kind of prometheus-operator."""
    try:
        files = binaries.crds()
    except ToolMissing as problem:
        if os.environ.get("CI", "").lower() == "true":
            raise
        pytest.skip(f"real component missing: {problem}")
    found = {}
    for file in files:
        if any(name in file.name for name in ("prometheusrules", "monitors", "probes", "alertmanagerconfigs")):
            definition = yaml.load(file.read_text(), Loader=CrdLoader)["spec"]
            schema = closed(definition["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"])
            found[definition["names"]["kind"]] = Draft202012Validator(schema)
    return found


POD_ONLY = Observed.of(workload(), [])
BUNDLES = {
    "the smallest resource": (minimal(), LIVE),
    "a resource with every block": (full(), LIVE),
    "a workload without a Service": (minimal({"metrics": {"port": 8000}}), POD_ONLY),
    "AlertmanagerConfig mode": (full({"notifications": {"mode": "AlertmanagerConfig"}}), LIVE),
}


@pytest.mark.parametrize("case", BUNDLES)
def test_prometheus_operators_own_schema_accepts_every_child_of(
    case: str, validators: dict[str, Draft202012Validator]
) -> None:
    problems = list(schema_problems(compiled(*BUNDLES[case]), validators))
    assert problems == []


def schema_problems(bundle: Bundle, validators: dict[str, Draft202012Validator]) -> Iterator[str]:
    checked = [child for child in bundle.children if child["kind"] != "ConfigMap"]
    assert checked
    for child in checked:
        for error in validators[child["kind"]].iter_errors(child["spec"]):
            yield f"{child['kind']} {error.json_path}: {error.message[:200]}"
