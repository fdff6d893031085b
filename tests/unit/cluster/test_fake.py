"""The cluster in memory behaves like the real one where tests rely on it."""

import asyncio

import pytest

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.port import ABSENT, Cluster, Expired, FieldConflict
from crm_monitoring.errors import Conflict, DependencyMissing, NamespaceTerminating, NotLeading, Unavailable
from crm_monitoring.manifest import CONFIG_MAP, ObjectKey

KEY = ObjectKey(CONFIG_MAP, "shop", "a")


def config_map(name="a", *, labels=None, owner=None, **data):
    metadata = {"name": name, "namespace": "shop"}
    if labels:
        metadata["labels"] = labels
    if owner:
        metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": owner}]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture
def cluster():
    return FakeCluster()


def test_it_has_the_shape_of_the_port():
    cluster: Cluster = FakeCluster()
    assert cluster


async def test_an_apply_sets_removes_and_keeps(cluster):
    await cluster.apply(config_map(x="1", y="2"), force=True)
    cluster.put({**(await cluster.get(KEY)), "data": {"x": "1", "y": "2", "theirs": "3"}})
    live = await cluster.apply(config_map(x="4"), force=True)
    assert live["data"] == {"x": "4", "theirs": "3"}


async def test_an_apply_that_changes_nothing_changes_no_version(cluster):
    first = await cluster.apply(config_map(x="1"), force=True)
    second = await cluster.apply(config_map(x="1"), force=True)
    assert first == second
    assert len(cluster.writes) == 2


async def test_an_apply_can_be_confined_to_absent_objects_or_to_one_version(cluster):
    fresh = config_map(x="1")
    fresh["metadata"]["resourceVersion"] = ABSENT
    made = await cluster.apply(fresh, force=True)
    with pytest.raises(Conflict):
        await cluster.apply(fresh, force=True)
    fresh["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    assert await cluster.apply(fresh, force=True) == made


async def test_a_field_of_another_is_a_conflict_unless_forced(cluster):
    cluster.put(config_map(x="1", y="2"), manager="helm")
    with pytest.raises(FieldConflict) as caught:
        await cluster.apply(config_map(x="9"), force=False)
    assert caught.value.owners == {".data.x": "helm"}
    assert cluster.writes == []
    live = await cluster.apply(config_map(x="9"), force=True)
    assert live["data"] == {"x": "9", "y": "2"}
    managers = {entry["manager"]: entry["fieldsV1"] for entry in live["metadata"]["managedFields"]}
    assert managers == {"helm": {"f:data": {"f:y": {}}}, "crm-monitoring-operator": {"f:data": {"f:x": {}}}}


async def test_a_shared_field_survives_when_one_owner_lets_go(cluster):
    cluster.put(config_map(x="1"), manager="helm")
    await cluster.apply(config_map(x="1"), force=False)
    live = await cluster.apply(config_map(), force=False)
    assert live["data"] == {"x": "1"}


async def test_sharing_a_map_is_no_conflict(cluster):
    cluster.put(config_map(), manager="helm")
    await cluster.apply(config_map(x="1"), force=False)
    live = await cluster.apply(config_map(), force=False)
    assert live["data"] == {}


async def test_a_dry_run_changes_nothing(cluster):
    live = await cluster.apply(config_map(x="1"), force=True, dry_run=True)
    assert live["data"] == {"x": "1"}
    assert cluster.objects() == []
    assert cluster.writes == []


async def test_generation_counts_changes_of_the_spec_only(cluster):
    first = await cluster.apply(config_map(x="1"), force=True)
    second = await cluster.patch_status(KEY, first["metadata"]["uid"], {"phase": "x"})
    third = await cluster.apply(config_map(labels={"l": "1"}, x="1"), force=True)
    fourth = await cluster.apply(config_map(labels={"l": "1"}, x="2"), force=True)
    assert [item["metadata"]["generation"] for item in (first, second, third, fourth)] == [1, 1, 1, 2]
    versions = [int(item["metadata"]["resourceVersion"]) for item in (first, second, third, fourth)]
    assert versions == sorted(set(versions))


async def test_status_and_delete_need_the_right_uid(cluster):
    live = await cluster.apply(config_map(x="1"), force=True)
    with pytest.raises(Conflict):
        await cluster.patch_status(KEY, "other", {})
    with pytest.raises(Conflict):
        await cluster.delete(KEY, uid="other")
    await cluster.delete(KEY, uid=live["metadata"]["uid"])
    await cluster.delete(KEY, uid=live["metadata"]["uid"])
    assert await cluster.get(KEY) is None


async def test_uids_are_not_used_twice(cluster):
    first = await cluster.apply(config_map(), force=True)
    cluster.drop(KEY)
    second = await cluster.apply(config_map(), force=True)
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


@pytest.mark.parametrize(
    ("operations", "data"),
    [
        (
            [{"op": "test", "path": "/data/x", "value": "1"}, {"op": "replace", "path": "/data/x", "value": "2"}],
            {"x": "2"},
        ),
        ([{"op": "add", "path": "/data/y~1z", "value": "2"}, {"op": "remove", "path": "/data/x"}], {"y/z": "2"}),
        ([{"op": "copy", "from": "/data/x", "path": "/data/y"}], {"x": "1", "y": "1"}),
        ([{"op": "move", "from": "/data/x", "path": "/data/y"}], {"y": "1"}),
        ([{"op": "test", "path": "/data/x", "value": "2"}], None),
        ([{"op": "remove", "path": "/data/y"}], None),
        ([{"op": "replace", "path": "/data/y", "value": "2"}], None),
        ([{"op": "remove", "path": "/data/x"}, {"op": "test", "path": "/data/x", "value": "1"}], None),
    ],
)
async def test_a_json_patch_is_done_as_a_whole_or_not_at_all(cluster, operations, data):
    await cluster.apply(config_map(x="1"), force=True)
    if data is None:
        with pytest.raises(Conflict):
            await cluster.json_patch(KEY, operations)
        assert (await cluster.get(KEY))["data"] == {"x": "1"}
    else:
        assert (await cluster.json_patch(KEY, operations))["data"] == data


async def test_a_patch_can_drop_an_entry_of_managed_fields(cluster):
    cluster.put(config_map(x="1"), manager="helm")
    await cluster.apply(config_map(x="1"), force=True)
    live = await cluster.json_patch(KEY, [{"op": "remove", "path": "/metadata/managedFields/0"}])
    assert [entry["manager"] for entry in live["metadata"]["managedFields"]] == ["helm"]


async def test_a_patch_of_an_absent_object_is_a_conflict(cluster):
    with pytest.raises(Conflict):
        await cluster.json_patch(KEY, [])


async def test_events_get_names_of_their_own(cluster):
    body = config_map()
    body["metadata"] = {"generateName": "e-", "namespace": "shop"}
    first, second = await cluster.create(body), await cluster.create(body)
    assert first["metadata"]["name"] != second["metadata"]["name"]
    with pytest.raises(Conflict):
        await cluster.create(first)


async def test_what_has_no_owner_left_is_collected(cluster):
    owner = await cluster.apply(config_map("owner"), force=True)
    await cluster.apply(config_map("child", owner=owner["metadata"]["uid"]), force=True)
    assert cluster.collect_garbage() == []
    cluster.drop(ObjectKey(CONFIG_MAP, "shop", "owner"))
    assert cluster.collect_garbage() == [ObjectKey(CONFIG_MAP, "shop", "child")]


async def test_a_fault_strikes_once_and_before_anything_is_done(cluster):
    cluster.fail_next(lambda call: call.verb == "apply", Unavailable("no"))
    assert await cluster.get(KEY) is None
    with pytest.raises(Unavailable):
        await cluster.apply(config_map(), force=True)
    assert cluster.writes == []
    await cluster.apply(config_map(), force=True)


async def test_a_kind_can_go_and_come_back(cluster):
    cluster.put(config_map())
    cluster.unserve(CONFIG_MAP)
    for call in (cluster.get(KEY), cluster.list(CONFIG_MAP), cluster.apply(config_map(), force=True)):
        with pytest.raises(DependencyMissing):
            await call
    cluster.serve(CONFIG_MAP)
    assert (await cluster.list(CONFIG_MAP)).items == ()


async def test_nothing_is_made_in_a_namespace_that_goes_away(cluster):
    cluster.put(config_map("old"))
    cluster.terminate("shop")
    with pytest.raises(NamespaceTerminating):
        await cluster.apply(config_map(), force=True)
    await cluster.apply(config_map("old", x="1"), force=True)


async def test_who_does_not_lead_does_not_write():
    cluster = FakeCluster(may_write=lambda: False)
    with pytest.raises(NotLeading):
        await cluster.apply(config_map(), force=True)


async def test_pages_show_one_moment(cluster):
    for name in "abcd":
        cluster.put(config_map(name))
    first = await cluster.list(CONFIG_MAP, limit=2)
    cluster.drop(ObjectKey(CONFIG_MAP, "shop", "c"))
    cluster.put(config_map("e"))
    second = await cluster.list(CONFIG_MAP, limit=2, continue_token=first.continue_token)
    assert [item["metadata"]["name"] for item in (*first.items, *second.items)] == ["a", "b", "c", "d"]
    cluster.journal.compact()
    with pytest.raises(Expired):
        await cluster.list(CONFIG_MAP, limit=2, continue_token=first.continue_token)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("", "ab"),
        ("k=1", "a"),
        ("k==1", "a"),
        ("k!=1", "b"),
        ("k", "a"),
        ("!k", "b"),
        ("k=1,l=2", ""),
        ("k=1, !l", "a"),
    ],
)
async def test_labels_select(cluster, selector, found):
    cluster.put(config_map("a", labels={"k": "1"}))
    cluster.put(config_map("b", labels={"m": "1"}))
    page = await cluster.list(CONFIG_MAP, label_selector=selector)
    assert "".join(item["metadata"]["name"] for item in page.items) == found


async def test_a_watch_sees_what_happened_since_and_what_happens_now(cluster):
    cluster.put(config_map("a", labels={"k": "1"}))
    version = str(cluster.journal.version)
    cluster.put(config_map("b", labels={"k": "1"}))
    stream = cluster.watch(CONFIG_MAP, resource_version=version, label_selector="k=1", namespace="shop")
    assert (await anext(stream)).type == "ADDED"
    later = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    cluster.put(config_map("a"))
    event = await later
    assert (event.type, event.object["metadata"]["name"]) == ("DELETED", "a")
    cluster.drop(ObjectKey(CONFIG_MAP, "shop", "b"))
    assert (await anext(stream)).type == "DELETED"


async def test_what_is_handed_out_is_a_copy(cluster):
    cluster.put(config_map(x="1"))
    (await cluster.get(KEY))["data"]["x"] = "changed"
    assert (await cluster.get(KEY))["data"] == {"x": "1"}
