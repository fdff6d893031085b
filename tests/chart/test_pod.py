"""The pod: what it can do, which image it runs, and which settings it is given."""

import kubernetes_validate
import pytest

from crm_monitoring import __version__
from crm_monitoring.cli.operator import ENVIRONMENT_PREFIX
from crm_monitoring.cli.operator import command as operator_command
from support.charts import NOT_BUILT_IN, SCENARIOS, objects, pod_of, render, scenario, the

OUR_BUSINESS = {"kubeconfig", "context", "identity", "host"}
"""Options that the chart leaves alone: how the pod finds the API server, its name, and that it listens everywhere."""


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
