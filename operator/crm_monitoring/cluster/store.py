"""What is known of one kind: live objects by key, by owner and by namespace, never older than already seen."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import orjson

from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import Kind, Manifest, ObjectKey, owner_uids

Subscriber = Callable[[ObjectKey, Manifest | None, Manifest | None], None]
"""Called with (key, what was known or None, what is known now or None) after each change, synchronously."""


STALE_SECONDS = 60.0
"""How long lists older than what is known are refused: a cache that lags catches up, a restored backup stays old."""


@dataclass(frozen=True, slots=True)
class _Entry:
    packed: bytes
    """JSON takes a tenth of the memory of the objects that it decodes to, and microseconds to decode."""
    version: int | None
    owners: tuple[str, ...]
    brief: bool

    @property
    def manifest(self) -> Manifest:
        """Return the object, a new one each time."""
        manifest: Manifest = orjson.loads(self.packed)
        return manifest


class Store:
    """The objects of one kind within the scope of one reflector.

    A reflector fills it by `replacing`, `observe`, `forget`, `advance` and `unserve`. Everybody else reads it, and may
    `put` the answer of an own write so that it need not wait for its echo. Whoever asks gets a copy. Versions are
    compared as integers; where one is not an integer, the newcomer wins.

    `transform` is applied to each object at the border, to drop what need not be kept. It must keep the name,
    namespace, uid, resourceVersion and ownerReferences. Objects of namespaces that `serves` refuses stay outside. Not
    thread-safe: one event loop owns a store.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        transform: Callable[[Manifest], Manifest] | None = None,
        serves: Callable[[str], bool] = lambda namespace: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind = kind
        self.served = False
        """Whether the API server serves the kind, as far as known."""
        self.synced = False
        """Whether the content is known: a full list was taken, or the kind is known not to be served."""
        self._transform = transform
        self._serves = serves
        self._entries: dict[ObjectKey, _Entry] = {}
        self._owned: dict[str, set[ObjectKey]] = {}
        self._namespaces: dict[str, set[ObjectKey]] = {}
        self._subscribers: list[Subscriber] = []
        self._on_served: list[Callable[[], None]] = []
        self._complete_to: int | None = None
        self._clock = clock
        self._back_since: float | None = None
        self._listing: Replacement | None = None

    def get(self, key: ObjectKey) -> Manifest | None:
        """Return the object, or None when it is absent as far as known."""
        entry = self._entries.get(key)
        return entry.manifest if entry else None

    def by_owner(self, uid: str) -> tuple[Manifest, ...]:
        """Return the objects with an ownerReference to this uid, ordered by key."""
        return self._those(self._owned.get(uid, ()))

    def in_namespace(self, namespace: str) -> tuple[Manifest, ...]:
        """Return the objects in a namespace, ordered by key."""
        return self._those(self._namespaces.get(namespace, ()))

    def keys_in(self, namespace: str) -> tuple[ObjectKey, ...]:
        """Return the keys of the objects in a namespace, in their order."""
        return tuple(sorted(self._namespaces.get(namespace, ())))

    def __iter__(self) -> Iterator[Manifest]:
        return (entry.manifest for entry in list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._entries

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` after each change from now on; return what ends the subscription."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def on_served(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `served` has changed, after the content has."""
        self._on_served.append(callback)

    def put(self, manifest: Manifest, *, brief: bool = False) -> None:
        """Take the answer of an own write, unless something newer is known: an update, or that it is gone again.

        With `brief` the answer is metadata alone. The echo of the write completes it, and nobody is told of that.
        """
        if not self._is_inside(manifest):
            return
        key, entry = self._admit(manifest, brief=brief)
        gone_since = (
            key not in self._entries
            and entry.version is not None
            and self._complete_to is not None
            and entry.version <= self._complete_to
        )
        if not gone_since:
            self._offer(key, entry)

    def remove(self, key: ObjectKey) -> None:
        """Forget an object after an own delete."""
        self._set(key, None)

    def observe(self, manifest: Manifest) -> None:
        """Take an ADDED or MODIFIED event."""
        if self._is_inside(manifest):
            self._offer(*self._admit(manifest))
        self._complete(_version(manifest))

    def forget(self, manifest: Manifest) -> None:
        """Take a DELETED event, whose object carries the version of the deletion."""
        key, version = self._key(manifest), _version(manifest)
        entry = self._entries.get(key)
        if entry and not _newer(entry.version, version):
            self._set(key, None)
        if self._listing:
            self._listing.forget(key, version)
        self._complete(version)

    def advance(self, resource_version: str) -> None:
        """Take a bookmark: everything up to this version has been seen."""
        self._complete(_integer(resource_version))

    def replacing(self) -> "Replacement":
        """Begin to take a full list, page by page: call it before the first page is asked for.

        Nothing changes before its `commit`. Events may be taken meanwhile; what they say wins over an older list.
        """
        self._listing = Replacement(self, self._complete_to)
        return self._listing

    def replace(self, manifests: Iterable[Manifest], resource_version: str) -> None:
        """Take a full list as of `resource_version` at once. Raise as `Replacement.commit`."""
        replacement = self.replacing()
        replacement.add(manifests)
        replacement.commit(resource_version)

    def unserve(self) -> None:
        """Take note that the kind is not served: there are no such objects."""
        self.synced, self._complete_to = True, None
        for key in list(self._entries):
            self._set(key, None)
        self._serve(False)

    def _commit(self, listed: dict[ObjectKey, _Entry], version: int | None, known_to: int | None) -> None:
        self._listing = None
        went_back = version is not None and _newer(known_to, version)
        self._back_since = (self._back_since or self._clock()) if went_back else None
        if self._back_since and self._clock() - self._back_since < STALE_SECONDS:
            raise Unavailable(f"list {self.kind.plural}: the API server answers from the past")
        self.synced = True
        if went_back or not _newer(self._complete_to, version):
            self._complete_to = version
        for key, entry in list(self._entries.items()):
            if key not in listed and (went_back or not _newer(entry.version, version)):
                self._set(key, None)
        for key, entry in listed.items():
            known = self._entries.get(key)
            if known is None or went_back or not _newer(known.version, version):
                self._set(key, entry)
        self._serve(True)

    def _serve(self, served: bool) -> None:
        changed, self.served = self.served != served, served
        for callback in self._on_served if changed else ():
            callback()

    def _offer(self, key: ObjectKey, entry: _Entry) -> None:
        known = self._entries.get(key)
        if known is None or not _newer(known.version, entry.version):
            self._set(key, entry)

    def _set(self, key: ObjectKey, entry: _Entry | None) -> None:
        known = self._entries.get(key)
        if known is None and entry is None:
            return
        if known and entry and known.version == entry.version and known.version is not None:
            if known.brief and not entry.brief:
                self._entries[key] = entry
            return
        if known:
            del self._entries[key]
            _discard(self._namespaces, key.namespace, key)
            for uid in known.owners:
                _discard(self._owned, uid, key)
        if entry:
            self._entries[key] = entry
            self._namespaces.setdefault(key.namespace, set()).add(key)
            for uid in entry.owners:
                self._owned.setdefault(uid, set()).add(key)
        before, after = (known.manifest if known else None), (entry.manifest if entry else None)
        for subscriber in tuple(self._subscribers):
            subscriber(key, before, after)

    def _complete(self, version: int | None) -> None:
        if version is not None and not _newer(self._complete_to, version):
            self._complete_to = version

    def _is_inside(self, manifest: Manifest) -> bool:
        return self._serves(manifest["metadata"].get("namespace", ""))

    def _admit(self, manifest: Manifest, *, brief: bool = False) -> tuple[ObjectKey, _Entry]:
        key, version = self._key(manifest), _version(manifest)
        kept = self._transform(manifest) if self._transform else manifest
        return key, _Entry(orjson.dumps(kept), version, tuple(owner_uids(manifest)), brief)

    def _key(self, manifest: Manifest) -> ObjectKey:
        metadata = manifest["metadata"]
        return ObjectKey(self.kind, metadata.get("namespace", ""), metadata["name"])

    def _those(self, keys: Iterable[ObjectKey]) -> tuple[Manifest, ...]:
        return tuple(self._entries[key].manifest for key in sorted(keys))


class Replacement:
    """A full list on its way into a store. Objects pass the store's `transform` as they come, to bound memory.

    `known_to` is the version up to which the store was complete before: a list as of an older one is stale, or a
    restored backup.
    """

    def __init__(self, store: Store, known_to: int | None) -> None:
        self._store = store
        self._known_to = known_to
        self._listed: dict[ObjectKey, _Entry] = {}
        self._forgotten: dict[ObjectKey, int | None] = {}

    def add(self, manifests: Iterable[Manifest]) -> None:
        """Take one page."""
        self._listed.update(map(self._store._admit, filter(self._store._is_inside, manifests)))

    def forget(self, key: ObjectKey, version: int | None) -> None:
        """Take note that an object was deleted while the list is under way: the list may still show it."""
        self._forgotten[key] = version

    def commit(self, resource_version: str) -> int:
        """Make the store hold what was listed as of this version; return how many objects that is.

        What vanished is reported to subscribers as removed. An object that was `put` after the list was taken stays.
        Raise Unavailable, and change nothing, for a list that is older than what was known before it was asked for,
        until such lists have come for STALE_SECONDS.
        """
        for key, version in self._forgotten.items():
            if key in self._listed and _newer(version, self._listed[key].version):
                del self._listed[key]
        self._store._commit(self._listed, _integer(resource_version), self._known_to)
        return len(self._listed)


def _version(manifest: Manifest) -> int | None:
    return _integer(manifest["metadata"].get("resourceVersion", ""))


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _newer(known: int | None, other: int | None) -> bool:
    return known is not None and other is not None and known > other


def _discard(index: dict[str, set[ObjectKey]], value: str, key: ObjectKey) -> None:
    keys = index.get(value)
    if keys:
        keys.discard(key)
        if not keys:
            del index[value]
