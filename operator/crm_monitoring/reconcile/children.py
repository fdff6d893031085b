"""The objects that one resource owns: apply what differs, prune what is left over, never touch what is not ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.cluster.port import ABSENT, FIELD_MANAGER, Cluster
from crm_monitoring.errors import ClusterError, Conflict, NamespaceTerminating, Unavailable
from crm_monitoring.manifest import CHILD_KINDS, Manifest, ObjectKey, key_of, owner_uids
from crm_monitoring.reconcile import fingerprint
from crm_monitoring.reconcile.caches import Caches
from crm_monitoring.reconcile.drift import Change, Difference, compare
from crm_monitoring.reconcile.outcome import ObjectOutcome, State
from crm_monitoring.reconcile.presence import Presence

_KINDS = {kind.name: kind for kind in CHILD_KINDS}

PROMETHEUS_OPERATOR_HELP = "install prometheus-operator's CustomResourceDefinitions; the operator notices by itself"


@dataclass(frozen=True, slots=True)
class ChildResult:
    """What became of one child, and what it means for the conditions."""

    outcome: ObjectOutcome
    finding: Finding | None = None
    transient: bool = False
    patience_seconds: float = 0.0
    """How long the API server asked to be left alone."""
    wanted: str = ""
    """Fingerprint of what was desired; empty when the child could not be made so."""


class Children:
    """Applies and prunes the children of resources."""

    def __init__(self, cluster: Cluster, caches: Caches) -> None:
        self._cluster = cluster
        self._caches = caches
        self._tolerated: dict[ObjectKey, tuple[Difference, ...]] = {}
        self._settled: dict[ObjectKey, tuple[str, str]] = {}
        """At which resourceVersion a child was found to be as desired, and the fingerprint of what was desired."""
        self._made: dict[ObjectKey, tuple[str, str]] = {}
        """The same of children that were made and whose content the watch did not tell yet."""
        for kind in CHILD_KINDS:
            for store in caches.scopes(kind).values():
                store.subscribe(self._changed)

    async def apply(
        self, desired: Manifest, uid: str, *, observe: bool, presence: Presence | None = None
    ) -> ChildResult:
        """Make one child as desired, unless it is already, or only say what would be done when `observe` is True.

        Failures are returned as findings, so that one object never keeps the others from being applied. `presence` is
        asked before a write.
        """
        key = key_of(desired)
        if not self._caches.served(key.kind, key.namespace):
            return _failed(key, None, Reason.DEPENDENCY_MISSING, _missing(key))
        live, wanted = self._caches.get(key), fingerprint.of_desired(desired)
        try:
            result = await self._apply(key, desired, wanted, live, uid, observe=observe, presence=presence)
        except ClusterError as error:
            return _failed(key, error)
        return replace(result, wanted=wanted)

    async def _apply(
        self,
        key: ObjectKey,
        desired: Manifest,
        wanted: str,
        live: Manifest | None,
        uid: str,
        *,
        observe: bool,
        presence: Presence | None,
    ) -> ChildResult:
        own = live if live is not None and not _stands_in_the_way(live, desired, uid) else None
        if own is not None and self._is_settled(key, own, wanted):
            return ChildResult(ObjectOutcome(key, State.IN_SYNC))
        if presence and not observe:
            await presence.confirm_if_done()
        if own is not None and not observe and self._is_ours_alone(key, own):
            return ChildResult(await self._change(key, desired, wanted, Change.APPLY, own))
        if observe if live is None else fingerprint.is_condensed(live):
            live = await self._cluster.get(key)
        if live is None and not observe:
            if await self._create(key, desired, wanted):
                return ChildResult(ObjectOutcome(key, State.CREATED))
            live = await self._cluster.get(key)
        if live is not None and _is_left_over(live, desired):
            return _failed(key, Conflict(_left_over(key)))
        if live is not None and uid not in owner_uids(live):
            return _failed(key, None, Reason.NAME_CONFLICT, _foreign(key))
        return ChildResult(await self._settle(key, desired, wanted, live, observe=observe))

    async def prune(
        self,
        uid: str,
        wanted: Iterable[ObjectKey],
        kept: Iterable[ObjectKey],
        known: Iterable[ObjectKey] = (),
        *,
        observe: bool,
        presence: Presence | None = None,
    ) -> list[ChildResult]:
        """Delete the children of a resource that are neither wanted nor held. `presence` is asked first.

        `known` are children that the resource's status names: one that has lost the label by which children are watched
        is found by them alone.
        """
        owned = self._caches.owned_by(uid)
        results = []
        for key in sorted({*owned, *known} - {*wanted, *kept}):
            try:
                result = await self._prune(key, owned.get(key), uid, observe=observe, presence=presence)
            except ClusterError as error:
                result = _failed(key, error)
            if result:
                results.append(result)
        return results

    async def _prune(
        self, key: ObjectKey, live: Manifest | None, uid: str, *, observe: bool, presence: Presence | None
    ) -> ChildResult | None:
        if live is None and self._caches.served(key.kind, key.namespace):
            live = await self._cluster.get(key)
        if live is None or uid not in owner_uids(live) or live["metadata"].get("deletionTimestamp"):
            return None
        if observe:
            return ChildResult(ObjectOutcome(key, State.WOULD_DELETE))
        if presence:
            await presence.confirm()
        await self._cluster.delete(key, uid=live["metadata"]["uid"])
        self._caches.remove(key)
        return ChildResult(ObjectOutcome(key, State.DELETED))

    def _changed(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        if after is None:
            self._settled.pop(key, None)
            self._made.pop(key, None)
            self._tolerated.pop(key, None)

    async def _settle(
        self, key: ObjectKey, desired: Manifest, wanted: str, live: Manifest | None, *, observe: bool
    ) -> ObjectOutcome:
        if live is None:
            if observe:
                return ObjectOutcome(key, State.WOULD_CREATE)
            raise Conflict(f"{key}: the object came and went while it was made")
        comparison = compare(desired, live, FIELD_MANAGER)
        if comparison.change is Change.NONE or self._tolerated.get(key) == comparison.differences:
            self._caches.put(live)
            self._note_settled(key, wanted, live)
            return ObjectOutcome(key, State.IN_SYNC)
        if observe:
            what = ", ".join(str(difference) for difference in comparison.differences[:5])
            return ObjectOutcome(key, State.WOULD_CHANGE, what)
        return await self._change(key, desired, wanted, comparison.change, live)

    async def _change(
        self, key: ObjectKey, desired: Manifest, wanted: str, change: Change, live: Manifest
    ) -> ObjectOutcome:
        if change is Change.APPLY:
            live = await self._applied(desired)
            change = compare(desired, live, FIELD_MANAGER).change
        if change is not Change.NONE:
            await self._replace(key, desired, wanted, live)
        else:
            self._note_settled(key, wanted, live)
        return ObjectOutcome(key, State.CHANGED)

    def _is_settled(self, key: ObjectKey, live: Manifest, wanted: str) -> bool:
        """Return whether an object is known to be as desired."""
        version = live["metadata"]["resourceVersion"]
        found = fingerprint.of(live)
        if found == fingerprint.UNSEEN:
            return self._made.get(key) == (version, wanted)
        if found == wanted:
            self._note_settled(key, wanted, live)
        return self._settled.get(key) == (version, wanted)

    def _is_ours_alone(self, key: ObjectKey, live: Manifest) -> bool:
        """Return whether an object is as it was last desired, and nobody else owns a part: then an apply is enough."""
        settled = self._made.get(key) or self._settled.get(key)
        known = settled is not None and settled[0] == live["metadata"]["resourceVersion"]
        return known and fingerprint.of(live) is not None

    def _note_settled(self, key: ObjectKey, wanted: str, live: Manifest) -> None:
        self._settled[key] = (live["metadata"]["resourceVersion"], wanted)
        self._made.pop(key, None)

    async def _create(self, key: ObjectKey, desired: Manifest, wanted: str) -> bool:
        """Create a child and return True; return False, and write nothing, when an object of its name exists."""
        metadata = {**desired["metadata"], "resourceVersion": ABSENT}
        try:
            # The watch tells of the content anyway, and with it whether that is what was wanted.
            created = await self._cluster.apply({**desired, "metadata": metadata}, force=True, brief=True)
        except Conflict:
            return False
        self._caches.put(created, brief=True)
        self._made[key] = (created["metadata"]["resourceVersion"], wanted)
        return True

    async def _applied(self, desired: Manifest) -> Manifest:
        live = await self._cluster.apply(desired, force=True)
        self._caches.put(live)
        return live

    async def _replace(self, key: ObjectKey, desired: Manifest, wanted: str, live: Manifest) -> None:
        """Put the desired content in place of the live one, provided that the object did not change meanwhile."""
        version = live["metadata"]["resourceVersion"]
        operations: list[Mapping[str, Any]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            *(
                {"op": "replace", "path": f"/{part}", "value": desired[part]}
                for part in ("spec", "data")
                if part in desired and part in live
            ),
        ]
        replaced = await self._cluster.json_patch(key, operations)
        self._caches.put(replaced)
        left = compare(desired, replaced, FIELD_MANAGER)
        if left.change is Change.NONE:
            self._tolerated.pop(key, None)
        else:
            # What survives a replacement are defaults of the API server that somebody else happens to own, too.
            self._tolerated[key] = left.differences
        self._note_settled(key, wanted, replaced)


def known_of(body: Manifest) -> list[ObjectKey]:
    """Return the children that a resource's status names. It may be forged: reason enough to look there, no more."""
    entries = (body.get("status") or {}).get("resources") or ()
    namespace = body["metadata"]["namespace"]
    return [ObjectKey(_KINDS[entry["kind"]], namespace, entry["name"]) for entry in entries if entry["kind"] in _KINDS]


def _failed(
    key: ObjectKey, error: ClusterError | None, reason: Reason | None = None, message: str | None = None
) -> ChildResult:
    reason = reason or reason_of(error)
    text = message or (error.message if error else "")
    state = State.CONFLICT if reason is Reason.NAME_CONFLICT else State.FAILED
    outcome = ObjectOutcome(key, state, text)
    finding = Finding(ConditionType.APPLIED, reason, text)
    return ChildResult(outcome, finding, is_transient(error), patience_of(error))


def reason_of(error: ClusterError | None) -> Reason:
    """Return the condition reason for a failed request."""
    try:
        return Reason(error.reason if error else "")
    except ValueError:
        return Reason.API_SERVER_UNAVAILABLE


def is_transient(error: ClusterError | None) -> bool:
    """Return whether a failed request is to be tried again.

    Also what is refused or forbidden: an administrator who changes a policy or a role changes nothing that is watched.
    """
    return error is not None and not isinstance(error, NamespaceTerminating)


def patience_of(error: Exception | None) -> float:
    """Return how many seconds the API server asked to be left alone when it failed a request, 0 when it did not."""
    return (isinstance(error, Unavailable) and error.retry_after_seconds) or 0.0


def _missing(key: ObjectKey) -> str:
    return f"The API server does not serve {key.kind.crd_name}: {PROMETHEUS_OPERATOR_HELP}."


def _is_left_over(live: Manifest, desired: Mapping[str, Any]) -> bool:
    """Return whether an object belongs to a resource of the same name that was deleted."""
    references = [*(live["metadata"].get("ownerReferences") or ()), *desired["metadata"]["ownerReferences"]]
    owners = {(reference["kind"], reference["apiVersion"], reference["name"]) for reference in references}
    return len(references) > 1 and len(owners) == 1 and owner_uids(live).isdisjoint(owner_uids(desired))


def _stands_in_the_way(live: Manifest, desired: Mapping[str, Any], uid: str) -> bool:
    return uid not in owner_uids(live) or _is_left_over(live, desired)


def _left_over(key: ObjectKey) -> str:
    return (
        f"{key.kind.name} {key.name} belongs to an earlier resource of this name; it is made anew once the garbage "
        f"collector has removed it."
    )


def _foreign(key: ObjectKey) -> str:
    return (
        f"{key.kind.name} {key.name} exists and does not belong to this resource; it was not touched. "
        f"Rename or delete it (kubectl -n {key.namespace} get {key.kind.plural} {key.name}), or rename this resource."
    )
