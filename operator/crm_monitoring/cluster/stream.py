"""The bytes of a WATCH: cut into lines, each line decoded. Anything unexpected is an error, never a guess."""

from typing import Any

import orjson

from crm_monitoring.cluster.answers import Call, error_of
from crm_monitoring.cluster.port import WatchEvent
from crm_monitoring.errors import Unavailable

LONGEST_LINE_BYTES = 32 * 1024 * 1024


class Lines:
    """Cuts chunks of bytes into complete lines. An object may be many megabytes long."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._rest: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that this chunk completes; raise Unavailable for an endless one."""
        first, *others = chunk.split(b"\n")
        self._rest.append(first)
        self._length += len(first)
        if self._length > LONGEST_LINE_BYTES:
            raise Unavailable(f"{self._call}: a line of the stream does not end")
        if not others:
            return []
        lines = [b"".join(self._rest), *others[:-1]]
        self._rest = [others[-1]]
        self._length = len(others[-1])
        return [line for line in lines if line]

    def end(self) -> None:
        """Raise Unavailable when the stream ended inside a line."""
        if self._length:
            raise Unavailable(f"{self._call}: the stream was cut off inside an event")


def event_of(line: bytes, call: Call) -> WatchEvent:
    """Return the event in one line; raise what an ERROR event says, or Unavailable when it makes no sense."""
    try:
        event: Any = orjson.loads(line)
        kind, body = event["type"], event["object"]
        if kind in {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"} and body["metadata"]["resourceVersion"]:
            return WatchEvent(kind, body)
    except (ValueError, TypeError, KeyError):
        kind, body = "", None
    if kind != "ERROR":
        raise Unavailable(f"{call}: the stream carries something that is no event")
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(code, int) or code < 400:
        raise Unavailable(f"{call}: the API server ended the stream with an error")
    raise error_of(code, body, None, call)
