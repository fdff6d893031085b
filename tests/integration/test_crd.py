"""A real API server takes the CRD, and its verdict on resources is the offline one."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from crm_monitoring.api.crd import crd
from crm_monitoring.api.parsing import parse
from crm_monitoring.api.v1alpha1 import CRMMonitoring, Spec
from crm_monitoring.manifest import CRM_MONITORING, Manifest
from support.resources import full, minimal
from support.verdicts import INVALID, ONLY_PYTHON, VALID
from testbed.apiclient import Answer
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

ACCEPTED = {**VALID, **ONLY_PYTHON}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def served(control_plane: ControlPlane) -> ControlPlane:
    """Create the CRD strictly and wait until its kind can be written."""
    answer = control_plane.api.request("POST", f"{CRDS}?fieldValidation=Strict", crd())
    assert answer.status in (201, 409), answer.body
    control_plane.apply(yaml.safe_dump(crd()))
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{CRM_MONITORING.crd_name}")
    deadline = time.monotonic() + 30
    while send(control_plane, "default", minimal()).status == 404:
        assert time.monotonic() < deadline, "the API server does not serve CRMMonitoring"
        time.sleep(0.1)
    return control_plane


def send(plane: ControlPlane, namespace: str, body: Mapping[str, Any], *, dry_run: bool = True) -> Answer:
    """Create a resource strictly; a dry run unless told otherwise."""
    metadata = {"name": body["metadata"]["name"], "namespace": namespace}
    path = f"/apis/{CRM_MONITORING.api_version}/namespaces/{namespace}/{CRM_MONITORING.plural}?fieldValidation=Strict"
    return plane.api.request("POST", path + ("&dryRun=All" if dry_run else ""), {**body, "metadata": metadata})


def test_the_crd_is_the_one_that_is_served_without_a_warning(served: ControlPlane) -> None:
    live = served.api.request("GET", f"{CRDS}/{CRM_MONITORING.crd_name}").body

    conditions = {condition["type"]: condition["status"] for condition in live["status"]["conditions"]}
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert live["spec"]["versions"] == crd()["spec"]["versions"]


@pytest.mark.parametrize("sentence", ACCEPTED)
def test_the_api_server_accepts_what_the_table_says(served: ControlPlane, sentence: str) -> None:
    body, _ = ACCEPTED[sentence]

    answer = send(served, "default", body)

    assert answer.status == 201, answer.body["message"]


@pytest.mark.parametrize("sentence", INVALID)
def test_the_api_server_refuses_what_the_table_says_and_blames_the_same_field(
    served: ControlPlane, sentence: str
) -> None:
    body, path = INVALID[sentence]
    assert path is not None

    answer = send(served, "default", body)

    assert answer.status in (400, 422), answer.body
    assert path in answer.body["message"]


def test_the_defaults_of_the_server_are_those_of_the_models(served: ControlPlane) -> None:
    stored = send(served, "default", minimal()).body

    assert parse(stored).spec == parse(minimal()).spec
    assert stored["spec"] == without_empty(dumped(parse(minimal())))


def test_every_nested_default_of_the_server_is_that_of_the_models(served: ControlPlane) -> None:
    bare = full({"workload": {"probes": {"readiness": {}, "liveness": {}, "startup": {}}}, "blackbox": {}})
    bare["spec"]["notifications"] = {
        "receivers": [{"name": "audit", "webhook": {"urlSecretRef": {"name": "a", "key": "b"}}}]
    }

    stored = send(served, "default", bare).body

    assert stored["spec"] == without_empty(dumped(parse(bare)))


def test_at_birth_ready_is_unknown_without_a_write(served: ControlPlane, namespace: str) -> None:
    send(served, namespace, minimal(), dry_run=False)

    [condition] = resource(served, namespace)["status"]["conditions"]

    assert (condition["type"], condition["status"], condition["reason"]) == ("Ready", "Unknown", "Pending")


def test_the_columns_tell_state_target_and_rules(served: ControlPlane, namespace: str) -> None:
    send(served, namespace, minimal(), dry_run=False)
    set_status(served, namespace, ready("True", "Ready", "All is in place."))

    for kind in ("crmmon", "crm"):
        header, row = served.kubectl("get", kind, "--namespace", namespace).stdout.splitlines()
        assert header.split() == ["NAME", "READY", "REASON", "TARGET", "RULES", "AGE"]
        assert row.split()[:-1] == ["crm", "True", "Ready", "crm-api", "20"]
    wide = served.kubectl("get", "crmmon", "--namespace", namespace, "-o", "wide").stdout
    assert "All is in place." in wide


def test_resources_can_be_selected_by_their_target(served: ControlPlane, namespace: str) -> None:
    send(served, namespace, minimal(), dry_run=False)
    send(served, namespace, minimal({"target": {"name": "other"}}, name="other"), dry_run=False)

    query = ("get", "crmmon", "--namespace", namespace, "-o", "name", "--field-selector", "spec.target.name=other")

    assert served.kubectl(*query).stdout.split() == ["crmmonitoring.monitoring.crm.io/other"]


def test_a_written_status_is_kept_whole(served: ControlPlane, namespace: str) -> None:
    send(served, namespace, minimal(), dry_run=False)
    status = ready("False", "NameConflict", "An object has the name of ours.")

    set_status(served, namespace, status)

    assert resource(served, namespace)["status"] == status


@pytest.mark.parametrize("path", ["", ".spec", ".spec.metrics", ".spec.alerts.overrides.CRMDeliveryRateLow", ".status"])
def test_explain_describes_every_field(served: ControlPlane, path: str) -> None:
    explained = served.kubectl("explain", f"crmmonitoring{path}").stdout

    assert "<no description>" not in explained


def test_explain_lists_everything(served: ControlPlane) -> None:
    explained = served.kubectl("explain", "crmmonitoring.spec", "--recursive").stdout

    assert "<no description>" not in explained
    for field in Spec.model_fields.values():
        assert (field.alias or "") in explained


def resource(plane: ControlPlane, namespace: str) -> Manifest:
    path = f"/apis/{CRM_MONITORING.api_version}/namespaces/{namespace}/{CRM_MONITORING.plural}/crm"
    body: Manifest = plane.api.request("GET", path).body
    return body


def set_status(plane: ControlPlane, namespace: str, status: Mapping[str, Any]) -> None:
    path = f"/apis/{CRM_MONITORING.api_version}/namespaces/{namespace}/{CRM_MONITORING.plural}/crm/status"
    query = "?fieldValidation=Strict"
    answer = plane.api.request("PATCH", path + query, {"status": status}, "application/merge-patch+json")
    assert answer.status == 200, answer.body


def ready(status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
                "observedGeneration": 1,
            }
        ],
        "resources": [{"kind": "PrometheusRule", "name": "crm-crm-alerts", "state": "Applied", "message": "fine"}],
        "rules": {"recording": 30, "alerting": 20},
        "warnings": ["spec.metrics.path: differs"],
    }


def dumped(model: CRMMonitoring) -> Any:
    return model.spec.model_dump(mode="json", by_alias=True)


def without_empty(value: Any) -> Any:
    """Return the value without what the server does not fill in: absent blocks, empty maps and lists."""
    if isinstance(value, dict):
        below = {name: without_empty(item) for name, item in value.items()}
        return {name: item for name, item in below.items() if item not in (None, [], {})}
    return [without_empty(item) for item in value] if isinstance(value, list) else value
