"""At most one replica leads, whatever happens to clocks, networks and the Lease itself."""

import asyncio

import pytest

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.lease import Elector, Timing
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import LEASE
from unit.cluster.election import KEY, Candidate, Path, World, running


@pytest.fixture
def world():
    return World()


@pytest.fixture
def cluster():
    return FakeCluster()


def spec(cluster):
    return cluster.objects(LEASE)[0]["spec"]


def cut_off(cluster):
    """Let every call fail from now on, however often it is tried."""

    async def refuse(*_, **__):
        raise Unavailable("cut off")

    cluster.get = cluster.create = cluster.json_patch = refuse


async def test_the_first_candidate_leads_and_the_second_waits(world, cluster):
    one, two = Candidate(world, cluster, "one"), Candidate(world, cluster, "two")
    async with running(world, one, two):
        await world.pass_(60)
        assert one.leads
        assert not two.leads
        assert two.elector.holder == "one"
        assert one.log == ["acquired"]
        assert spec(cluster)["holderIdentity"] == "one"
        assert spec(cluster)["renewTime"].startswith("2024-01-01T00:00:00.00000"), "the wall clock stands still"
        assert spec(cluster)["leaseDurationSeconds"] == 15


async def test_nobody_leads_before_it_runs(world, cluster):
    assert not Candidate(world, cluster, "one").leads


async def test_a_renewal_is_one_request(world, cluster):
    one = Candidate(world, cluster, "one")
    async with running(world, one):
        await world.pass_(20)
        assert [write.call.verb for write in cluster.writes] == ["create"] + ["patch"] * 10


@pytest.mark.parametrize("failure", ["cut", "raise", "deaf"])
async def test_a_leader_without_renewals_stops_before_another_begins(world, cluster, failure):
    path = Path(cluster)
    one, two = Candidate(world, path, "one"), Candidate(world, cluster, "two")
    async with running(world, one, two):
        await world.pass_(30)
        path.state = failure
        both = False
        stopped = began = None
        for tick in range(200):
            await world.pass_(0.25)
            both = both or (one.leads and two.leads)
            stopped = tick if stopped is None and not one.leads else stopped
            began = tick if began is None and two.leads else began
        assert not both
        assert one.log == ["acquired", "lost"]
        assert one.task.done()
        assert two.log == ["acquired"]
        assert stopped <= 4 * 10
        assert began - stopped >= 4 * 4, "several seconds lie between them"
        assert spec(cluster)["leaseTransitions"] == 1


async def test_a_hanging_request_does_not_keep_a_leader_in_office(world, cluster):
    path = Path(cluster)
    one = Candidate(world, path, "one")
    async with running(world, one):
        await world.pass_(10)
        path.state = "hang"
        await world.pass_(12)
        assert not one.leads


async def test_a_hanging_request_is_given_up_in_time(cluster):
    path = Path(cluster)
    lost = asyncio.Event()
    elector = Elector(
        path, "ops", "operator", "one", timing=Timing(duration=0.6, renew_deadline=0.3, retry=0.05), on_lost=lost.set
    )
    task = asyncio.create_task(elector.run())
    await asyncio.sleep(0.1)
    assert elector.is_leading()
    path.state = "hang"
    await asyncio.wait_for(lost.wait(), 1.0)
    await task


async def test_a_failed_attempt_says_why(world, cluster):
    path = Path(cluster)
    path.state = "cut"
    one = Candidate(world, path, "one")
    async with running(world, one):
        await world.pass_(5)
        assert one.elector.trouble == "cut"
        path.state = "raise"
        await world.pass_(5)
        assert one.elector.trouble == "RuntimeError", "not its text"
        path.state = "open"
        await world.pass_(5)
        assert one.elector.trouble == ""


async def test_one_failed_renewal_is_no_loss(world, cluster):
    one = Candidate(world, cluster, "one")
    async with running(world, one):
        await world.pass_(10)
        for _ in range(3):
            cluster.fail_next(lambda call: call.kind == LEASE, Unavailable("x"))
        await world.pass_(30)
        assert one.log == ["acquired"]


async def test_a_renewal_that_succeeded_unheard_is_found_again(world, cluster):
    path = Path(cluster)
    one = Candidate(world, path, "one")
    async with running(world, one):
        await world.pass_(10)
        path.state = "deaf"
        await world.pass_(3)
        path.state = "open"
        await world.pass_(30)
        assert one.log == ["acquired"]


async def test_a_stopped_process_does_not_lead_when_it_wakes(world, cluster):
    one = Candidate(world, cluster, "one")
    async with running(world, one):
        await world.pass_(10)
        world.now += 20
        assert not one.leads, "even before its loop has run"
        await world.pass_(1)
        assert one.log == ["acquired", "lost"]
        world.now -= 20
        assert not one.leads, "a loss is final"


async def test_a_release_hands_over_within_a_retry_period(world, cluster):
    one, two = Candidate(world, cluster, "one"), Candidate(world, cluster, "two")
    async with running(world, one, two):
        await world.pass_(10)
        await one.elector.release()
        assert not one.leads
        assert spec(cluster)["holderIdentity"] == ""
        await world.pass_(2.5)
        assert two.leads
        assert one.task.done()
        assert one.log == ["acquired"], "a release is no loss"
        assert spec(cluster)["leaseTransitions"] == 1


async def test_a_release_never_raises_and_a_standby_releases_nothing(world, cluster):
    one, two = Candidate(world, cluster, "one"), Candidate(world, cluster, "two")
    async with running(world, one, two):
        await world.pass_(5)
        await two.elector.release()
        assert spec(cluster)["holderIdentity"] == "one"
        cut_off(cluster)
        await one.elector.release()
        assert not one.leads


async def test_a_stolen_lease_is_given_up_at_once(world, cluster):
    one = Candidate(world, cluster, "one")
    async with running(world, one):
        await world.pass_(10)
        lease = cluster.objects(LEASE)[0]
        lease["spec"]["holderIdentity"] = "thief"
        cluster.put(lease)
        await world.pass_(5)
        assert one.log == ["acquired", "lost"]
        assert spec(cluster)["holderIdentity"] == "thief"


async def test_a_deleted_lease_is_made_again_by_its_holder(world, cluster):
    one = Candidate(world, cluster, "one")
    async with running(world, one):
        await world.pass_(10)
        cluster.drop(KEY)
        await world.pass_(10)
        assert one.log == ["acquired"]
        assert spec(cluster)["holderIdentity"] == "one"


async def test_an_edited_annotation_is_no_renewal(world, cluster):
    path = Path(cluster)
    one, two = Candidate(world, path, "one"), Candidate(world, cluster, "two")
    async with running(world, one, two):
        await world.pass_(10)
        path.state = "cut"
        for number in range(20):
            lease = cluster.objects(LEASE)[0]
            lease["metadata"]["annotations"] = {"n": str(number)}
            cluster.put(lease)
            await world.pass_(1)
        assert two.leads


async def test_the_clocks_of_others_do_not_matter(world, cluster):
    ahead = Candidate(world, cluster, "ahead", clock=lambda: world.now + 3600)
    one = Candidate(world, cluster, "one")
    async with running(world, one, ahead):
        await world.pass_(60)
        assert one.leads
        assert not ahead.leads


async def test_a_lease_of_nonsense_is_waited_out(world, cluster):
    cluster.put(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "operator", "namespace": "ops"},
            "spec": {"holderIdentity": "x", "leaseDurationSeconds": 10**9, "leaseTransitions": None, "renewTime": "?"},
        }
    )
    one = Candidate(world, cluster, "one")
    async with running(world, one):
        await world.pass_(50)
        assert not one.leads
        await world.pass_(15)
        assert one.leads


def test_timing_must_make_sense():
    with pytest.raises(ValueError, match="duration > renew_deadline"):
        Timing(duration=10, renew_deadline=10)
    assert Timing().request < Timing().renew_deadline
