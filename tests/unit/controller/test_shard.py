"""Shards: every namespace belongs to exactly one, to the same one for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.controller.scope import build_caches
from crm_monitoring.controller.shard import MOST_SHARDS, Shard
from crm_monitoring.manifest import ALERTMANAGER, CONFIG_MAP, CRM_MONITORING, PROMETHEUS, WORKLOAD_KINDS, Kind

SHARDS_OF_THREE = {"crm": 3, "shop": 1, "default": 1, "team-a": 1}
"""Changing any of these would let two operators of different versions serve the same namespace."""

REFUSED = ("", "1", "0/2", "3/2", "1/65", "-1/2", "1/2/3", " 1/2", "1.0/2", "a/b", "01/2")


@given(namespace=st.text("abcdefghij-0123456789", min_size=1, max_size=63), total=st.integers(1, MOST_SHARDS))
def test_a_namespace_belongs_to_exactly_one_shard(namespace: str, total: int) -> None:
    assert sum(Shard(number, total).serves(namespace) for number in range(1, total + 1)) == 1


def test_the_shard_of_a_namespace_never_changes() -> None:
    served = {
        name: number
        for name in ("crm", "shop", "default", "team-a")
        for number in (1, 2, 3)
        if Shard(number, 3).serves(name)
    }
    assert served == SHARDS_OF_THREE


def test_similar_names_are_spread_evenly() -> None:
    share = sum(Shard(1, 4).serves(f"team-{number}") for number in range(4000)) / 4000
    assert 0.22 < share < 0.28


def test_a_shard_is_read_as_it_is_written() -> None:
    assert Shard.parse("2/3") == Shard(2, 3)
    assert str(Shard(2, 3)) == "2/3"


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be NUMBER/TOTAL"):
        Shard.parse(text)


def test_each_shard_has_a_lease_of_its_own_and_a_single_operator_keeps_its_name() -> None:
    assert [Shard.parse(text).lease_suffix for text in ("1/1", "1/2", "2/2")] == ["", "-1-of-2", "-2-of-2"]


def test_a_shard_keeps_what_it_serves_and_what_selects_across_namespaces() -> None:
    ours, theirs = "shop", "sales"
    assert [Shard(1, 2).serves(name) for name in (ours, theirs)] == [True, False]
    caches = build_caches((), Shard(1, 2))
    for kind in (CRM_MONITORING, CONFIG_MAP, *WORKLOAD_KINDS, PROMETHEUS, ALERTMANAGER):
        for namespace in (ours, theirs):
            caches.scopes(kind)[None].observe(_object(kind, namespace))
    kept = {
        kind.name: [body["metadata"]["namespace"] for body in caches.all(kind)] for kind in (CONFIG_MAP, PROMETHEUS)
    }
    assert kept == {"ConfigMap": [ours], "Prometheus": [ours, theirs]}
    assert [body["metadata"]["namespace"] for body in caches.all(CRM_MONITORING)] == [ours]


def _object(kind: Kind, namespace: str) -> dict[str, object]:
    metadata = {"name": "a", "namespace": namespace, "uid": "1", "resourceVersion": "1"}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
