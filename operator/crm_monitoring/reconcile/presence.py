"""Before something is undone: is the resource still what was seen of it?

What is known may be old when the process has just begun and the API server's cache lags. A read by name is a quorum
read, so it is made before a child is deleted, a pod template changed, or anything written for a generation that the
status says was done already. New wishes, which are the many, need no such read.
"""

from typing import Any

from crm_monitoring.cluster.port import Reader
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import Manifest, key_of


class Presence:
    """One resource as one pass sees it. It is read at most once."""

    def __init__(self, reader: Reader, body: Manifest) -> None:
        self._reader = reader
        self._body = body
        self._confirmed = False

    async def confirm(self) -> None:
        """Return if the resource is still what was seen of it. Raise ClusterError if not, or if it cannot be read."""
        if self._confirmed:
            return
        key = key_of(self._body)
        live = await self._reader.get(key)
        if live is None or _wish(live) != _wish(self._body):
            raise Unavailable(f"{key}: what was seen of it is out of date")
        self._confirmed = True

    async def confirm_if_done(self) -> None:
        """Do the same for a generation that was completed already, whose objects should need nothing any more."""
        status = self._body.get("status") or {}
        if status.get("observedGeneration") == self._body["metadata"].get("generation"):
            await self.confirm()


def _wish(body: Manifest) -> tuple[Any, ...]:
    metadata = body["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp")
