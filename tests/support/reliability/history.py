"""Every version of every object, in the order in which the API server stored them.

    with Histories(plane) as histories:
        ...
        histories.state("shop")      # what is there now
        histories.changes("shop")    # how it came to be

All kinds are watched from one moment on. Their resourceVersions come from one counter, so the states that an observer
could have seen can be told exactly, after the run and without asking in between.
"""

import http.client
import json
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from crm_monitoring.manifest import EVENT, Kind, Manifest
from support.live import eventually
from support.reliability import snapshot
from testbed.controlplane import ControlPlane


@dataclass(frozen=True, slots=True)
class Change:
    """One version of one object."""

    version: int
    name: str
    """As in snapshots: kind and name."""
    manifest: Manifest
    gone: bool = False
    """True: this was its deletion."""


def states(changes: Iterable[Change]) -> Iterator[tuple[int, Mapping[str, Manifest]]]:
    """Yield what was there after each change, with the version. The mapping is changed in place by the next one."""
    present: dict[str, Manifest] = {}
    for change in sorted(changes, key=lambda each: each.version):
        if change.gone:
            present.pop(change.name, None)
        else:
            present[change.name] = change.manifest
        yield change.version, present


def latest(changes: Iterable[Change]) -> Mapping[str, Manifest]:
    """Return what is there after the last change."""
    last: Mapping[str, Manifest] = {}
    for _, last in states(changes):  # noqa: B007 - the last one is what is asked for
        pass
    return last


class Histories:
    """The histories of all namespaces of a control plane, from its beginning to its end as a context."""

    def __init__(self, plane: ControlPlane, kinds: Iterable[Kind] = (*snapshot.KINDS, EVENT)) -> None:
        self._plane = plane
        self._kinds = tuple(kinds)
        self._changes: dict[str, list[Change]] = defaultdict(list)
        self._lock = threading.Lock()
        self._streams: list[http.client.HTTPSConnection] = []
        self._ended = False
        self.broken: list[str] = []
        """Watches that ended before their time: what follows cannot be relied on."""

    def changes(self, namespace: str) -> list[Change]:
        """Return everything that happened to the objects of a namespace, as far as it was told yet."""
        with self._lock:
            return list(self._changes[namespace])

    def state(self, namespace: str) -> list[Manifest]:
        """Return the objects of a namespace that snapshots are made of."""
        present = latest(self.changes(namespace))
        return [item for item in present.values() if item["kind"] != EVENT.name]

    def events(self, namespace: str) -> list[Manifest]:
        """Return the Events of a namespace."""
        return [change.manifest for change in self.changes(namespace) if change.manifest["kind"] == EVENT.name]

    def forget(self, namespace: str) -> None:
        """Free the memory of a namespace."""
        with self._lock:
            self._changes.pop(namespace, None)

    def __enter__(self) -> Self:
        for kind in self._kinds:
            threading.Thread(target=self._watch, args=(kind, self._open(kind)), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        for stream in self._streams:
            if stream.sock:
                stream.sock.close()

    def _open(self, kind: Kind) -> http.client.HTTPResponse:
        path = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
        path = f"{path}/{kind.plural}"
        listed = eventually(lambda: self._plane.api.request("GET", f"{path}?limit=1").body)
        version = listed["metadata"]["resourceVersion"]
        context = ssl.create_default_context(cafile=str(self._plane.certificate_authority))
        stream = http.client.HTTPSConnection(urlsplit(self._plane.url).netloc, context=context)
        query = f"watch=1&resourceVersion={version}&timeoutSeconds=36000"
        stream.request("GET", f"{path}?{query}", headers={"Authorization": f"Bearer {self._plane.token()}"})
        self._streams.append(stream)
        return stream.getresponse()

    def _watch(self, kind: Kind, answer: http.client.HTTPResponse) -> None:
        try:
            for line in answer:
                self._take(kind, json.loads(line))
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as problem:
            if not self._ended:
                self.broken.append(f"the watch on {kind.plural} broke: {type(problem).__name__}")
            return
        if not self._ended:
            self.broken.append(f"the watch on {kind.plural} ended")

    def _take(self, kind: Kind, event: dict[str, Manifest]) -> None:
        item = {**event["object"], "apiVersion": kind.api_version, "kind": kind.name}
        metadata = item["metadata"]
        gone = str(event["type"]) == "DELETED"
        change = Change(int(metadata["resourceVersion"]), snapshot.name_of(item), item, gone)
        with self._lock:
            self._changes[metadata["namespace"]].append(change)
