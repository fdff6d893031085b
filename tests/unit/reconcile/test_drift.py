"""Desired against live: what must be written."""

from copy import deepcopy
from typing import Any

import pytest

from crm_monitoring.reconcile.drift import Change, compare

MANAGER = "crm-monitoring-operator"

DESIRED: dict[str, Any] = {
    "metadata": {
        "name": "a",
        "labels": {"ours": "1"},
        "ownerReferences": [{"uid": "u", "kind": "CRMMonitoring", "name": "crm"}],
    },
    "spec": {"interval": "15s", "endpoints": [{"port": "metrics", "path": "/metrics"}], "selector": {"app": "crm"}},
    "data": {"a.json": "{}"},
}

OURS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:ours": {}}, "f:ownerReferences": {'k:{"uid":"u"}': {}}},
    "f:spec": {"f:interval": {}, "f:endpoints": {}, "f:selector": {"f:app": {}}},
    "f:data": {"f:a.json": {}},
}


def entry(fields: dict[str, Any], manager: str = MANAGER, operation: str = "Apply", **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    body = deepcopy(DESIRED)
    body["metadata"]["managedFields"] = list(entries) or [entry(OURS)]
    return body


def test_an_equal_object_needs_nothing() -> None:
    assert compare(DESIRED, live(), MANAGER).change is Change.NONE


def test_defaults_of_the_api_server_are_nobodys_and_stay() -> None:
    body = live()
    body["spec"]["honorLabels"] = False
    assert compare(DESIRED, body, MANAGER).change is Change.NONE


@pytest.mark.parametrize(
    ("part", "path"),
    [("interval", "spec.interval"), ("endpoints", "spec.endpoints"), ("selector", "spec.selector")],
)
def test_a_missing_field_is_applied(part: str, path: str) -> None:
    body = live()
    del body["spec"][part]
    found = compare(DESIRED, body, MANAGER)
    assert found.change is Change.APPLY
    assert [difference.path for difference in found.differences] == [path]


def test_a_changed_value_deep_inside_is_applied() -> None:
    body = live()
    body["spec"]["endpoints"][0]["path"] = "/other"
    found = compare(DESIRED, body, MANAGER)
    assert (found.change, found.differences[0].path) == (Change.APPLY, "spec.endpoints[0].path")


def test_a_field_of_our_own_that_is_no_longer_wanted_is_applied_away() -> None:
    fields = deepcopy(OURS)
    fields["f:spec"]["f:sampleLimit"] = {}
    body = live(entry(fields))
    body["spec"]["sampleLimit"] = 5
    assert compare(DESIRED, body, MANAGER).change is Change.APPLY


def test_a_field_of_an_item_of_a_list_of_our_own_that_is_no_longer_wanted_is_applied_away() -> None:
    body = live()
    body["spec"]["endpoints"][0]["scheme"] = "http"
    found = compare(DESIRED, body, MANAGER)
    assert (found.change, [str(each) for each in found.differences]) == (
        Change.APPLY,
        ["spec.endpoints[0].scheme is no longer wanted"],
    )


ADDED_BY_OTHERS = {
    "a key in data": ({"f:data": {"f:b.json": {}}}, ("data", "b.json"), "{}"),
    "a field in spec": ({"f:spec": {"f:sampleLimit": {}}}, ("spec", "sampleLimit"), 5),
    "a key in a map of ours": ({"f:spec": {"f:selector": {"f:extra": {}}}}, ("spec", "selector", "extra"), "x"),
}


@pytest.mark.parametrize("case", ADDED_BY_OTHERS)
def test_what_somebody_else_added_is_replaced(case: str) -> None:
    fields, path, value = ADDED_BY_OTHERS[case]
    body = live(entry(OURS), entry(fields, "kubectl-edit", "Update"))
    place = body
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    assert compare(DESIRED, body, MANAGER).change is Change.REPLACE


def test_an_item_that_somebody_else_added_to_a_list_is_replaced() -> None:
    body = live(entry(OURS), entry({"f:spec": {"f:endpoints": {}}}, "kubectl-edit", "Update"))
    body["spec"]["endpoints"].append({"port": "other"})
    assert compare(DESIRED, body, MANAGER).change is not Change.NONE


def test_labels_and_annotations_that_others_added_are_theirs_to_keep() -> None:
    body = live(entry(OURS), entry({"f:metadata": {"f:labels": {"f:argo": {}}}}, "argocd", "Update"))
    body["metadata"]["labels"]["argo"] = "1"
    body["metadata"]["annotations"] = {"note": "x"}
    assert compare(DESIRED, body, MANAGER).change is Change.NONE


def test_a_label_of_ours_that_is_no_longer_wanted_is_applied_away() -> None:
    fields = deepcopy(OURS)
    fields["f:metadata"]["f:labels"]["f:old"] = {}
    body = live(entry(fields))
    body["metadata"]["labels"]["old"] = "1"
    assert compare(DESIRED, body, MANAGER).change is Change.APPLY


def test_a_lost_owner_reference_is_applied_again() -> None:
    body = live()
    body["metadata"]["ownerReferences"] = []
    assert compare(DESIRED, body, MANAGER).change is Change.APPLY


def test_an_owner_that_left_is_taken_out_of_the_references() -> None:
    fields = deepcopy(OURS)
    fields["f:metadata"]["f:ownerReferences"]['k:{"uid":"gone"}'] = {}
    assert compare(DESIRED, live(entry(fields)), MANAGER).change is Change.APPLY


def test_status_written_by_others_is_no_drift() -> None:
    body = live(entry(OURS), entry({"f:status": {"f:bindings": {}}}, "po", "Update", subresource="status"))
    body["status"] = {"bindings": []}
    assert compare(DESIRED, body, MANAGER).change is Change.NONE


def test_a_difference_names_the_field_and_never_the_value() -> None:
    body = live()
    body["data"]["a.json"] = "secret-value"
    assert "secret-value" not in str(compare(DESIRED, body, MANAGER))
