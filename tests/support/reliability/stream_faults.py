"""What a watch can carry that it should not, and what it can keep to itself."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from support.fault_proxy_actions import (
    Action,
    Lines,
    Stream,
    break_off,
    duplicate,
    error_event,
    inject,
    swallow,
    truncate,
)
from support.reliability.response_faults import HTML, LASTING_SECONDS, Fault

REORDER_SECONDS = 0.4
LARGE_BYTES, ENDLESS_BYTES = 5 * 1024 * 1024, 33 * 1024 * 1024
"""An object that is larger than any that etcd holds, and a line that is longer than the operator reads."""


def reorder() -> Stream:
    """Collect the events of a moment, again and again, and send each lot the wrong way round."""

    async def change(lines: Lines) -> Lines:
        held: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def collect() -> None:
            async for line in lines:
                held.put_nowait(line)
            held.put_nowait(None)

        task = asyncio.create_task(collect())
        try:
            while (first := await held.get()) is not None:
                await asyncio.sleep(REORDER_SECONDS)
                lot = [first]
                while not held.empty() and (line := held.get_nowait()) is not None:
                    lot.append(line)
                for line in reversed(lot):
                    yield line
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return Stream(change)


def lose_first() -> Stream:
    """Leave out the first event, and go on as if it had never been."""

    async def change(lines: Lines) -> Lines:
        lost = False
        async for line in lines:
            if lost or b'"BOOKMARK"' in line:
                yield line
            lost = lost or b'"BOOKMARK"' not in line

    return Stream(change)


def silence() -> Stream:
    """Open the stream, and send nothing for ever."""

    async def change(lines: Lines) -> Lines:
        async for _ in lines:
            await asyncio.Event().wait()
        yield b""

    return Stream(change)


def end_at_once() -> Stream:
    """End the stream in good order as soon as it begins."""

    async def change(lines: Lines) -> Lines:
        await lines.aclose()  # type: ignore[attr-defined]
        return
        yield b""

    return Stream(change)


def _event(type_: str, body: Any) -> bytes:
    return json.dumps({"type": type_, "object": body}).encode() + b"\n"


def _stranger(version: str, **more: Any) -> dict[str, Any]:
    """Return an object that nobody knows, in a namespace that does not exist."""
    metadata = {"name": "stranger", "namespace": "nowhere", "uid": "0-0", "resourceVersion": version}
    return {"apiVersion": "example.com/v1", "kind": "Stranger", "metadata": metadata, **more}


def _large() -> bytes:
    filled = _stranger("2", spec={"filling": "x" * LARGE_BYTES})
    return _event("ADDED", filled) + _event("DELETED", _stranger("3"))


def _lasting(action: Action) -> Fault:
    return Fault(action, within=30.0, lasting=LASTING_SECONDS)


STREAMS: Mapping[str, Fault] = {
    **{f"ERROR event {code}": Fault(inject(error_event(code))) for code in (410, 500, 504, 429)},
    "ERROR event without a code": Fault(inject(error_event(None))),
    "ERROR event without an object": Fault(inject(b'{"type":"ERROR"}')),
    "a truncated last line": Fault(truncate()),
    "a reset in place of an event": Fault(break_off()),
    "HTML in the stream": Fault(inject(HTML.encode())),
    "bytes that are no text": Fault(inject(b"\x00\xff\xfe\x80")),
    "a line that is no object": Fault(inject(b"[]")),
    "an event without an object": Fault(inject(b'{"type":"MODIFIED"}')),
    "an object without metadata": Fault(inject(_event("MODIFIED", {"spec": {}}))),
    "an object whose metadata is null": Fault(inject(_event("MODIFIED", {"metadata": None}))),
    "an object without a name": Fault(inject(_event("MODIFIED", {"metadata": {"resourceVersion": "5"}}))),
    "a type that nobody knows": Fault(inject(_event("RENAMED", _stranger("2")))),
    "an object of another kind": Fault(inject(_event("ADDED", _stranger("2")) + _event("DELETED", _stranger("3")))),
    "a bookmark of an old version": Fault(inject(_event("BOOKMARK", {"metadata": {"resourceVersion": "1"}}))),
    "a version that is no number": Fault(inject(_event("BOOKMARK", {"metadata": {"resourceVersion": "x"}}))),
    "empty lines": Fault(inject(b"\n\n")),
    "every event twice": Fault(duplicate()),
    "an object of 5 MiB": Fault(inject(_large())),
    "a line without an end": Fault(inject(b'{"type":"ADDED","object":"' + b"x" * ENDLESS_BYTES)),
    "a stream that ends at once, for 3 s": _lasting(end_at_once()),
    "a stream that says nothing": Fault(silence(), within=95.0, until_left=True),
}
"""Each must be made good without a resync."""

UNSEEN: Mapping[str, Fault] = {
    "the first event is lost": Fault(lose_first()),
    "all events are lost": Fault(swallow()),
    "events the wrong way round": Fault(reorder()),
}
"""What nobody can notice: the next list makes it good."""
