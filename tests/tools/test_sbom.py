"""The bill of materials: what is pinned for the image, and nothing else."""

import json
import re
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

import sbom

PINS = Path(__file__).resolve().parents[2] / "requirements" / "operator.txt"


def pinned() -> dict[str, str]:
    """Return the names and versions that the image installs on this platform."""
    lines = re.findall(r"^[a-z0-9].*?(?= \\$|$)", PINS.read_text(encoding="utf-8"), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    return {
        sbom.canonical(one.name): str(one.specifier).removeprefix("==")
        for one in requirements
        if one.marker is None or one.marker.evaluate()
    }


def test_it_lists_what_the_image_installs_and_nothing_else() -> None:
    listed = {one["name"]: one["version"] for one in sbom.document()["components"]}

    assert listed == pinned()


def test_it_is_the_same_every_time() -> None:
    assert json.dumps(sbom.document()) == json.dumps(sbom.document())
    assert sbom.document()["metadata"]["component"]["version"] == version("crm-monitoring")


def test_every_reference_leads_to_a_component() -> None:
    document = sbom.document()
    known = {one["bom-ref"] for one in [*document["components"], document["metadata"]["component"]]}

    assert {one["ref"] for one in document["dependencies"]} == known
    assert {below for one in document["dependencies"] for below in one["dependsOn"]} <= known


def test_every_component_names_a_license_but_the_one_whose_metadata_holds_none() -> None:
    assert [one["name"] for one in sbom.document()["components"] if "licenses" not in one] == ["promql-parser"]
