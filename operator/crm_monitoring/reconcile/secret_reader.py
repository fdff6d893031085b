"""Reads Secrets by name, and notices when one that is in use changes.

Secrets are never listed or watched: RBAC cannot limit a list by label, so the right to list would be the right to read
every Secret. Each Secret in use is read again about once a minute, once however many resources name it.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crm_monitoring.cluster.port import Reader
from crm_monitoring.errors import ClusterError
from crm_monitoring.manifest import ObjectKey
from crm_monitoring.render.secret_types import Withheld, withheld
from crm_monitoring.sealed import Sealed

POLL_SECONDS = 60.0

Contents = Mapping[str, Sealed] | None


class SecretReader:
    """Secrets in use, by key. `on_change` is called with each resource that uses a Secret which changed."""

    def __init__(
        self,
        reader: Reader,
        on_change: Callable[[ObjectKey], None],
        spread: Callable[[], float],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._reader = reader
        self._on_change = on_change
        self._spread = spread
        self._poll_seconds = poll_seconds
        self._users: dict[ObjectKey, set[ObjectKey]] = {}
        self._uses: dict[ObjectKey, frozenset[ObjectKey]] = {}
        self._digests: dict[ObjectKey, bytes] = {}
        self._reads: dict[ObjectKey, asyncio.Task[Contents]] = {}
        self._polls: set[asyncio.Task[None]] = set()
        self._timers: dict[ObjectKey, asyncio.TimerHandle] = {}
        self._salt = secrets.token_bytes(16)

    async def read(self, user: ObjectKey, wanted: Iterable[ObjectKey]) -> dict[str, Contents]:
        """Return the contents of Secrets by name and remember that `user` uses exactly these.

        None stands for a Secret that is absent, `Withheld` for one of a type that is not read. Raise ClusterError when one cannot be read.
        """
        keys = frozenset(wanted)
        self._register(user, keys)
        contents = await asyncio.gather(*(self._read_once(key) for key in sorted(keys)))
        return {key.name: content for key, content in zip(sorted(keys), contents, strict=True)}

    def forget(self, user: ObjectKey) -> None:
        """Take note that a resource is gone."""
        self._register(user, frozenset())

    def close(self) -> None:
        """Stop reading."""
        for timer in self._timers.values():
            timer.cancel()
        for task in (*self._polls, *self._reads.values()):
            task.cancel()

    def _register(self, user: ObjectKey, keys: frozenset[ObjectKey]) -> None:
        before = self._uses.get(user, frozenset())
        for key in before - keys:
            users = self._users[key]
            users.discard(user)
            if not users:
                self._drop(key)
        for key in keys - before:
            self._users.setdefault(key, set()).add(user)
        if keys:
            self._uses[user] = keys
        else:
            self._uses.pop(user, None)

    def _drop(self, key: ObjectKey) -> None:
        del self._users[key]
        self._digests.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()

    async def _read_once(self, key: ObjectKey) -> Contents:
        """Share one request between everybody who asks while it is under way."""
        task = self._reads.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(key), name=f"read {key}")
            self._reads[key] = task
            task.add_done_callback(lambda _: self._reads.pop(key, None))
        return await asyncio.shield(task)

    async def _fetch(self, key: ObjectKey) -> Contents:
        try:
            contents = _contents(await self._reader.get(key))
        finally:
            self._plan(key)
        digest = self._digest(contents)
        known = self._digests.get(key)
        if key in self._users:
            self._digests[key] = digest
        if known is not None and known != digest:
            for user in sorted(self._users.get(key, ())):
                self._on_change(user)
        return contents

    def _plan(self, key: ObjectKey) -> None:
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        if key in self._users:
            wait = self._poll_seconds * self._spread()
            self._timers[key] = asyncio.get_running_loop().call_later(wait, self._poll, key)

    def _poll(self, key: ObjectKey) -> None:
        self._polls.add(task := asyncio.create_task(self._poll_once(key), name=f"poll {key}"))
        task.add_done_callback(self._polls.discard)

    async def _poll_once(self, key: ObjectKey) -> None:
        # A failed poll is repeated at the next one; a pass that needs the Secret reports the failure itself.
        with contextlib.suppress(ClusterError):
            await self._read_once(key)

    def _digest(self, contents: Contents) -> bytes:
        """Return a salted digest, so that memory holds nothing from which a short value could be guessed."""
        digest = hashlib.blake2b(key=self._salt, digest_size=16)
        if contents is None:
            return b"absent"
        if isinstance(contents, Withheld):
            return b"withheld " + contents.type.encode()
        for name, value in sorted(contents.items()):
            raw = value.reveal()
            digest.update(f"{len(name)}:{name}:{len(raw)}:".encode())
            digest.update(raw)
        return digest.digest()


def _contents(manifest: Mapping[str, Any] | None) -> Contents:
    if manifest is None:
        return None
    refused = withheld(manifest)
    if refused is not None:
        return refused
    return {name: Sealed(_decoded(value)) for name, value in (manifest.get("data") or {}).items()}


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""
