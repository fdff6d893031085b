"""Fingerprints: equal ones mean that a comparison of the objects themselves would find nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile import fingerprint
from crm_monitoring.reconcile.drift import Change, compare
from support.reconciling import config_map, edit

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(st.text("xy", max_size=2), st.integers(0, 2), st.booleans())
CONTENT = st.dictionaries(
    NAMES,
    st.recursive(
        LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=2))
    ),
    min_size=1,
    max_size=3,
)


def child(content: dict[str, Any], **metadata: Any) -> Manifest:
    return {**config_map(**metadata), "data": content}


async def applied(desired: Manifest) -> tuple[FakeCluster, Manifest]:
    cluster = FakeCluster()
    return cluster, await cluster.apply(desired, force=True)


def found(desired: Manifest, live: Manifest) -> Change:
    return compare(desired, live, FIELD_MANAGER).change


@given(content=CONTENT)
async def test_what_was_applied_has_the_fingerprint_of_what_is_desired(content: dict[str, Any]) -> None:
    _, live = await applied(child(content))
    assert fingerprint.of(live) == fingerprint.of_desired(child(content))


@given(before=CONTENT, after=CONTENT)
async def test_equal_fingerprints_mean_that_nothing_is_to_be_written(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    _, live = await applied(child(before))
    if fingerprint.of(live) == fingerprint.of_desired(child(after)):
        assert found(child(after), live) is Change.NONE


@given(content=CONTENT, edited=CONTENT, wanted=st.booleans())
async def test_an_edit_of_somebody_else_never_hides_behind_an_equal_fingerprint(
    content: dict[str, Any], edited: dict[str, Any], wanted: bool
) -> None:
    cluster, live = await applied(child(content))
    live = edit(cluster, {**live, "data": {**(live["data"] if wanted else {}), **edited}})
    if fingerprint.of(live) == fingerprint.of_desired(child(content)):
        assert found(child(content), live) is Change.NONE


async def test_labels_and_annotations_of_others_change_no_fingerprint() -> None:
    cluster, live = await applied(child({"a": "x"}))
    before = fingerprint.of(live)
    metadata = {**live["metadata"], "labels": {**live["metadata"]["labels"], "team": "x"}, "annotations": {"n": "1"}}
    live = edit(cluster, {**live, "metadata": metadata})
    assert fingerprint.of(live) == before == fingerprint.of_desired(child({"a": "x"}))


async def test_content_that_somebody_else_owns_too_has_no_fingerprint() -> None:
    cluster, live = await applied(child({"a": "x"}))
    live = edit(cluster, {**live, "data": {"a": "x", "b": "y"}})
    assert fingerprint.of(live) is None


def test_an_object_that_we_never_applied_has_no_fingerprint() -> None:
    assert fingerprint.of(child({"a": "x"})) is None


def test_defaults_of_the_api_server_beside_our_fields_change_no_fingerprint() -> None:
    fields = {
        "f:metadata": {
            "f:labels": {".": {}, "f:app.kubernetes.io/managed-by": {}},
            "f:ownerReferences": {
                ".": {},
                f'k:{{"uid":"{config_map()["metadata"]["ownerReferences"][0]["uid"]}"}}': {},
            },
        },
        "f:spec": {"f:groups": {'k:{"name":"one"}': {".": {}, "f:name": {}, "f:rules": {}}}, "f:tags": {'v:"t"': {}}},
    }
    desired = {**config_map(), "spec": {"groups": [{"name": "one", "rules": [{"expr": "up"}]}], "tags": ["t"]}}
    del desired["data"]
    live = {
        **desired,
        "spec": {
            "groups": [{"name": "one", "rules": [{"expr": "up"}], "interval": "30s"}],
            "tags": ["t"],
            "limit": 0,
        },
    }
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}
    live["metadata"] = {**live["metadata"], "managedFields": [entry]}
    assert fingerprint.of(live) == fingerprint.of_desired(desired)
    assert found(desired, live) is Change.NONE
    live["spec"] = {**live["spec"], "groups": [*live["spec"]["groups"], {"name": "two", "rules": []}]}
    assert fingerprint.of(live) is None


async def test_a_condensed_child_keeps_who_and_whose_it_is_and_its_fingerprint_only() -> None:
    _, live = await applied(child({"a": "x"}))
    condensed = fingerprint.condensed(live)
    assert fingerprint.is_condensed(condensed)
    assert not fingerprint.is_condensed(live)
    assert fingerprint.of(condensed) == fingerprint.of(live)
    assert "data" not in condensed
    assert "managedFields" not in condensed["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "ownerReferences")
    assert {name: condensed["metadata"][name] for name in kept} == {name: live["metadata"][name] for name in kept}
