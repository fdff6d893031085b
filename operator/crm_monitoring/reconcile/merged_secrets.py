"""The notification Secrets: one complete alertmanager.yaml, merged from all resources that name the Secret.

Each Secret is a key of the work queue of its own. A resource submits its share; the pass over the Secret merges the
shares and tells each resource how its own fared. A share that cannot be computed, or does not pass the checks, is kept
at its last good version, which is read back from the live Secret: that survives a restart of the operator.
"""

import base64
import binascii
from collections.abc import Callable, Collection, Mapping

from crm_monitoring.api.conditions import ConditionType
from crm_monitoring.cluster.port import FIELD_MANAGER, Cluster
from crm_monitoring.errors import ClusterError, Refused, Unavailable
from crm_monitoring.manifest import CRM_MONITORING, SECRET, Manifest, ObjectKey, labels_of
from crm_monitoring.reconcile import shares
from crm_monitoring.reconcile.caches import Caches
from crm_monitoring.reconcile.drift import Change, compare
from crm_monitoring.reconcile.left_secrets import LeftSecrets
from crm_monitoring.reconcile.outcome import ObjectOutcome, State
from crm_monitoring.reconcile.secret_reader import POLL_SECONDS
from crm_monitoring.reconcile.shares import Share, Verdict
from crm_monitoring.render import merged
from crm_monitoring.render.bundle import Fragment
from crm_monitoring.render.names import MANAGED_BY, MANAGED_BY_LABEL

CONTENT_KEY = "alertmanager.yaml"


class MergedSecrets:
    """Keeps the shares, merges them, and remembers the verdicts.

    A merged Secret is never watched: to be read again every `recheck_seconds` is how drift in it is found.
    """

    def __init__(
        self,
        cluster: Cluster,
        caches: Caches,
        look_at: Callable[[ObjectKey], None],
        recheck_seconds: float = POLL_SECONDS,
    ) -> None:
        self.recheck_seconds = recheck_seconds
        self._cluster = cluster
        self._caches = caches
        self._look_at = look_at
        self._given: dict[ObjectKey, Share | None] = {}
        self._verdicts: dict[ObjectKey, Verdict] = {}
        self._left = LeftSecrets()
        self._observing: set[ObjectKey] = set()

    def submit(
        self, resource: ObjectKey, share: Share | None, noted: Collection[ObjectKey] = (), *, observe: bool
    ) -> Verdict | None:
        """Take a resource's share (None: it has none) and return its verdict, or None while that is not known.

        When the verdict comes to be known the resource is looked at again. `noted` are Secrets in which it may have had
        a share before this process began: they are looked at, too. With `observe` it is only told what would be written.
        """
        before = self._given.get(resource)
        first = resource not in self._given
        news = first or share != before or observe != (resource in self._observing)
        self._given[resource] = share
        (self._observing.add if observe else self._observing.discard)(resource)
        if news:
            self._verdicts.pop(resource, None)
            present = {share.secret} if share else set()
            had = {before.secret} if before else set(noted if first else ())
            left = {*self._left.of(resource), *had} - present
            self._left.leave(resource, left)
            for secret in present | left:
                self._look_at(secret)
        return self._verdicts.get(resource)

    def left(self, resource: ObjectKey) -> Mapping[ObjectKey, Verdict | None]:
        """Return the Secrets that a resource left and that may still hold its share; None: there was no answer yet.

        As long as that is so its status must name them: an operator that starts knows of them from there only.
        """
        return self._left.of(resource)

    def forget(self, resource: ObjectKey) -> None:
        """Take note that a resource is gone."""
        share = self._given.get(resource)
        for secret in {*self._left.of(resource), *([share.secret] if share else ())}:
            self._look_at(secret)
        self.hold(resource)

    def hold(self, resource: ObjectKey) -> None:
        """Keep the last good share, wherever it is, of a resource that is too broken to tell what it wants."""
        self._given.pop(resource, None)
        self._verdicts.pop(resource, None)
        self._left.leave(resource, ())
        self._observing.discard(resource)

    async def reconcile(self, secret: ObjectKey) -> bool:
        """Merge one Secret and write it when its bytes change. Return whether it is still in use.

        Raise ClusterError when the API server does not do what is asked; the verdicts say so, too.
        """
        if not self._caches.served(CRM_MONITORING, secret.namespace):
            return True  # an API server that starts serves no custom kinds; who shares the Secret cannot be known then
        leaving = self._left.by(secret)
        inside: Collection[ObjectKey] = ()
        try:
            live = await self._cluster.get(secret)
            if live is not None and not _is_ours(live):
                self._tell_all(secret, shares.conflict(secret))
            else:
                inside = await self._merge(secret, live)
        except ClusterError as error:
            self._tell_failure(secret, error)
            raise
        self._settle_left(secret, leaving, inside)
        return bool(self._sharers(secret))

    async def _merge(self, secret: ObjectKey, live: Manifest | None) -> Collection[ObjectKey]:
        """Write what the sharers put into a Secret; return those of whom something is in it now."""
        last_good = merged.split(_content(live), secret.name) if live else {}
        problems: dict[ObjectKey, Verdict] = {}
        fragments: dict[ObjectKey, Fragment] = {}
        sharers = self._sharers(secret)
        for resource, share in sharers.items():
            kept = last_good.get((resource.namespace, resource.name))
            fragment = share.fragment if share else None
            wrong = merged.check(fragment) if fragment else ()
            if wrong:
                problems[resource] = shares.invalid(secret, wrong)
            chosen = fragment if fragment and not wrong and resource not in self._observing else kept
            if chosen:
                fragments[resource] = chosen
        content, left_out = self._content(fragments, last_good)
        problems |= dict.fromkeys(left_out, shares.too_large(secret))
        state = await self._write(secret, live, fragments, content)
        for resource, share in sharers.items():
            kept = last_good.get((resource.namespace, resource.name))
            told = (
                shares.would(secret, share, kept, live)
                if resource in self._observing
                else shares.stands(secret, share, state)
            )
            if share or resource not in self._given:
                self._tell(resource, problems.get(resource) or told)
        return fragments

    def _content(
        self, fragments: dict[ObjectKey, Fragment], last_good: Mapping[tuple[str, str], Fragment]
    ) -> tuple[bytes, list[ObjectKey]]:
        """Return the file, and whose new fragments it has no room for: those are taken out, the youngest first."""
        try:
            return merged.merge(fragments.values()), []
        except Refused:
            kept = {
                key: last_good[key.namespace, key.name] for key in fragments if (key.namespace, key.name) in last_good
            }
            fitting = merged.fitting({key: fragments[key] for key in sorted(fragments, key=self._age)}, kept)
            left_out = [key for key, fragment in fragments.items() if fitting.get(key) != fragment]
            fragments.clear()
            fragments.update(fitting)
            return merged.merge(fitting.values()), left_out

    def _age(self, resource: ObjectKey) -> tuple[str, str]:
        body = self._caches.get(resource)
        return (body["metadata"].get("creationTimestamp", "") if body else "", resource.name)

    async def _write(
        self, secret: ObjectKey, live: Manifest | None, fragments: Mapping[ObjectKey, Fragment], content: bytes
    ) -> State:
        if not fragments:
            if live is not None and not self._sharers(secret):
                await self._cluster.delete(secret, uid=live["metadata"]["uid"])
                return State.DELETED
            return State.HELD
        owners = [(r.name, self._uid(r)) for r in sorted(fragments)]
        desired = merged.merged_secret(secret.namespace, secret.name, owners, content)
        if live is None:
            await self._cluster.apply(desired, force=True)
            return State.CREATED
        comparison = compare(desired, live, FIELD_MANAGER)
        if comparison.change is Change.NONE:
            return State.IN_SYNC
        if comparison.change is Change.APPLY:
            live = await self._cluster.apply(desired, force=True)
            comparison = compare(desired, live, FIELD_MANAGER)
        if comparison.change is not Change.NONE:
            version = live["metadata"]["resourceVersion"]
            await self._cluster.json_patch(
                secret,
                [
                    {"op": "test", "path": "/metadata/resourceVersion", "value": version},
                    {"op": "replace", "path": "/data", "value": desired["data"]},
                ],
            )
        return State.CHANGED

    def _sharers(self, secret: ObjectKey) -> dict[ObjectKey, Share | None]:
        """Return every resource that may have a share: those that submitted one, and those not looked at yet."""
        sharers: dict[ObjectKey, Share | None] = {}
        for body in self._caches.resources_in(secret.namespace):
            resource = ObjectKey(CRM_MONITORING, secret.namespace, body["metadata"]["name"])
            if resource not in self._given:
                sharers[resource] = None
            else:
                share = self._given[resource]
                if share and share.secret == secret:
                    sharers[resource] = share
                elif resource in self._observing and secret in self._left.of(resource):
                    sharers[resource] = None
        return sharers

    def _uid(self, resource: ObjectKey) -> str:
        body = self._caches.get(resource)
        if body is None:
            raise Unavailable(f"{resource} disappeared during the pass; the next one will not include it")
        return str(body["metadata"]["uid"])

    def _tell(self, resource: ObjectKey, verdict: Verdict) -> None:
        if resource in self._given and self._verdicts.get(resource) != verdict:
            self._verdicts[resource] = verdict
            self._look_at(resource)

    def _tell_all(self, secret: ObjectKey, verdict: Verdict) -> None:
        for resource in self._sharers(secret):
            self._tell(resource, verdict)

    def _tell_failure(self, secret: ObjectKey, error: ClusterError) -> None:
        self._tell_all(secret, shares.failure(secret, error, ConditionType.NOTIFICATIONS))
        verdict = shares.failure(secret, error, ConditionType.APPLIED)
        for resource in self._left.by(secret):
            if self._left.judge(resource, secret, verdict):
                self._look_at(resource)

    def _settle_left(self, secret: ObjectKey, leaving: Collection[ObjectKey], inside: Collection[ObjectKey]) -> None:
        """Take note that a merge is done without those who had left before it began; `inside` are those still in it."""
        for resource in leaving:
            if resource in inside and resource in self._observing:
                state = State.WOULD_DELETE if len(inside) == 1 else State.WOULD_CHANGE
                news = self._left.judge(resource, secret, Verdict(ObjectOutcome(secret, state)))
            else:
                news = self._left.settle(resource, secret)
            if news:
                self._look_at(resource)


def noted(body: Manifest) -> list[ObjectKey]:
    """Return the Secrets that a resource's status names. It may be forged: reason enough to look there, no more."""
    entries = (body.get("status") or {}).get("resources") or ()
    namespace = body["metadata"]["namespace"]
    return [ObjectKey(SECRET, namespace, entry["name"]) for entry in entries if entry.get("kind") == SECRET.name]


def _is_ours(live: Manifest) -> bool:
    references = live["metadata"].get("ownerReferences") or ()
    owned = any(
        r["kind"] == CRM_MONITORING.name and r["apiVersion"].startswith(f"{CRM_MONITORING.group}/") for r in references
    )
    return owned and labels_of(live).get(MANAGED_BY_LABEL) == MANAGED_BY


def _content(live: Manifest) -> bytes:
    try:
        return base64.b64decode((live.get("data") or {}).get(CONTENT_KEY, ""), validate=True)
    except (binascii.Error, ValueError):
        return b""
