"""The cluster layer against a real API server: the answers that the unit tests only assume."""

import asyncio
import json
import uuid
from contextlib import asynccontextmanager

import pytest

from crm_monitoring.cluster.connection import Connection
from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.cluster.lease import Elector, Timing
from crm_monitoring.cluster.port import ABSENT, FieldConflict
from crm_monitoring.cluster.reflector import Pace, Reflector
from crm_monitoring.cluster.store import Store
from crm_monitoring.errors import (
    Conflict,
    DependencyMissing,
    Forbidden,
    NamespaceTerminating,
    NotLeading,
    Refused,
    Unavailable,
)
from crm_monitoring.manifest import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    LEASE,
    SECRET,
    Kind,
    ObjectKey,
)
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def cluster(control_plane):
    async with KubeCluster(Connection.load(str(control_plane.kubeconfig())), may_write=lambda: True) as it:
        yield it


def config_map(namespace, name="a", *, labels=None, **data):
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(namespace, image):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "api", "image": image}]},
            },
        },
    }


async def eventually(condition, within=20.0):
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def reflecting(cluster, store, **options):
    options.setdefault("pace", Pace(first_backoff=0.1, longest_backoff=0.5, poll_missing=0.3))
    reflector = Reflector(cluster, store, **options)
    task = asyncio.create_task(reflector.run())
    try:
        yield reflector
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def names(store):
    return sorted(item["metadata"]["name"] for item in store)


async def test_an_object_is_applied_read_patched_and_deleted(cluster, namespace):
    key = ObjectKey(CONFIG_MAP, namespace, "a")
    made = await cluster.apply(config_map(namespace, x="1"), force=False)
    again = await cluster.apply(config_map(namespace, x="1"), force=False)
    assert made["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"], "nothing changed"
    assert made["metadata"]["managedFields"][0]["manager"] == "crm-monitoring-operator"
    patched = await cluster.json_patch(
        key, [{"op": "test", "path": "/data/x", "value": "1"}, {"op": "add", "path": "/data/y", "value": "2"}]
    )
    assert patched["data"] == {"x": "1", "y": "2"}
    assert (await cluster.get(key)) == patched
    with pytest.raises(Conflict):
        await cluster.delete(key, uid=NOWHERE)
    await cluster.delete(key, uid=made["metadata"]["uid"])
    await cluster.delete(key, uid=made["metadata"]["uid"])
    assert await cluster.get(key) is None


async def test_an_apply_can_be_confined_to_absent_objects(cluster, namespace):
    fresh = config_map(namespace, x="1")
    fresh["metadata"]["resourceVersion"] = ABSENT
    made = await cluster.apply(fresh, force=True)
    assert [entry["operation"] for entry in made["metadata"]["managedFields"]] == ["Apply"]
    with pytest.raises(Conflict):
        await cluster.apply({**fresh, "data": {"x": "2"}}, force=True)
    assert await cluster.get(ObjectKey(CONFIG_MAP, namespace, "a")) == made


async def test_a_dry_run_leaves_nothing(cluster, namespace):
    answer = await cluster.apply(config_map(namespace, x="1"), force=True, dry_run=True)
    assert answer["data"] == {"x": "1"}
    assert await cluster.get(ObjectKey(CONFIG_MAP, namespace, "a")) is None


async def test_a_patch_that_does_not_fit_is_a_conflict(cluster, namespace):
    key = ObjectKey(CONFIG_MAP, namespace, "a")
    with pytest.raises(Conflict):
        await cluster.json_patch(key, [])
    await cluster.apply(config_map(namespace, x="1"), force=True)
    for operation in (
        {"op": "test", "path": "/data/x", "value": "2"},
        {"op": "remove", "path": "/data/y"},
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
    ):
        with pytest.raises(Conflict):
            await cluster.json_patch(key, [operation])


async def test_a_status_needs_the_right_uid(cluster, namespace):
    key = ObjectKey(DEPLOYMENT, namespace, "d")
    live = await cluster.apply(deployment(namespace, "one"), force=True)
    written = await cluster.patch_status(key, live["metadata"]["uid"], {"replicas": 3})
    assert written["status"]["replicas"] == 3
    with pytest.raises(Conflict):
        await cluster.patch_status(key, NOWHERE, {"replicas": 4})
    with pytest.raises(Refused, match=r"unknown field status\.replicaz"):
        await cluster.patch_status(key, live["metadata"]["uid"], {"replicaz": 4})


async def test_a_conflict_names_field_and_manager(cluster, control_plane, namespace):
    control_plane.kubectl("create", "deployment", "d", "--image=one", "-n", namespace, "--field-manager=helm")
    wanted = deployment(namespace, "two")
    wanted["spec"] = {"template": {"spec": {"containers": [{"name": "one", "image": "two"}]}}}
    with pytest.raises(FieldConflict) as caught:
        await cluster.apply(wanted, force=False)
    assert caught.value.owners == {'.spec.template.spec.containers[name="one"].image': "helm"}


async def test_what_the_server_will_never_accept_is_refused_by_field(cluster, namespace):
    with pytest.raises(Refused, match=r"unknown field dat$"):
        await cluster.apply({**config_map(namespace), "dat": {}}, force=True)
    with pytest.raises(Refused, match=r"unknown field dat$"):
        await cluster.create({**config_map(namespace), "dat": {}})
    with pytest.raises(Refused) as caught:
        await cluster.apply({**config_map(namespace), "data": {"b/b": "hunter2"}}, force=True)
    assert "hunter2" not in str(caught.value)
    for size in (2_000_000, 4_000_000):
        with pytest.raises(Refused, match="too large"):
            await cluster.apply(config_map(namespace, x="x" * size), force=True)


async def test_a_namespace_that_is_not_there_or_goes_away_is_told(cluster, control_plane):
    name = f"going-{uuid.uuid4().hex[:8]}"
    with pytest.raises(NamespaceTerminating):
        await cluster.apply(config_map(name), force=True)
    control_plane.create_namespace(name)
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
    with pytest.raises(NamespaceTerminating):
        await cluster.apply(config_map(name), force=True)


async def test_a_name_that_is_taken_is_a_conflict(cluster, namespace):
    await cluster.create(config_map(namespace))
    with pytest.raises(Conflict, match="exists already"):
        await cluster.create(config_map(namespace))


async def test_an_event_is_posted(cluster, namespace):
    body = {
        "apiVersion": EVENT.api_version,
        "kind": "Event",
        "metadata": {"generateName": "crm-", "namespace": namespace},
        "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace, "name": "a"},
        "eventTime": "2024-01-01T00:00:00.000000Z",
        "reportingController": "crm.io/operator",
        "reportingInstance": "x",
        "action": "Test",
        "reason": "Tested",
        "type": "Normal",
    }
    assert (await cluster.create(body))["metadata"]["name"].startswith("crm-")


async def test_a_missing_permission_is_named(control_plane, namespace):
    connection = Connection.load(str(control_plane.service_account_kubeconfig(namespace, "nobody")))
    async with KubeCluster(connection, may_write=lambda: True) as cluster:
        with pytest.raises(Forbidden, match="not allowed to list secrets in all namespaces"):
            await cluster.list(SECRET)
        with pytest.raises(Forbidden, match=f"not allowed to patch configmaps in namespace {namespace}"):
            await cluster.apply(config_map(namespace), force=True)


async def test_a_wrong_token_and_a_wrong_authority_say_nothing_of_themselves(control_plane, tmp_path):
    text = control_plane.kubeconfig().read_text()
    wrong = tmp_path / "config"
    wrong.write_text(text.replace(control_plane.token(), "hunter2"))
    async with KubeCluster(Connection.load(str(wrong)), may_write=lambda: True) as cluster:
        with pytest.raises(Forbidden, match="did not accept the operator's credentials"):
            await cluster.list(SECRET)
    wrong.write_text(text.replace(f'"certificate-authority": "{control_plane.certificate_authority}"', '"x": "y"'))
    async with KubeCluster(Connection.load(str(wrong)), may_write=lambda: True) as cluster:
        with pytest.raises(Unavailable) as caught:
            await cluster.list(SECRET)
    assert "127.0.0.1" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_who_does_not_lead_sends_no_write(control_plane, namespace):
    mark = control_plane.audit_mark()
    async with KubeCluster(Connection.load(str(control_plane.kubeconfig())), may_write=lambda: False) as cluster:
        with pytest.raises(NotLeading):
            await cluster.apply(config_map(namespace), force=True)
    assert control_plane.audit_since(mark, namespace=namespace) == []


async def test_a_kind_that_is_not_served_is_named(cluster, namespace):
    kind = Kind("nobody.example.com", "v1", "Nothing", "nothings")
    for call in (cluster.list(kind), cluster.get(ObjectKey(kind, namespace, "a"))):
        with pytest.raises(DependencyMissing, match=kind.crd_name):
            await call


async def test_a_list_comes_in_pages_with_kinds(cluster, namespace):
    for name in ("a", "b", "c"):
        await cluster.apply(config_map(namespace, name, labels={"page": "yes"}), force=True)
    first = await cluster.list(CONFIG_MAP, namespace=namespace, label_selector="page=yes", limit=2)
    second = await cluster.list(
        CONFIG_MAP, namespace=namespace, label_selector="page=yes", limit=2, continue_token=first.continue_token
    )
    assert [item["metadata"]["name"] for item in (*first.items, *second.items)] == ["a", "b", "c"]
    assert {(item["apiVersion"], item["kind"]) for item in first.items} == {("v1", "ConfigMap")}
    assert "managedFields" in first.items[0]["metadata"]
    assert second.continue_token is None


async def test_a_store_follows_the_cluster(cluster, namespace):
    store = Store(CONFIG_MAP)
    await cluster.apply(config_map(namespace, "a", labels={"ours": "yes"}), force=True)
    await cluster.apply(config_map(namespace, "other"), force=True)
    async with reflecting(cluster, store, namespace=namespace, label_selector="ours=yes") as reflector:
        await asyncio.wait_for(reflector.synced.wait(), 10)
        assert names(store) == ["a"]
        made = await cluster.apply(config_map(namespace, "b", labels={"ours": "yes"}), force=True)
        store.put(made)
        await cluster.apply(config_map(namespace, "a"), force=True)  # loses its label
        await eventually(lambda: names(store) == ["b"])
        await cluster.delete(ObjectKey(CONFIG_MAP, namespace, "b"), uid=made["metadata"]["uid"])
        await eventually(lambda: names(store) == [])


def definition(kind):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"kind": kind.name, "plural": kind.plural},
            "versions": [
                {"name": kind.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


async def test_a_definition_may_come_go_and_come_back(cluster, control_plane, namespace):
    kind = Kind(f"{uuid.uuid4().hex[:8]}.example.com", "v1", "Thing", "things")
    thing = json.dumps(
        {"apiVersion": kind.api_version, "kind": "Thing", "metadata": {"name": "t", "namespace": namespace}}
    )
    store = Store(kind)
    async with reflecting(cluster, store) as reflector:
        await asyncio.wait_for(reflector.synced.wait(), 10)
        assert not store.served
        for _ in range(2):
            await asyncio.to_thread(control_plane.apply, json.dumps(definition(kind)))
            reflector.poke()
            await eventually(lambda: store.served)
            await asyncio.to_thread(control_plane.apply, thing)
            await eventually(lambda: names(store) == ["t"])
            await asyncio.to_thread(control_plane.kubectl, "delete", "crd", kind.crd_name)
            await eventually(lambda: not store.served and names(store) == [])


async def test_one_of_two_leads_and_hands_over(control_plane, namespace):
    connection = Connection.load(str(control_plane.kubeconfig()))
    timing = Timing(duration=3.0, renew_deadline=2.0, retry=0.3)
    async with (
        KubeCluster(connection, may_write=lambda: True) as path_one,
        KubeCluster(connection, may_write=lambda: True) as path_two,
    ):
        one = Elector(path_one, namespace, "operator", "one", timing=timing)
        two = Elector(path_two, namespace, "operator", "two", timing=timing)
        tasks = [asyncio.create_task(one.run())]
        await eventually(one.is_leading)
        tasks.append(asyncio.create_task(two.run()))
        await asyncio.sleep(4.0)
        assert one.is_leading()
        assert not two.is_leading()
        released = asyncio.get_running_loop().time()
        await one.release()
        await eventually(two.is_leading)
        assert asyncio.get_running_loop().time() - released < 1.0
        lease = await path_one.get(ObjectKey(LEASE, namespace, "operator"))
        assert lease["spec"]["holderIdentity"] == "two"
        assert lease["spec"]["leaseTransitions"] == 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_api_server_may_die_and_come_back():
    with ControlPlane() as plane:
        plane.create_namespace("shop")
        connection = Connection.load(str(plane.kubeconfig()))
        store = Store(CONFIG_MAP)
        async with KubeCluster(connection, may_write=lambda: True) as cluster:
            made = await cluster.apply(config_map("shop", "before"), force=True)
            async with reflecting(cluster, store, namespace="shop"):
                await eventually(lambda: "before" in names(store))
                plane.kill_apiserver()
                with pytest.raises(Unavailable):
                    await cluster.apply(config_map("shop", "during"), force=True)
                plane.restart_apiserver()
                await cluster.delete(ObjectKey(CONFIG_MAP, "shop", "before"), uid=made["metadata"]["uid"])
                await cluster.apply(config_map("shop", "after"), force=True)
                await eventually(lambda: "after" in names(store) and "before" not in names(store))
