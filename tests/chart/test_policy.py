"""The admission policy as it is written; tests/integration/test_admission.py holds it against an API server."""

import json
from typing import Any

from crm_monitoring.api.crd import crd
from support.charts import render, the


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
