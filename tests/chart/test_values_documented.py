"""Every value is documented, in the schema, and used."""

import json
import re
from typing import Any

import pytest
import yaml

import chart_values
from support.charts import CHART, SCENARIOS


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


OPEN = {
    "global": "values of other charts of an umbrella chart arrive here, too",
    "resources.claims[]": "Kubernetes' ResourceClaim",
    "topologySpreadConstraints[]": "Kubernetes' TopologySpreadConstraint",
    "affinity": "Kubernetes' Affinity",
    "tolerations[]": "Kubernetes' Toleration",
    "extraEnv[]": "Kubernetes' EnvVar",
    "extraVolumes[]": "Kubernetes' Volume",
    "extraVolumeMounts[]": "Kubernetes' VolumeMount",
    "extraObjects[]": "Kubernetes' objects of any kind",
    "networkPolicy.from[]": "Kubernetes' NetworkPolicyPeer",
    "networkPolicy.egress[]": "Kubernetes' NetworkPolicyEgressRule",
}
"""Where the schema takes any key, and whose keys these are: the API server checks them."""


def open_objects(part: Any, path: str = "") -> set[str]:
    """Return where a schema describes an object without saying which keys it may have, or what their values are."""
    if isinstance(part, list):
        return {found for item in part for found in open_objects(item, path)}
    if not isinstance(part, dict):
        return set()
    found = {path} if part.get("type") == "object" and part.get("additionalProperties", True) is True else set()
    for name, below in part.get("properties", {}).items():
        found |= open_objects(below, f"{path}.{name}".lstrip("."))
    return found | open_objects(part.get("items"), f"{path}[]") | open_objects(part.get("anyOf"), path)


def test_the_schema_refuses_keys_that_it_does_not_know_except_where_they_are_anothers() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert open_objects(schema) == set(OPEN)
    assert {name for name, part in schema["$defs"].items() if open_objects(part, name)} == set()


def test_an_object_that_takes_any_key_says_whose_keys_these_are() -> None:
    text = (CHART / "values.schema.json").read_text(encoding="utf-8")

    assert text.count('"$comment"') == len(OPEN)


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
        "shards",  # the scenario sharded has it: here it would repeat the pod
        "crds.enabled",
        "crds.keep",
        "rbac.create",
        "rbac.aggregate",
        "serviceAccount.create",
        "admissionPolicy.enabled",
        "networkPolicy.from",
    }
    assert {value.path for value in chart_values.values() if not has(value.path)} == elsewhere
