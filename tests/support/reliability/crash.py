"""Crashes at writes: where they can be, and the action that makes one."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web

from support.fault_proxy import Record
from support.fault_proxy_actions import Broken, Exchange
from support.fault_proxy_requests import Asked, Match


@dataclass(frozen=True, slots=True)
class Point:
    """One write of a run: what it asks, and the how manieth of its like it is. Namespaces differ from run to run."""

    asked: Asked
    occurrence: int
    commit: bool
    """False: the crash is before the API server has the write; True: after it is stored, and before the answer."""

    def __str__(self) -> str:
        asked = self.asked
        what = " ".join(filter(None, (asked.verb, asked.resource, asked.name, asked.subresource)))
        return f"kill -9 {'after' if self.commit else 'before'} {what}" + (
            f" ({self.occurrence})" if self.occurrence > 1 else ""
        )

    def match(self, namespace: str) -> Match:
        """Return the pattern of the write in a namespace."""
        asked = self.asked
        return Match(asked.verb, asked.resource, asked.name, asked.subresource, namespace)


def points(trace: Iterable[Record], namespace: str) -> list[Point]:
    """Return both crashes at each write of a trace that was made in a namespace."""
    seen: Counter[Asked] = Counter()
    found = []
    for record in trace:
        asked = record.asked
        if asked.writes and asked.namespace == namespace:
            seen[asked] += 1
            found += [Point(asked, seen[asked], commit) for commit in (False, True)]
    return found


@dataclass
class Kill:
    """End a process as a crash does, before or after a request of its is done."""

    pid: Callable[[], int]
    commit: bool
    at: float = field(default=0.0)
    """Monotonic seconds of the end."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.commit:
            await exchange.forward()
        os.kill(self.pid(), signal.SIGKILL)
        self.at = time.monotonic()
        raise Broken
