"""Of two replicas one writes, and another takes over when it ends, whatever ends it; never do both write."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.fault_proxy import FaultProxy
from support.fault_proxy_actions import Hang
from support.fault_proxy_operator import Changes
from support.fault_proxy_requests import ANYTHING, Asked
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import RunningOperator
from testbed.audit import AuditEvent
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

DURATION, DEADLINE, RETRY = 3.0, 1.6, 0.4
FLAGS = (
    *("--lease-duration-seconds", str(DURATION)),
    *("--lease-renew-deadline-seconds", str(DEADLINE)),
    *("--lease-retry-seconds", str(RETRY)),
)


def writes(asked: Asked) -> bool:
    """Match writes, those to the Lease aside."""
    return asked.writes and asked.resource != "leases"


@dataclass
class Replicas:
    """Operators of one Lease, each with an account and a way to the API server of its own."""

    tenant: Tenant
    directory: Path
    stack: ExitStack
    proxies: dict[str, FaultProxy] = field(default_factory=dict)

    def start(self, name: str, *flags: str) -> RunningOperator:
        plane, own = self.tenant.plane, f"{self.tenant.name}-ops"
        self.proxies[name] = self.stack.enter_context(FaultProxy(plane.url, plane.certificate_authority))
        operator = RunningOperator(
            plane,
            own,
            self.directory,
            namespaces=[self.tenant.name],
            flags=(*FLAGS, *flags),
            name=name,
            account=name,
            through=self.proxies[name].url,
        )
        self.stack.callback(operator.kill)
        return operator.start()

    def pair(self) -> tuple[RunningOperator, RunningOperator]:
        """Start a leader that has made a resource Ready, and a standby."""
        leader = self.start("first")
        self.tenant.monitor(minimal())
        self.tenant.ready()
        leader.settle()
        standby = self.start("second")
        assert not leads(standby)
        return leader, standby

    def written(self, name: str, since: int = 0) -> list[str]:
        """Return what a replica wrote, as its proxy saw it."""
        return [str(record.asked) for record in self.proxies[name].requests(writes, since)]


@pytest.fixture
def replicas(tenant: Tenant, tmp_path: Path) -> Iterator[Replicas]:
    with ExitStack() as stack:
        yield Replicas(tenant, tmp_path, stack)


def leads(operator: RunningOperator) -> bool:
    return operator.running and operator.metric("crm_operator_leader") == 1


def audited(plane: ControlPlane, tenant: Tenant, mark: int, user: str | None = None) -> list[AuditEvent]:
    """Return the writes in the tenant's namespace that the API server carried out for service accounts."""
    seen = plane.audit_since(mark, user=user, namespace=tenant.name, writes_only=True)
    return [event for event in seen if event.user.startswith("system:serviceaccount:") and event.code < 300]


def takes_over(standby: RunningOperator, within: float) -> float:
    began = time.monotonic()
    eventually(lambda: leads(standby), within)
    return time.monotonic() - began


def works(replicas: Replicas) -> None:
    """A change must be answered, by whoever leads."""
    changes = Changes(replicas.tenant)
    edited, restored = changes.edit(), changes.delete()
    eventually(edited)
    eventually(restored)


def test_one_replica_leads_and_the_other_is_ready_writes_nothing_and_can_be_ended(replicas: Replicas) -> None:
    leader, standby = replicas.pair()
    works(replicas)
    assert leads(leader)
    assert standby.is_ready()
    assert replicas.written("second") == []
    assert standby.stop() < 3
    assert standby.exit_code == 0
    works(replicas)


def test_a_leader_that_is_killed_is_followed_within_the_lease_and_nothing_is_written_twice(replicas: Replicas) -> None:
    leader, standby = replicas.pair()
    mark, children = leader.mark(), {child["metadata"]["uid"] for child in replicas.tenant.children().values()}
    leader.kill()
    takes_over(standby, DURATION + 2)
    standby.settle()
    assert audited(replicas.tenant.plane, replicas.tenant, mark) == []
    assert {child["metadata"]["uid"] for child in replicas.tenant.children().values()} == children
    works(replicas)


def test_a_leader_that_dies_in_the_middle_of_its_work_leaves_it_to_the_next(replicas: Replicas) -> None:
    leader, standby = replicas.pair()
    edited = Changes(replicas.tenant).edit()
    replicas.tenant.monitor(minimal(), name="another")
    leader.kill()
    takes_over(standby, DURATION + 2)
    eventually(edited)
    replicas.tenant.ready("another")


def test_a_leader_that_is_asked_to_end_hands_over_at_once(replicas: Replicas) -> None:
    leader, standby = replicas.pair()
    mark = leader.mark()
    leader.stop()
    assert takes_over(standby, 2 * RETRY + 0.5) < 2 * RETRY + 0.5
    assert leader.exit_code == 0
    standby.settle()
    assert audited(replicas.tenant.plane, replicas.tenant, mark) == []
    works(replicas)


def test_a_leader_that_hears_nothing_of_the_api_server_stops_writing_and_ends(replicas: Replicas) -> None:
    leader, standby = replicas.pair()
    proxy = replicas.proxies["first"]
    proxy.plan(ANYTHING, Hang(), times=None)
    mark, cut_off = leader.mark(), time.monotonic()
    edited = Changes(replicas.tenant).edit()
    eventually(lambda: not leader.running, DEADLINE + 2)
    assert leader.exit_code == 1
    takes_over(standby, DURATION + 2)
    eventually(edited)
    tried = [record.at for record in proxy.requests(writes) if record.at > cut_off]
    assert all(at < cut_off + DEADLINE for at in tried), "it tried to write when it could no longer know that it leads"
    assert audited(replicas.tenant.plane, replicas.tenant, mark, leader.user) == []


@pytest.mark.parametrize("behind", ["rests", "is at work"])
def test_a_leader_that_sleeps_longer_than_the_lease_wakes_up_and_writes_nothing(
    replicas: Replicas, behind: str
) -> None:
    leader, standby = replicas.pair()
    if behind == "is at work":
        for number in range(8):
            replicas.tenant.monitor(minimal(), name=f"more-{number}")
        eventually(lambda: replicas.tenant.children("more-0"))
    leader.pause()
    takes_over(standby, DURATION + 2)
    edited = Changes(replicas.tenant).edit()
    eventually(edited)
    mark = leader.mark()
    leader.resume()
    eventually(lambda: not leader.running, 3)
    assert leader.exit_code == 1
    assert audited(replicas.tenant.plane, replicas.tenant, mark, leader.user) == []
    works(replicas)


def test_one_replica_needs_no_lease(replicas: Replicas) -> None:
    operator = replicas.start("alone", "--no-leader-election")
    replicas.tenant.monitor(minimal())
    replicas.tenant.ready()
    works(replicas)
    assert leads(operator)
    assert replicas.proxies["alone"].requests(lambda asked: asked.resource == "leases") == []
    assert operator.stop() < 3
    assert operator.exit_code == 0
