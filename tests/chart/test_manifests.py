"""The plain manifests: the chart without Helm."""

import pytest
import yaml

import chart_manifests
from crm_monitoring.manifest import CRM_MONITORING, DEPLOYMENT
from support import kinds
from support.charts import render
from support.live import Tenant
from testbed import crds
from testbed.controlplane import ControlPlane

IMAGES: dict[str, tuple[str, dict[str, str]]] = {
    "a name alone": ("op", {"registry": "", "repository": "op", "tag": "", "digest": ""}),
    "a tag": ("op:1", {"registry": "", "repository": "op", "tag": "1", "digest": ""}),
    "a registry with a port": (
        "r.example.com:5000/t/op",
        {"registry": "r.example.com:5000/t", "repository": "op", "tag": "", "digest": ""},
    ),
    "everything": (
        "r.example.com:5000/op:1@sha256:ab",
        {"registry": "r.example.com:5000", "repository": "op", "tag": "1", "digest": "sha256:ab"},
    ),
}


@pytest.mark.parametrize("what", IMAGES)
def test_an_image_is_split_into_the_values_of_the_chart(what: str) -> None:
    image, values = IMAGES[what]

    assert dict(flag.split("=", 1) for flag in list(chart_manifests._image(image))[1::2]) == {
        f"image.{key}": value for key, value in values.items()
    }


def test_they_are_the_objects_of_the_chart_without_its_tests_and_without_helm() -> None:
    text = chart_manifests.content("crm-monitoring-operator")
    made = list(yaml.load_all(text, yaml.CSafeLoader))
    names = sorted(f"{one['kind']} {one['metadata']['name']}" for one in made)
    rendered = [one for one in render(kinds=()) if "-test" not in one["metadata"]["name"]]

    assert names == sorted(
        ["Namespace crm-monitoring", *(f"{one['kind']} {one['metadata']['name']}" for one in rendered)]
    )
    assert not [one for one in made if "helm" in str(one["metadata"]).lower()]


@pytest.mark.integration
def test_they_can_be_applied_and_applied_again(chart_plane: ControlPlane) -> None:
    plane = chart_plane
    text = chart_manifests.content("registry.example.com/team/op:1")

    plane.kubectl("apply", "--server-side", "-f", "-", input=text)
    crds.wait_until_served(plane.api, [CRM_MONITORING.crd_name], within=30)
    plane.kubectl("apply", "--server-side", "-f", "-", input=text)

    template = Tenant(plane, chart_manifests.NAMESPACE).look(DEPLOYMENT, chart_manifests.NAME)["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "registry.example.com/team/op:1"
    _, *others = yaml.load_all(text, yaml.CSafeLoader)  # the namespace stays: nothing here would finish its end
    plane.kubectl("delete", "--wait=false", "-f", "-", input=yaml.safe_dump_all(others))
    kinds.remove(plane, CRM_MONITORING)
