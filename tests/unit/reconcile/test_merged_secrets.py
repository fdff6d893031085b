"""The merged Secret: one share per resource, the last good one while a new one cannot be had."""

import base64
from dataclasses import replace

from crm_monitoring.api.conditions import Reason
from crm_monitoring.api.references import secret_references
from crm_monitoring.api.validation import load
from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.manifest import SECRET, Manifest, ObjectKey, key_of
from crm_monitoring.reconcile.merged_secrets import MergedSecrets
from crm_monitoring.reconcile.outcome import State
from crm_monitoring.reconcile.shares import Share, Verdict
from crm_monitoring.render import routing
from crm_monitoring.render.bundle import Fragment
from crm_monitoring.render.merged_document import MAX_BYTES
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.reconciling import caches_of, edit, live
from support.resources import quickstart

TARGET = ObjectKey(SECRET, "crm", "alertmanager-crm")
URL = "https://hooks.slack.com/services/T0/B0/{}"


def resource(name: str) -> Manifest:
    return quickstart(name=name, uid=f"uid-{name}")


def fragment(name: str, token: str = "one") -> Fragment:
    parsed = load(resource(name))
    contents = {
        reference.name: {reference.key: Sealed(URL.format(token).encode())} for reference in secret_references(parsed)
    }
    part = routing.part(parsed, Observed(), contents, RenderSettings())
    assert part.fragment is not None, part.findings
    return part.fragment


class Bed:
    def __init__(self, *names: str) -> None:
        self.cluster = FakeCluster()
        for name in names:
            self.cluster.put(resource(name))
        self.restart()

    def restart(self) -> None:
        self.asked: list[ObjectKey] = []
        self.caches = caches_of(self.cluster)
        self.merged = MergedSecrets(self.cluster, self.caches, self.asked.append)

    def submit(self, name: str, share: Fragment | None, *, observe: bool = False) -> Verdict | None:
        return self.merged.submit(key_of(resource(name)), Share(TARGET, f"uid-{name}", share), observe=observe)

    @property
    def content(self) -> str:
        return base64.b64decode(live(self.cluster, SECRET)["alertmanager-crm"]["data"]["alertmanager.yaml"]).decode()

    @property
    def owners(self) -> list[str]:
        return [o["name"] for o in live(self.cluster, SECRET)["alertmanager-crm"]["metadata"]["ownerReferences"]]


async def test_a_verdict_is_known_after_the_secret_was_written_and_the_resource_is_looked_at_again() -> None:
    bed = Bed("a")
    assert bed.submit("a", fragment("a")) is None
    assert bed.asked == [TARGET]
    await bed.merged.reconcile(TARGET)
    verdict = bed.submit("a", fragment("a"))
    assert verdict is not None
    assert (verdict.outcome.state, verdict.finding) == (State.IN_SYNC, None)
    assert bed.asked == [TARGET, key_of(resource("a"))]


async def test_two_resources_share_one_secret_and_each_is_its_owner() -> None:
    bed = Bed("a", "b")
    bed.submit("a", fragment("a"))
    bed.submit("b", fragment("b"))
    await bed.merged.reconcile(TARGET)
    assert bed.owners == ["a", "b"]
    assert "crm/a/" in bed.content
    assert "crm/b/" in bed.content


async def test_nothing_changed_is_nothing_written() -> None:
    bed = Bed("a")
    bed.submit("a", fragment("a"))
    await bed.merged.reconcile(TARGET)
    await bed.merged.reconcile(TARGET)
    assert len(bed.cluster.writes) == 1


async def test_a_share_that_cannot_be_computed_keeps_its_last_good_version_across_a_restart() -> None:
    bed = Bed("a", "b")
    bed.submit("a", fragment("a", "good"))
    bed.submit("b", fragment("b"))
    await bed.merged.reconcile(TARGET)
    bed.restart()
    bed.submit("a", None)
    bed.submit("b", fragment("b", "rotated"))
    await bed.merged.reconcile(TARGET)
    assert URL.format("good") in bed.content
    assert URL.format("rotated") in bed.content


async def test_resources_that_were_not_looked_at_yet_keep_their_share() -> None:
    bed = Bed("a", "b")
    bed.submit("a", fragment("a"))
    bed.submit("b", fragment("b"))
    await bed.merged.reconcile(TARGET)
    bed.restart()
    bed.submit("b", fragment("b"))
    await bed.merged.reconcile(TARGET)
    assert bed.owners == ["a", "b"]


async def test_a_resource_that_is_gone_takes_its_share_with_it() -> None:
    bed = Bed("a", "b")
    bed.submit("a", fragment("a"))
    bed.submit("b", fragment("b"))
    await bed.merged.reconcile(TARGET)
    bed.caches.remove(key_of(resource("a")))
    bed.merged.forget(key_of(resource("a")))
    await bed.merged.reconcile(TARGET)
    assert bed.owners == ["b"]
    assert "crm/a/" not in bed.content


async def test_the_secret_goes_with_the_last_share() -> None:
    bed = Bed("a")
    bed.submit("a", fragment("a"))
    await bed.merged.reconcile(TARGET)
    bed.merged.submit(key_of(resource("a")), None, observe=False)
    await bed.merged.reconcile(TARGET)
    assert live(bed.cluster, SECRET) == {}


async def test_a_secret_that_somebody_else_made_is_a_conflict_and_is_not_touched() -> None:
    bed = Bed("a")
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": TARGET.name, "namespace": "crm"}, "data": {}}
    bed.cluster.put(theirs)
    before = live(bed.cluster, SECRET)
    bed.submit("a", fragment("a"))
    await bed.merged.reconcile(TARGET)
    verdict = bed.submit("a", fragment("a"))
    assert verdict is not None
    assert verdict.finding is not None
    assert verdict.finding.reason is Reason.NAME_CONFLICT
    assert live(bed.cluster, SECRET) == before


async def test_a_key_that_somebody_added_is_removed() -> None:
    bed = Bed("a")
    bed.submit("a", fragment("a"))
    await bed.merged.reconcile(TARGET)
    secret = live(bed.cluster, SECRET)[TARGET.name]
    edit(bed.cluster, {**secret, "data": {**secret["data"], "extra": "eA=="}})
    await bed.merged.reconcile(TARGET)
    assert list(live(bed.cluster, SECRET)[TARGET.name]["data"]) == ["alertmanager.yaml"]


async def test_observing_writes_nothing_and_says_so() -> None:
    bed = Bed("a")
    bed.submit("a", fragment("a"), observe=True)
    await bed.merged.reconcile(TARGET)
    verdict = bed.submit("a", fragment("a"), observe=True)
    assert verdict is not None
    assert verdict.outcome.state is State.WOULD_CREATE
    assert bed.cluster.writes == []


async def test_no_credential_is_visible_in_what_is_remembered() -> None:
    bed = Bed("a")
    bed.submit("a", fragment("a", "canary"))
    await bed.merged.reconcile(TARGET)
    assert "canary" not in repr(vars(bed.merged))


def large(name: str) -> Fragment:
    """Return a fragment of more than half of what a Secret holds."""
    small = fragment(name)
    receiver, *others = small.receivers
    (slack,) = receiver["slack_configs"]
    long = {**slack, "text": "x" * (MAX_BYTES * 5 // 9)}
    return replace(small, receivers=({**receiver, "slack_configs": [long]}, *others))


async def test_a_resource_that_does_not_fit_into_the_secret_does_not_keep_the_others_from_being_written() -> None:
    bed = Bed("a", "b", "c")
    for name, share in (("a", fragment("a")), ("b", large("b")), ("c", large("c"))):
        bed.submit(name, share)
    await bed.merged.reconcile(TARGET)
    assert bed.owners == ["a", "b"]
    bed.submit("a", fragment("a", "two"))
    await bed.merged.reconcile(TARGET)
    assert URL.format("two") in bed.content
    assert bed.owners == ["a", "b"]
    verdict = bed.submit("c", large("c"))
    assert verdict is not None
    assert verdict.finding is not None
    assert (verdict.outcome.state, verdict.finding.reason) == (State.HELD, Reason.REFUSED)
    assert "another name" in verdict.finding.message
