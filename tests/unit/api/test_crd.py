"""The CRD can be understood and cannot be abused: every field is described and bounded."""

from collections.abc import Iterator
from typing import Any

import pytest

from crm_monitoring.api.crd import crd
from crm_monitoring.api.v1alpha1 import patterns

SCHEMA: dict[str, Any] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
LARGEST = 200_000
"""Bytes. Above 262144 a client-side `kubectl apply` could not store it in its annotation."""


def nodes(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node of a schema with its path."""
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", below)
    for keyword in ("items", "additionalProperties"):
        if keyword in node:
            yield from nodes(f"{path}[]", node[keyword])


OURS = {path: node for block in ("spec", "status") for path, node in nodes(block, SCHEMA["properties"][block])}


def is_bounded(node: dict[str, Any]) -> bool:
    if "enum" in node:
        return True
    match node.get("type"):
        case "string":
            return "maxLength" in node
        case "array":
            return "maxItems" in node
        case "integer":
            return "minimum" in node and ("maximum" in node or node.get("format") == "int64")
        case "object":
            return "properties" in node or "maxProperties" in node
        case "boolean":
            return True
    return (
        bool(node.get("x-kubernetes-int-or-string")) and {"maxLength", "pattern", "minimum", "maximum"} <= node.keys()
    )


def test_everything_is_bounded() -> None:
    assert [path for path, node in OURS.items() if not is_bounded(node)] == []


def test_every_field_is_described_in_a_sentence() -> None:
    fields = {path: node for path, node in OURS.items() if not path.endswith("[]")}

    assert len(fields) > 300
    assert [path for path, node in fields.items() if not node.get("description", "").strip().endswith(".")] == []


def test_only_keywords_of_a_structural_schema_are_used() -> None:
    known = {
        "description", "type", "format", "enum", "default", "pattern", "required", "properties", "items", "additionalProperties",
        "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "maxProperties",
        "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-int-or-string",
    }  # fmt: skip

    assert {keyword for node in OURS.values() for keyword in node} <= known


def test_every_list_says_how_it_is_merged_or_is_one_value() -> None:
    atomic = {
        path for path, node in OURS.items() if node.get("type") == "array" and "x-kubernetes-list-type" not in node
    }

    assert atomic == {
        "spec.notifications.receivers[].email.to",
        "spec.notifications.muteTimings[].times",
    }


def test_every_rule_has_a_message_a_reason_and_a_field_that_exists() -> None:
    for path, node in nodes("", SCHEMA):
        for rule in node.get("x-kubernetes-validations", ()):
            assert rule["message"], path
            assert rule["reason"].startswith("FieldValue")
            below = node
            for name in rule.get("fieldPath", "").split(".")[1:]:
                below = below["properties"][name]


@pytest.mark.parametrize("pattern", sorted({node["pattern"] for node in OURS.values() if "pattern" in node}))
def test_every_pattern_of_the_spec_is_explained(pattern: str) -> None:
    of_status = {node["pattern"] for path, node in OURS.items() if path.startswith("status") and "pattern" in node}

    assert pattern in patterns.HINTS or pattern in of_status


def test_no_pattern_is_explained_in_vain() -> None:
    used = {node["pattern"] for node in OURS.values() if "pattern" in node}
    keys = str([node["x-kubernetes-validations"] for node in OURS.values() if "x-kubernetes-validations" in node])

    assert {pattern for pattern in patterns.HINTS if pattern not in used and pattern not in keys} == set()


def test_no_property_could_send_a_credential_elsewhere_or_read_a_file() -> None:
    forbidden = ("proxy", "header", "httpconfig", "exec", "host", "namespace", "insecure")

    names = {path.rpartition(".")[2].lower() for path in OURS if path.startswith("spec.")}

    assert {name for name in names if any(word in name for word in forbidden)} == {"smarthost"}


def test_it_fits_into_the_annotation_of_a_client_side_apply() -> None:
    assert len(str(crd())) < LARGEST
