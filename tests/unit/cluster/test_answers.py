"""What answers of the API server mean."""

import pytest

from crm_monitoring.cluster.answers import Absent, Call, error_of
from crm_monitoring.cluster.port import Expired, FieldConflict
from crm_monitoring.errors import (
    ClusterError,
    Conflict,
    DependencyMissing,
    Forbidden,
    NamespaceTerminating,
    Refused,
    Unavailable,
)
from crm_monitoring.manifest import CONFIG_MAP, CRM_MONITORING, PROMETHEUS_RULE, SECRET

APPLY = Call("apply", PROMETHEUS_RULE, "shop", "crm-crm-rules")
LIST = Call("list", PROMETHEUS_RULE)
SECRET_TEXT = "hunter2"


def status(reason="", message="", **details):
    return {"kind": "Status", "reason": reason, "message": message, "details": details}


def cause(reason="", field="", message=""):
    return {"reason": reason, "field": field, "message": message}


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (400, status("BadRequest"), Refused),
        (401, status("Unauthorized"), Forbidden),
        (403, status("Forbidden"), Forbidden),
        (404, None, DependencyMissing),
        (405, status("MethodNotAllowed"), DependencyMissing),
        (409, status("Conflict"), Conflict),
        (410, status("Expired"), Expired),
        (413, status("RequestEntityTooLarge"), Refused),
        (415, None, Refused),
        (422, status("Invalid"), Refused),
        (429, status("TooManyRequests"), Unavailable),
        (500, status("InternalError"), Unavailable),
        (502, None, Unavailable),
        (503, None, Unavailable),
        (504, None, Unavailable),
        (307, None, Unavailable),
        (418, None, Unavailable),
    ],
)
def test_each_code_has_its_class(code, body, expected):
    error = error_of(code, body, None, APPLY)
    assert type(error) is expected
    assert str(error)


@pytest.mark.parametrize("code", range(300, 600))
def test_no_answer_whatever_it_holds_gets_into_the_message(code):
    poison = cause(SECRET_TEXT + "!", f"spec.\n{SECRET_TEXT}", f'conflict with "{SECRET_TEXT}\n" using v1')
    fieldless = cause("FieldManagerConflict", f"bad\x00{SECRET_TEXT}", SECRET_TEXT)
    body = status(
        SECRET_TEXT, f"the value {SECRET_TEXT} is wrong", causes=[poison, fieldless, None, 7], name=SECRET_TEXT
    )
    for answer in (body, None, [], "text", {"details": 3}, {"details": {"causes": 3}}):
        error = error_of(code, answer, "tomorrow", Call("apply", SECRET, "shop", "crm"))
        assert isinstance(error, ClusterError)
        assert SECRET_TEXT not in str(error)


def test_a_conflict_names_the_fields_and_their_managers():
    causes = [
        cause("FieldManagerConflict", ".spec.groups", 'conflict with "kubectl-edit" using v1 at 2024-01-01T00:00:00Z'),
        cause(
            "FieldManagerConflict",
            '.spec.c[name="api"].image',
            'conflict with "helm" with subresource "scale" using v1',
        ),
        cause("FieldManagerConflict", '.metadata.finalizers[="hunter2"]', "something else"),
    ]
    error = error_of(409, status("Conflict", causes=causes), None, APPLY)
    assert isinstance(error, FieldConflict)
    assert error.owners == {
        ".spec.groups": "kubectl-edit",
        '.spec.c[name="api"].image': "helm",
        ".metadata.finalizers[*]": "unknown",
    }
    assert '.spec.groups (owned by "kubectl-edit")' in str(error)


def test_a_refusal_names_fields_but_no_values():
    causes = [cause("FieldValueInvalid", "spec.groups[0].interval", f'Invalid value: "{SECRET_TEXT}"')]
    error = error_of(422, status("Invalid", causes=causes), None, APPLY)
    assert str(error) == (
        "PrometheusRule shop/crm-crm-rules: the API server refuses spec.groups[0].interval (FieldValueInvalid)"
    )


def test_a_long_refusal_is_cut():
    causes = [cause("FieldValueInvalid", f"spec.f{i}") for i in range(20)]
    assert "and 12 more" in str(error_of(422, status("Invalid", causes=causes), None, APPLY))


@pytest.mark.parametrize(
    ("code", "message", "fields"),
    [
        (400, 'CRMMonitoring in version "v1alpha1" cannot be handled as a CRMMonitoring: strict decoding error: '
              'unknown field "spec.x", unknown field "spec.alerts.y"', "spec.x, spec.alerts.y"),
        (500, "failed to create typed patch object (a/b; g/v1, Kind=K): .spec.x: field not declared in schema", "spec.x"),
    ],
)  # fmt: skip
def test_an_unknown_field_is_named_however_it_is_reported(code, message, fields):
    error = error_of(code, status("BadRequest", message), None, Call("apply", CRM_MONITORING, "shop", "crm"))
    assert type(error) is Refused
    assert str(error) == f"CRMMonitoring shop/crm: unknown field {fields}"


def test_an_object_that_etcd_finds_too_large_is_refused_for_good():
    assert type(error_of(500, status("", "etcdserver: request is too large"), None, APPLY)) is Refused


def test_a_terminating_or_absent_namespace_is_told_from_a_missing_permission():
    terminating = status("Forbidden", causes=[cause("NamespaceTerminating", "metadata.namespace")])
    assert type(error_of(403, terminating, None, APPLY)) is NamespaceTerminating
    assert type(error_of(404, status("NotFound", name="shop", kind="namespaces"), None, APPLY)) is NamespaceTerminating
    forbidden = error_of(403, status("Forbidden"), None, APPLY)
    assert "not allowed to patch prometheusrules.monitoring.coreos.com in namespace shop" in str(forbidden)
    everywhere = error_of(403, status("Forbidden"), None, Call("list", SECRET))
    assert "not allowed to list secrets in all namespaces" in str(everywhere)


def test_a_missing_kind_is_named_by_its_definition():
    for call in (APPLY, LIST):
        assert "prometheusrules.monitoring.coreos.com" in str(error_of(404, None, None, call))
    assert "configmaps (v1)" in str(error_of(404, None, None, Call("list", CONFIG_MAP)))


def test_a_missing_object_is_no_missing_kind():
    call = Call("patch", PROMETHEUS_RULE, "shop", "crm")
    error = error_of(404, status("NotFound", name="crm", group="monitoring.coreos.com"), None, call)
    assert type(error) is Absent
    assert isinstance(error, Conflict)


def test_a_failed_test_of_a_json_patch_is_a_conflict():
    call = Call("patch", CONFIG_MAP, "shop", "crm", json_patch=True)
    assert type(error_of(422, status("Invalid"), None, call)) is Conflict
    assert type(error_of(422, status("Invalid", causes=[cause("FieldValueInvalid", "data")]), None, call)) is Refused


def test_another_uid_is_a_conflict():
    error = error_of(422, status("Invalid", causes=[cause("FieldValueInvalid", "metadata.uid")]), None, APPLY)
    assert type(error) is Conflict


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("1", 1.0), (" 7 ", 7.0), ("999999", 60.0), ("-1", None), ("soon", None), (None, None), ("", None),
     ("Fri, 31 Dec 1999 23:59:59 GMT", None), ("1.5", None), ("9" * 400, None), ("٣", None)],
)  # fmt: skip
def test_patience_is_read_from_the_header_within_reason(header, seconds):
    error = error_of(429, None, header, APPLY)
    assert isinstance(error, Unavailable)
    assert error.retry_after_seconds == seconds


def test_patience_is_read_from_the_body_when_there_is_no_header():
    error = error_of(503, status(retryAfterSeconds=3), None, APPLY)
    assert isinstance(error, Unavailable)
    assert error.retry_after_seconds == 3.0
