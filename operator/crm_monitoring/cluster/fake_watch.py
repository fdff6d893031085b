"""The history of the in-memory cluster: versions, and the streams that follow it."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Literal

from crm_monitoring.cluster.fake_json import copied
from crm_monitoring.cluster.port import Expired, WatchEvent
from crm_monitoring.manifest import Kind, Manifest, ObjectKey, labels_of

Change = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class _Line:
    version: int
    change: Change
    key: ObjectKey
    before: Manifest | None
    after: Manifest


class Journal:
    """Every change in order. One counter gives the versions of all kinds, as etcd does."""

    def __init__(self) -> None:
        self.version = 0
        """The newest resourceVersion."""
        self.oldest = 0
        """Versions below this one are compacted: following from there raises Expired."""
        self._lines: list[_Line] = []
        self._ended: dict[Kind, int] = {}
        self._news = asyncio.Event()

    def next_version(self) -> int:
        """Count on and return the new version."""
        self.version += 1
        return self.version

    def note(self, change: Change, key: ObjectKey, before: Manifest | None, after: Manifest) -> None:
        """Write down a change that has just got the newest version."""
        self._lines.append(_Line(self.version, change, key, before, after))
        self._wake()

    def compact(self) -> None:
        """Forget the history, as etcd does every few minutes."""
        self.oldest = self.version
        self._lines.clear()

    def end_streams(self, kind: Kind) -> None:
        """Let the API server close all watches of a kind in good order."""
        self._ended[kind] = self._ended.get(kind, 0) + 1
        self._wake()

    def as_of(self, version: int, kind: Kind, objects: Mapping[ObjectKey, Manifest]) -> dict[ObjectKey, Manifest]:
        """Return the objects of a kind as they were at a version, by undoing what happened since."""
        state = {key: manifest for key, manifest in objects.items() if key.kind == kind}
        for line in reversed(self._lines):
            if line.version > version and line.key.kind == kind:
                if line.before is None:
                    state.pop(line.key, None)
                else:
                    state[line.key] = line.before
        return state

    async def follow(
        self, kind: Kind, version: int, namespace: str | None, selector: str
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what happened after a version and what happens from now on."""
        ended = self._ended.get(kind, 0)
        while True:
            if version < self.oldest:
                raise Expired(f"watch {kind.plural}: the version asked for is too old")
            news = self._news
            for line in self._lines[bisect_right(self._lines, version, key=_version_of) :]:
                version = line.version
                event = _event(line, selector)
                if event and line.key.kind == kind and namespace in {None, line.key.namespace}:
                    yield event
            if self._ended.get(kind, 0) != ended:
                return
            if news is self._news:
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _version_of(line: _Line) -> int:
    return line.version


def selects(selector: str, manifest: Manifest) -> bool:
    """Say whether an object has the labels: `a=b`, `a==b`, `a!=b`, `a`, `!a`, with commas between them."""
    labels = labels_of(manifest)
    for term in filter(None, (part.strip() for part in selector.split(","))):
        if "!=" in term:
            name, _, value = term.partition("!=")
            matches = labels.get(name) != value
        elif "=" in term:
            name, _, value = term.partition("=")
            matches = labels.get(name) == value.removeprefix("=")
        elif term.startswith("!"):
            matches = term[1:] not in labels
        else:
            matches = term in labels
        if not matches:
            return False
    return True


def _event(line: _Line, selector: str) -> WatchEvent | None:
    """Return what a watch with this selector sees: leaving the selection is a deletion, entering it an addition."""
    was = line.before is not None and selects(selector, line.before)
    now = line.change != "DELETED" and selects(selector, line.after)
    if now:
        return WatchEvent("MODIFIED" if was else "ADDED", copied(line.after))
    return WatchEvent("DELETED", copied(line.after)) if was else None
