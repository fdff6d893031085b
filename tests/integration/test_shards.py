"""Two operators that share a cluster by namespaces: every resource is served, by one of them only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_monitoring.controller.shard import Shard
from support.live import Tenant
from support.resources import minimal
from support.running import RunningOperator
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

SHARDS = (Shard(1, 2), Shard(2, 2))


@pytest.fixture
def tenants(served_plane: ControlPlane, namespace: str) -> dict[Shard, Tenant]:
    """Return a tenant for each shard."""
    names = [f"{namespace}-{number}" for number in range(20)]
    chosen = {shard: next(name for name in names if shard.serves(name)) for shard in SHARDS}
    for name in chosen.values():
        served_plane.create_namespace(name)
    return {shard: Tenant(served_plane, name) for shard, name in chosen.items()}


@pytest.fixture
def operators(
    tenants: dict[Shard, Tenant], served_plane: ControlPlane, namespace: str, tmp_path: Path
) -> Iterator[dict[Shard, RunningOperator]]:
    """Return an operator for each shard, both told to watch all tenants, with an account of its own."""
    watched = [tenant.name for tenant in tenants.values()]
    running = {
        shard: RunningOperator(
            served_plane,
            f"{namespace}-ops",
            tmp_path,
            namespaces=watched,
            flags=("--shard", str(shard)),
            name=f"shard-{shard.number}",
            account=f"shard-{shard.number}",
        )
        for shard in SHARDS
    }
    for operator in running.values():
        operator.start()
    yield running
    for operator in running.values():
        operator.end()
    assert not [complaint for operator in running.values() for complaint in operator.complaints()]


def test_every_resource_is_served_by_exactly_one_shard(
    tenants: dict[Shard, Tenant], operators: dict[Shard, RunningOperator], served_plane: ControlPlane
) -> None:
    mark = served_plane.audit_mark()
    for tenant in tenants.values():
        tenant.deploy()
        tenant.monitor(minimal())
    for tenant in tenants.values():
        tenant.ready()
    for shard, operator in operators.items():
        operator.settle()
        events = served_plane.audit_since(mark, user=operator.user, writes_only=True)
        written = {event.namespace for event in events if event.resource != "leases"}
        assert written == {tenants[shard].name}


def test_both_shards_lead_at_the_same_time_by_leases_of_their_own(
    operators: dict[Shard, RunningOperator], served_plane: ControlPlane, namespace: str
) -> None:
    for operator in operators.values():
        operator.settle()
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}-ops/leases"
    leases = served_plane.api.request("GET", path).body["items"]
    held = {lease["metadata"]["name"]: lease["spec"]["holderIdentity"] for lease in leases}
    assert held == {"crm-monitoring-operator-1-of-2": "shard-1", "crm-monitoring-operator-2-of-2": "shard-2"}
