"""A quorum read before something is undone: what was seen of a resource may be out of date."""

from copy import deepcopy
from typing import Any

import pytest

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import CONFIG_MAP, CRM_MONITORING, Manifest, ObjectKey, key_of
from crm_monitoring.reconcile.children import Children
from crm_monitoring.reconcile.presence import Presence
from support.reconciling import UID, caches_of, config_map, live
from support.resources import minimal


def seen(generation: int = 1, **status: Any) -> Manifest:
    return {**minimal(uid=UID, generation=generation), "status": status}


class Reads(FakeCluster):
    """Counts reads."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[ObjectKey] = []

    async def get(self, key: ObjectKey) -> Manifest | None:
        self.gets.append(key)
        return await super().get(key)


def cluster_with(*present: Manifest) -> Reads:
    cluster = Reads()
    for manifest in present:
        cluster.put(deepcopy(manifest), manager="kubectl")
    return cluster


async def test_a_resource_that_is_as_it_was_seen_is_read_once() -> None:
    cluster = cluster_with(seen())
    (body,) = cluster.objects(CRM_MONITORING)
    presence = Presence(cluster, body)
    await presence.confirm()
    await presence.confirm()
    assert cluster.gets == [key_of(body)]


OUT_OF_DATE = {
    "it is gone": (),
    "another has its name": (minimal(uid="another"),),
    "it has another wish": (minimal(uid=UID),),
}


@pytest.mark.parametrize("present", OUT_OF_DATE.values(), ids=OUT_OF_DATE.keys())
async def test_a_resource_that_is_not_as_it_was_seen_is_not_confirmed(present: tuple[Manifest, ...]) -> None:
    with pytest.raises(Unavailable):
        await Presence(cluster_with(*present), seen(7)).confirm()


@pytest.mark.parametrize(("observed", "reads"), {None: 0, 7: 0, 1: 1}.items())
async def test_only_a_wish_that_was_fulfilled_already_is_doubted(observed: int | None, reads: int) -> None:
    cluster = cluster_with(seen())
    (body,) = cluster.objects(CRM_MONITORING)
    await Presence(cluster, {**body, "status": {"observedGeneration": observed}}).confirm_if_done()
    assert len(cluster.gets) == reads


async def test_no_child_is_deleted_for_a_resource_that_was_seen_out_of_date() -> None:
    cluster = cluster_with()
    children = Children(cluster, caches_of(cluster))
    await children.apply(config_map(), UID, observe=False)
    results = await children.prune(UID, (), (), observe=False, presence=Presence(cluster, seen()))
    assert [result.transient for result in results] == [True]
    assert list(live(cluster)) == ["crm-crm-dashboards"]


async def test_no_child_is_made_again_for_a_resource_that_was_seen_out_of_date() -> None:
    cluster = cluster_with()
    presence = Presence(cluster, seen(1, observedGeneration=1))
    result = await Children(cluster, caches_of(cluster)).apply(config_map(), UID, observe=False, presence=presence)
    assert result.transient
    assert not cluster.objects(CONFIG_MAP)
