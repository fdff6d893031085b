"""Watches of the API server in threads, to see a change at the moment that it is told."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from testbed.controlplane import ControlPlane

Json = dict[str, Any]


class Watch:
    """What a watch of one collection saw last of each object, and when. Use it as a context manager."""

    def __init__(self, plane: ControlPlane, path: str, *, keep: Callable[[Json], Any]) -> None:
        """Watch `path`; `keep` returns what to remember of an object."""
        self._plane = plane
        self._path = path
        self._keep = keep
        self._changed = threading.Condition()
        self._seen: dict[tuple[str, str], Any] = {}
        self._gone = False

    def __enter__(self) -> Self:
        listed = self._plane.api.request("GET", f"{self._path}?limit=1").body
        version = listed["metadata"]["resourceVersion"]
        context = ssl.create_default_context(cafile=str(self._plane.certificate_authority))
        self._connection = http.client.HTTPSConnection(urlsplit(self._plane.url).netloc, context=context)
        headers = {"Authorization": f"Bearer {self._plane.token()}"}
        self._connection.request("GET", f"{self._path}?watch=1&resourceVersion={version}", headers=headers)
        self._answer = self._connection.getresponse()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone = True
        if self._connection.sock:
            self._connection.sock.close()

    def count(self, holds: Callable[[Any], bool]) -> int:
        """Return for how many objects what was kept holds."""
        with self._changed:
            return sum(map(holds, self._seen.values()))

    def wait(self, holds: Callable[[dict[tuple[str, str], Any]], bool], within: float) -> float:
        """Wait until `holds` is true of everything seen, by (namespace, name); return the time of the clock then."""
        deadline = time.monotonic() + within
        with self._changed:
            while not holds(self._seen):
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{self._path}: not seen within {within:.0f} s")
            return time.monotonic()

    def _follow(self) -> None:
        try:
            for line in self._answer:
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                    self._take(event["type"], event["object"])
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            if not self._gone:
                raise

    def _take(self, type_: str, body: Json) -> None:
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        with self._changed:
            self._seen[key] = None if type_ == "DELETED" else self._keep(body)
            self._changed.notify_all()
