"""What Helm makes of the chart, without a cluster."""

import difflib
import json
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

import chart_values
from crm_monitoring import __version__
from crm_monitoring.api.crd import crd
from crm_monitoring.cli.operator import ENVIRONMENT_PREFIX
from crm_monitoring.cli.operator import command as operator_command
from support.charts import (
    CHART,
    NAMESPACE,
    SCENARIOS,
    Manifest,
    helm,
    objects,
    pod_of,
    render,
    scenario,
    the,
)
from testbed import role

NOT_BUILT_IN = {"PrometheusRule", "ServiceMonitor"}
OUR_BUSINESS = {"kubeconfig", "context", "identity", "host"}
"""Options that the chart leaves alone: how the pod finds the API server, its name, and that it listens everywhere."""

EVERYWHERE = {
    "helm.sh/chart",
    *(f"app.kubernetes.io/{name}" for name in ("name", "instance", "component", "part-of", "managed-by", "version")),
}


def key(manifest: Manifest) -> str:
    """Return what a manifest is called in a snapshot."""
    metadata = manifest["metadata"]
    return f"{manifest['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def short(manifest: Manifest) -> Manifest:
    """Return an object without what is a copy of a file that is reviewed by itself."""
    kept = json.loads(json.dumps(manifest))
    for labelled in (kept, kept.get("spec", {}).get("template", {})):
        for label in EVERYWHERE & set(labelled.get("metadata", {}).get("labels", ())):
            del labelled["metadata"]["labels"][label]
    if manifest["kind"] == "CustomResourceDefinition":
        del kept["spec"]
    if manifest["kind"] == "ValidatingAdmissionPolicy":
        del kept["spec"]["variables"], kept["spec"]["validations"]
    if manifest["kind"] == "ConfigMap":
        kept["data"] = sorted(kept.get("data", ()))
    if manifest["kind"] == "PrometheusRule":
        kept["spec"]["groups"][0]["rules"] = kept["spec"]["groups"][0]["rules"][:1]
    if manifest["kind"] == "Pod":
        kept["spec"]["containers"][0]["args"][0] = "files/smoke.py"
    if manifest["kind"] in ("Role", "ClusterRole") and len(manifest["rules"]) > 1:
        kept["rules"] = f"{len(manifest['rules'])} rules"
    return dict(kept)


def text(manifests: list[Manifest]) -> list[str]:
    """Return the lines of a snapshot."""
    dumped = yaml.safe_dump({key(one): short(one) for one in manifests}, width=200)
    return dumped.replace(__version__, "<version>").splitlines()


def test_the_objects_by_default(snapshot: SnapshotAssertion) -> None:
    assert "\n".join(text(render())) == snapshot


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "default"])
def test_what_a_scenario_changes(name: str, snapshot: SnapshotAssertion) -> None:
    changes = difflib.unified_diff(text(render()), text(scenario(name)), "default", name, lineterm="", n=0)

    assert "\n".join(line for line in changes if not line.startswith("@@")) == snapshot


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_helms_render_the_same(name: str, helm_version: str) -> None:
    assert sorted(scenario(name, helm_version), key=key) == sorted(scenario(name), key=key)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_linter_has_nothing_to_say(name: str, helm_version: str) -> None:
    helm("lint", "--strict", CHART, "--values", SCENARIOS[name], binary=helm_version)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_object_is_valid_in_every_field(name: str) -> None:
    for manifest in scenario(name):
        if manifest["kind"] not in NOT_BUILT_IN:
            kubernetes_validate.validate(manifest, "1.30", strict=True)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_object_says_where_it_comes_from(name: str) -> None:
    for manifest in scenario(name):
        extra = manifest["kind"] == "ConfigMap" and "dashboard" not in manifest["metadata"]["name"]
        assert extra or set(manifest["metadata"]["labels"]) >= EVERYWHERE, key(manifest)


def test_both_versions_are_that_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert the(render(), "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f":{__version__}")


def test_the_definition_is_ours_to_the_letter_braces_and_large_numbers_included() -> None:
    assert the(render(), "CustomResourceDefinition")["spec"] == crd()["spec"]


def test_the_definition_is_kept_unless_it_is_asked_for_otherwise() -> None:
    keep = {"helm.sh/resource-policy": "keep"}

    assert the(render(), "CustomResourceDefinition")["metadata"]["annotations"] == keep
    assert "annotations" not in the(render("--set", "crds.keep=false"), "CustomResourceDefinition")["metadata"]
    assert not objects(render("--set", "crds.enabled=false"), "CustomResourceDefinition")


# --- permissions ---


def test_permissions_are_those_of_the_one_source_and_nothing_else() -> None:
    granted = role.rules()
    everywhere, in_one = render(), render("--set", "watch.namespaces={crm}")

    assert [one["rules"] for one in _operators(everywhere, "ClusterRole")] == [granted["watched"] + granted["cluster"]]
    assert [one["rules"] for one in _operators(everywhere, "Role")] == [granted["own"]]
    assert [one["rules"] for one in _operators(in_one, "ClusterRole")] == []
    assert [(one["metadata"]["namespace"], one["rules"]) for one in _operators(in_one, "Role")] == [
        ("crm", granted["watched"]),
        (NAMESPACE, granted["own"]),
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_rule_holds_a_wildcard_or_a_right_to_gain_rights(name: str) -> None:
    rules = [rule for one in scenario(name) for rule in one.get("rules", ())]
    forbidden = {"*", "escalate", "bind", "impersonate", "pods/exec", "serviceaccounts/token", "nodes/proxy"}

    assert rules
    assert not [rule for rule in rules if forbidden & {word for words in rule.values() for word in words}]
    assert not [rule for rule in rules if "secrets" in rule["resources"] and {"list", "watch"} & set(rule["verbs"])]


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_binding_gives_a_role_of_the_release_to_an_account_of_the_release(name: str) -> None:
    manifests = scenario(name)
    have = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in manifests}

    for binding in objects(manifests, "RoleBinding") + objects(manifests, "ClusterRoleBinding"):
        (subject,) = binding["subjects"]
        assert (binding["roleRef"]["kind"], binding["metadata"].get("namespace"), binding["roleRef"]["name"]) in have
        assert ("ServiceAccount", subject["namespace"], subject["name"]) in have


def test_users_may_not_write_a_status() -> None:
    aggregated = [one for one in objects(render(), "ClusterRole") if "aggregate" in str(one["metadata"]["labels"])]

    assert [one["metadata"]["name"].rpartition("-")[2] for one in aggregated] == ["view", "edit"]
    assert {word for one in aggregated for rule in one["rules"] for word in rule["resources"]} == {"crmmonitorings"}


def _operators(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Return the roles that are bound to the operator's account."""
    bindings = objects(manifests, f"{kind}Binding")
    account = pod_of(manifests)["spec"]["serviceAccountName"]
    bound = {
        (one["metadata"].get("namespace"), one["roleRef"]["name"])
        for one in bindings
        if one["subjects"][0]["name"] == account
    }
    return [
        one for one in objects(manifests, kind) if (one["metadata"].get("namespace"), one["metadata"]["name"]) in bound
    ]


# --- the pod ---


@pytest.mark.parametrize("name", SCENARIOS)
def test_containers_can_do_little_and_write_nowhere_but_in_tmp(name: str) -> None:
    manifests = scenario(name)
    for pod in [pod_of(manifests), *objects(manifests, "Pod")]:
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])


def test_no_variable_of_a_service_becomes_a_setting() -> None:
    assert pod_of(render())["spec"]["enableServiceLinks"] is False


def test_every_option_of_the_operator_is_set_or_left_alone_on_purpose() -> None:
    container = pod_of(scenario("everything"))["spec"]["containers"][0]
    variables = {one["name"] for one in container["env"]} - {"TZ"}
    options = {
        f"{ENVIRONMENT_PREFIX}_{option.name.upper()}"
        for option in operator_command.params
        if option.name and option.name not in OUR_BUSINESS
    }

    assert variables == options


def test_by_default_the_chart_sets_what_the_operator_has_for_defaults() -> None:
    defaults = {
        f"{ENVIRONMENT_PREFIX}_{option.name.upper()}": option.default
        for option in operator_command.params
        if option.name
    }
    for variable in pod_of(render())["spec"]["containers"][0]["env"]:
        if "value" in variable and variable["name"] != "CRM_OPERATOR_LEASE_NAME":
            assert str(defaults[variable["name"]]).lower().removesuffix(".0") == variable["value"].lower(), variable


IMAGES: dict[str, tuple[dict[str, str], str]] = {
    "as make image builds it": ({}, f"crm-monitoring-operator:{__version__}"),
    "from a registry": (
        {"image.registry": "r.example.com/team"},
        f"r.example.com/team/crm-monitoring-operator:{__version__}",
    ),
    "from the registry of all charts": (
        {"image.registry": "r.example.com", "global.imageRegistry": "mirror.example.com/"},
        f"mirror.example.com/crm-monitoring-operator:{__version__}",
    ),
    "by a tag": ({"image.tag": "2.0"}, "crm-monitoring-operator:2.0"),
    "by a digest": ({"image.digest": f"sha256:{'a' * 64}"}, f"crm-monitoring-operator@sha256:{'a' * 64}"),
    "by a tag and a digest": (
        {"image.tag": "2.0", "image.digest": f"sha256:{'a' * 64}"},
        f"crm-monitoring-operator:2.0@sha256:{'a' * 64}",
    ),
}


@pytest.mark.parametrize("how", IMAGES)
def test_the_image_is_named(how: str) -> None:
    values, expected = IMAGES[how]
    flags = [word for path, value in values.items() for word in ("--set-string", f"{path}={value}")]
    manifests = render(*flags)

    images = {pod["spec"]["containers"][0]["image"] for pod in [pod_of(manifests), *objects(manifests, "Pod")]}
    assert images == {expected}


def test_the_number_of_replicas_can_be_left_to_others() -> None:
    assert "replicas" not in the(render("--set", "replicas=null"), "Deployment")["spec"]


def test_a_single_replica_needs_no_disruption_budget_which_would_block_nothing_or_everything() -> None:
    assert objects(render(), "PodDisruptionBudget")
    assert not objects(render("--set", "replicas=1"), "PodDisruptionBudget")


def test_the_service_selects_the_operator_and_not_the_test() -> None:
    manifests = render()
    selector = the(manifests, "Service")["spec"]["selector"].items()

    assert selector <= pod_of(manifests)["metadata"]["labels"].items()
    assert not selector <= objects(manifests, "Pod")[0]["metadata"]["labels"].items()


def test_selectors_do_not_change_with_the_version() -> None:
    selector = the(render(), "Deployment")["spec"]["selector"]["matchLabels"]

    assert set(selector) == {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}


def test_the_longest_names_are_still_valid() -> None:
    manifests = render("--set", f"fullnameOverride={'a' * 50}", namespace="n" * 63)

    assert len(the(manifests, "Service")["metadata"]["name"]) <= 63
    for manifest in manifests:
        if manifest["kind"] not in NOT_BUILT_IN:
            kubernetes_validate.validate(manifest, "1.30", strict=True)


# --- the admission policy ---


def test_no_expression_asks_the_authorizer_more_often_than_its_cost_allows() -> None:
    validations = the(render(), "ValidatingAdmissionPolicy")["spec"]["validations"]
    checks = [validation["expression"].count(".check(") for validation in validations]

    assert max(checks) <= 2
    assert sum(checks) <= 24


def test_the_policy_covers_every_reference_of_the_schema() -> None:
    (version,) = crd()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    policy = json.dumps(the(render(), "ValidatingAdmissionPolicy")["spec"])
    receivers = schema["properties"]["notifications"]["properties"]["receivers"]

    references = set(_references(schema))
    assert len(references) == 7
    assert not [path for path in references if ".".join(path.split(".")[-2:]) not in policy]
    assert policy.count("spec.notifications.receivers[") == receivers["maxItems"]


def _references(schema: dict[str, Any], path: str = "spec") -> list[str]:
    found = [path] if path.endswith("SecretRef") else []
    for name, below in schema.get("properties", {}).items():
        found += _references(below, f"{path}.{name}")
    return found + (_references(schema["items"], path) if "items" in schema else [])


def test_in_some_namespaces_the_policy_binds_only_there() -> None:
    binding = the(render("--set", "watch.namespaces={a,b}"), "ValidatingAdmissionPolicyBinding")

    (expression,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert expression == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "b"]}


# --- values ---


def test_every_value_is_documented() -> None:
    documented = chart_values.values()

    assert len(documented) > 50
    assert [value.path for value in documented if not value.description] == []


@pytest.mark.parametrize("value", chart_values.values(), ids=lambda value: value.path)
def test_every_value_is_in_the_schema_and_used_in_a_template(value: chart_values.Value) -> None:
    schema: Any = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    for name in value.path.split("."):
        schema = schema["properties"][name]
    templates = "".join(path.read_text(encoding="utf-8") for path in (CHART / "templates").rglob("*.*"))

    assert re.search(rf"\.Values\.{re.escape(value.path)}\b", templates)


def test_the_schema_knows_no_value_that_does_not_exist() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    exist = {value.path for value in chart_values.values()}

    def leaves(part: dict[str, Any], path: str = "") -> set[str]:
        if path in exist or "properties" not in part:
            return {path}
        return {
            leaf for name, below in part["properties"].items() for leaf in leaves(below, f"{path}.{name}".lstrip("."))
        }

    assert leaves(schema) == exist


def test_the_scenario_everything_changes_every_value_that_it_can() -> None:
    given = yaml.safe_load(SCENARIOS["everything"].read_text(encoding="utf-8"))

    def has(path: str) -> bool:
        part: Any = given
        for name in path.split("."):
            part = part.get(name) if isinstance(part, dict) else None
        return part is not None

    elsewhere = {  # where its opposite would leave the other values without effect
        "image.digest",
        "leaderElection.enabled",
        "crds.enabled",
        "crds.keep",
        "rbac.create",
        "rbac.aggregate",
        "serviceAccount.create",
        "admissionPolicy.enabled",
        "networkPolicy.from",
    }
    assert {value.path for value in chart_values.values() if not has(value.path)} == elsewhere
