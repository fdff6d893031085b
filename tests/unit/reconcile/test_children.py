"""Children: applied when they differ, pruned when left over, left alone when they are not ours."""

import pytest

from crm_monitoring.api.conditions import Reason
from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.errors import Forbidden, NamespaceTerminating, Refused, Unavailable
from crm_monitoring.manifest import CONFIG_MAP, Manifest, ObjectKey
from crm_monitoring.reconcile.caches import Caches
from crm_monitoring.reconcile.children import Children, ChildResult
from crm_monitoring.reconcile.outcome import State
from support.reconciling import UID, caches_of, config_map, edit, key, live

MANAGER = "crm-monitoring-operator"


class Bed:
    def __init__(self, *present: Manifest, manager: str = MANAGER) -> None:
        self.cluster = FakeCluster()
        for manifest in present:
            self.cluster.put(manifest, manager=manager)
        self.caches: Caches = caches_of(self.cluster)
        self.children = Children(self.cluster, self.caches)

    async def apply(self, manifest: Manifest, *, observe: bool = False) -> ChildResult:
        return await self.children.apply(manifest, UID, observe=observe)

    def echo(self) -> None:
        """Let the watch tell of every child."""
        for manifest in self.cluster.objects(CONFIG_MAP):
            store = self.caches.store(CONFIG_MAP, manifest["metadata"]["namespace"])
            assert store is not None
            store.observe(manifest)


async def test_an_absent_child_is_created_and_then_in_sync_without_a_write() -> None:
    bed = Bed()
    first = await bed.apply(config_map())
    writes = len(bed.cluster.writes)
    second = await bed.apply(config_map())
    assert [first.outcome.state, second.outcome.state] == [State.CREATED, State.IN_SYNC]
    assert (writes, len(bed.cluster.writes)) == (1, 1)


async def test_a_changed_child_is_applied() -> None:
    bed = Bed()
    await bed.apply(config_map())
    result = await bed.apply(config_map(data={"a.json": "other"}))
    assert result.outcome.state is State.CHANGED
    assert live(bed.cluster)["crm-crm-dashboards"]["data"] == {"a.json": "other"}


async def test_a_key_that_somebody_added_is_removed() -> None:
    bed = Bed()
    await bed.apply(config_map())
    before = live(bed.cluster)["crm-crm-dashboards"]
    bed.caches.put(edit(bed.cluster, {**before, "data": {"a.json": "{}", "extra": "x"}}))
    await bed.apply(config_map())
    assert live(bed.cluster)["crm-crm-dashboards"]["data"] == {"a.json": "{}"}


async def test_an_object_that_is_not_ours_is_a_name_conflict_and_stays_as_it_is() -> None:
    bed = Bed(config_map(ownerReferences=[], labels={}), manager="somebody")
    before = live(bed.cluster)
    result = await bed.apply(config_map(data={"a.json": "ours"}))
    assert result.finding is not None
    assert (result.finding.reason, result.outcome.state) == (Reason.NAME_CONFLICT, State.CONFLICT)
    assert live(bed.cluster) == before
    assert bed.cluster.writes == []


async def test_our_labels_alone_do_not_make_an_object_ours() -> None:
    bed = Bed(config_map(ownerReferences=[]), manager="somebody")
    result = await bed.apply(config_map())
    assert result.outcome.state is State.CONFLICT


async def test_observing_writes_nothing_and_says_what_would_be_done() -> None:
    bed = Bed()
    await bed.apply(config_map("changed"))
    await bed.apply(config_map("left-over"))
    writes = len(bed.cluster.writes)
    states = [
        (await bed.apply(config_map("new"), observe=True)).outcome.state,
        (await bed.apply(config_map("changed", data={"a.json": "x"}), observe=True)).outcome.state,
        (await bed.apply(config_map("left-over"), observe=True)).outcome.state,
    ]
    pruned = await bed.children.prune(UID, [key(config_map("changed"))], [], observe=True)
    assert states == [State.WOULD_CREATE, State.WOULD_CHANGE, State.IN_SYNC]
    assert [result.outcome.state for result in pruned] == [State.WOULD_DELETE]
    assert len(bed.cluster.writes) == writes


async def test_a_left_over_child_is_pruned_and_wanted_held_and_foreign_ones_stay() -> None:
    bed = Bed()
    for name in ("wanted", "held", "left-over"):
        await bed.apply(config_map(name))
    bed.cluster.put(config_map("foreign", ownerReferences=[]), manager="somebody")
    pruned = await bed.children.prune(UID, [key(config_map("wanted"))], [key(config_map("held"))], observe=False)
    assert [result.outcome.state for result in pruned] == [State.DELETED]
    assert sorted(live(bed.cluster)) == ["foreign", "held", "wanted"]


async def test_a_kind_that_is_not_served_is_a_missing_dependency_without_a_request() -> None:
    cluster = FakeCluster()
    children = Children(cluster, caches_of(cluster, unserved=[CONFIG_MAP]))
    result = await children.apply(config_map(), UID, observe=False)
    assert result.finding is not None
    assert result.finding.reason is Reason.DEPENDENCY_MISSING
    assert cluster.writes == []


FAILURES = {
    "an overloaded server is worth a retry": (Unavailable("busy"), Reason.API_SERVER_UNAVAILABLE, True),
    "a refused object is tried again, because a policy may change": (Refused("no"), Reason.REFUSED, True),
    "a missing permission is tried again, because it may be granted": (Forbidden("no"), Reason.FORBIDDEN, True),
    "a namespace that goes away needs nothing": (
        NamespaceTerminating("gone"),
        Reason.NAMESPACE_TERMINATING,
        False,
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_failure_becomes_a_finding(case: str) -> None:
    error, reason, transient = FAILURES[case]
    bed = Bed()
    bed.cluster.fail_next(lambda call: call.verb == "apply", error)
    result = await bed.apply(config_map())
    assert result.finding is not None
    assert (result.finding.reason, result.transient, result.outcome.state) == (reason, transient, State.FAILED)


class Counting(FakeCluster):
    """Counts reads of single objects."""

    reads = 0

    async def get(self, key: ObjectKey) -> Manifest | None:
        self.reads += 1
        return await super().get(key)


class CountingBed(Bed):
    cluster: Counting

    def __init__(self) -> None:
        self.cluster = Counting()
        self.caches = caches_of(self.cluster)
        self.children = Children(self.cluster, self.caches)


async def test_a_child_is_read_neither_to_create_it_nor_for_a_look_nor_for_an_edit_of_the_resource() -> None:
    bed = CountingBed()
    await bed.apply(config_map())
    bed.echo()
    await bed.apply(config_map())
    await bed.apply(config_map(data={"a.json": "other"}))
    await bed.apply(config_map(data={"a.json": "other"}))
    assert bed.cluster.reads == 0
    assert len(bed.cluster.writes) == 2


async def test_a_child_is_edited_without_a_read_although_it_was_not_looked_at_since_it_was_made() -> None:
    bed = CountingBed()
    await bed.apply(config_map())
    bed.echo()
    result = await bed.apply(config_map(data={"a.json": "other"}))
    assert (result.outcome.state, bed.cluster.reads) == (State.CHANGED, 0)


async def test_a_child_that_was_made_is_as_desired_until_the_watch_tells_otherwise() -> None:
    bed = CountingBed()
    await bed.apply(config_map())
    result = await bed.apply(config_map())
    assert (result.outcome.state, bed.cluster.reads, len(bed.cluster.writes)) == (State.IN_SYNC, 0, 1)
    edit(bed.cluster, {**live(bed.cluster)["crm-crm-dashboards"], "data": {"a.json": "changed on the way"}})
    bed.echo()
    assert (await bed.apply(config_map())).outcome.state is State.CHANGED
    assert live(bed.cluster)["crm-crm-dashboards"]["data"] == {"a.json": "{}"}


async def test_an_object_that_no_watch_told_of_yet_is_not_written_to_unless_it_is_ours() -> None:
    bed = CountingBed()
    bed.cluster.put(config_map(ownerReferences=[], labels={}), manager="somebody")
    result = await bed.apply(config_map())
    assert (result.outcome.state, bed.cluster.reads, bed.cluster.writes) == (State.CONFLICT, 1, [])
    bed.cluster.put(config_map(data={"a.json": "older"}), manager=MANAGER)
    result = await bed.apply(config_map())
    assert result.outcome.state is State.CHANGED
    assert live(bed.cluster)["crm-crm-dashboards"]["data"] == {"a.json": "{}"}


async def test_a_restart_reads_no_child_that_is_as_it_was_applied() -> None:
    bed = CountingBed()
    await bed.apply(config_map())
    reads, children = bed.cluster.reads, Children(bed.cluster, caches_of(bed.cluster))
    result = await children.apply(config_map(), UID, observe=False)
    assert (result.outcome.state, bed.cluster.reads) == (State.IN_SYNC, reads)


async def test_a_child_that_somebody_changed_is_read_before_it_is_set_right() -> None:
    bed = CountingBed()
    await bed.apply(config_map())
    before = live(bed.cluster)["crm-crm-dashboards"]
    bed.caches.put(edit(bed.cluster, {**before, "data": {"a.json": "changed"}}))
    result = await bed.apply(config_map())
    assert (result.outcome.state, bed.cluster.reads) == (State.CHANGED, 1)
    assert live(bed.cluster)["crm-crm-dashboards"]["data"] == {"a.json": "{}"}


async def test_a_child_that_went_unnoticed_is_made_anew() -> None:
    bed = CountingBed()
    await bed.apply(config_map())
    bed.cluster.drop(key(config_map()))
    result = await bed.apply(config_map(data={"a.json": "other"}), observe=True)
    assert result.outcome.state is State.WOULD_CREATE
    result = await bed.apply(config_map(data={"a.json": "other"}))
    assert live(bed.cluster)["crm-crm-dashboards"]["data"] == {"a.json": "other"}


async def test_a_field_that_an_item_of_a_list_no_longer_has_is_removed() -> None:
    bed = CountingBed()
    await bed.apply({**config_map(), "data": {"rules": [{"expr": "up", "for": "1m"}]}})
    result = await bed.apply({**config_map(), "data": {"rules": [{"expr": "up"}]}})
    assert result.outcome.state is State.CHANGED
    assert live(bed.cluster)["crm-crm-dashboards"]["data"] == {"rules": [{"expr": "up"}]}
