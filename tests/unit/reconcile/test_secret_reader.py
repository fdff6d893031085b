"""Secrets in use: read by name, once for all who ask, and watched by reading them again."""

import asyncio
import base64

import pytest

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import CRM_MONITORING, SECRET, ObjectKey
from crm_monitoring.reconcile.secret_reader import SecretReader
from crm_monitoring.render.secret_types import Withheld
from crm_monitoring.sealed import Sealed

CANARY = b"canary-value"
USER = ObjectKey(CRM_MONITORING, "crm", "a")
OTHER = ObjectKey(CRM_MONITORING, "crm", "b")
KEY = ObjectKey(SECRET, "crm", "alerting")


def secret(value: bytes) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "alerting", "namespace": "crm"},
        "data": {"key": base64.b64encode(value).decode()},
    }


class Bed:
    def __init__(self, poll_seconds: float = 3600) -> None:
        self.cluster = FakeCluster()
        self.changed: list[ObjectKey] = []
        self.noticed = asyncio.Event()
        self.reads = 0
        self.reader = SecretReader(self, self.notice, lambda: 1.0, poll_seconds)  # type: ignore[arg-type]

    async def get(self, key: ObjectKey) -> dict[str, object] | None:
        self.reads += 1
        return await self.cluster.get(key)

    def notice(self, key: ObjectKey) -> None:
        self.changed.append(key)
        self.noticed.set()


async def test_contents_are_sealed_and_an_absent_secret_is_none() -> None:
    bed = Bed()
    bed.cluster.put(secret(CANARY))
    contents = await bed.reader.read(USER, [KEY, ObjectKey(SECRET, "crm", "absent")])
    assert contents["absent"] is None
    assert contents["alerting"] is not None
    assert contents["alerting"]["key"].reveal() == CANARY
    assert "canary" not in repr(contents)
    bed.reader.close()


async def test_a_secret_of_a_type_that_is_not_read_is_withheld_and_its_return_as_another_is_a_change() -> None:
    bed = Bed(poll_seconds=0.005)
    bed.cluster.put({**secret(CANARY), "type": "kubernetes.io/service-account-token"})
    contents = await bed.reader.read(USER, [KEY])
    assert isinstance(contents["alerting"], Withheld)
    assert not contents["alerting"]
    bed.cluster.put(secret(CANARY))
    await asyncio.wait_for(bed.noticed.wait(), 5)
    assert (await bed.reader.read(USER, [KEY]))["alerting"] == {"key": Sealed(CANARY)}
    bed.reader.close()


async def test_everybody_who_asks_at_once_shares_one_request() -> None:
    bed = Bed()
    bed.cluster.put(secret(CANARY))
    await asyncio.gather(*(bed.reader.read(user, [KEY]) for user in (USER, OTHER)))
    assert bed.reads == 1
    bed.reader.close()


async def test_a_rotation_is_noticed_by_the_poll_and_told_to_every_user() -> None:
    bed = Bed(poll_seconds=0.005)
    bed.cluster.put(secret(CANARY))
    await bed.reader.read(USER, [KEY])
    await bed.reader.read(OTHER, [KEY])
    bed.cluster.put(secret(b"rotated"))
    await asyncio.wait_for(bed.noticed.wait(), 5)
    assert bed.changed == [USER, OTHER]
    bed.reader.close()


async def test_a_secret_that_comes_or_goes_is_a_change() -> None:
    bed = Bed(poll_seconds=0.005)
    await bed.reader.read(USER, [KEY])
    bed.cluster.put(secret(CANARY))
    await asyncio.wait_for(bed.noticed.wait(), 5)
    bed.reader.close()


async def test_an_unchanged_secret_tells_nobody() -> None:
    bed = Bed()
    bed.cluster.put(secret(CANARY))
    for _ in range(3):
        await bed.reader.read(USER, [KEY])
    assert bed.changed == []
    bed.reader.close()


async def test_a_secret_that_nobody_uses_any_more_is_no_longer_read() -> None:
    bed = Bed(poll_seconds=0.005)
    bed.cluster.put(secret(CANARY))
    await bed.reader.read(USER, [KEY])
    bed.reader.forget(USER)
    reads = bed.reads
    await asyncio.sleep(0.03)
    assert bed.reads == reads


async def test_a_failed_read_is_the_callers_and_a_failed_poll_is_repeated() -> None:
    bed = Bed(poll_seconds=0.005)
    bed.cluster.put(secret(CANARY))
    bed.cluster.fail_next(lambda call: call.verb == "get", Unavailable("busy"))
    with pytest.raises(Unavailable):
        await bed.reader.read(USER, [KEY])
    await bed.reader.read(USER, [KEY])
    bed.cluster.fail_next(lambda call: call.verb == "get", Unavailable("busy"))
    bed.cluster.put(secret(b"rotated"))
    await asyncio.wait_for(bed.noticed.wait(), 5)
    bed.reader.close()
