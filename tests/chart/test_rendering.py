"""What Helm makes of the chart, without a cluster."""

import difflib
import json

import kubernetes_validate
import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from crm_monitoring import __version__
from crm_monitoring.api.crd import crd
from support.charts import (
    CHART,
    NOT_BUILT_IN,
    SCENARIOS,
    Manifest,
    helm,
    objects,
    render,
    scenario,
    the,
)

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
