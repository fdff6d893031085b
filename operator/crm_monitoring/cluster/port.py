"""What the rest of the program may ask of Kubernetes. `kube` talks to an API server, `fake` keeps objects in memory."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from crm_monitoring.errors import Conflict, Unavailable
from crm_monitoring.manifest import Kind, Manifest, ObjectKey

FIELD_MANAGER = "crm-monitoring-operator"
"""The name under which every write of ours appears in managedFields."""

ABSENT = str(2**63 - 1)
"""A resourceVersion that no object reaches: an apply that asks for it creates the object or fails."""


class Expired(Unavailable):
    """A resourceVersion or a continue token is too old: list again from the start."""

    reason = "Expired"


class Silent(Unavailable):
    """A watch carried nothing for long. Nothing is lost: watch again from the last version."""

    reason = "Silent"


class FieldConflict(Conflict):
    """Other managers own fields that an apply without force would set."""

    reason = "FieldConflict"

    def __init__(self, message: str, owners: Mapping[str, str]) -> None:
        super().__init__(message)
        self.owners = dict(owners)
        """Path of each field (as in managedFields, with a leading dot) to the name of its manager."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a LIST: complete objects (apiVersion and kind filled in) and where to go on."""

    items: tuple[Manifest, ...]
    resource_version: str
    continue_token: str | None


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a WATCH. `ERROR` is raised as an exception, never yielded. A bookmark carries a version only."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Manifest


class Reader(Protocol):
    """Reads. Each call has a time-out and raises only classes of `errors.ClusterError`."""

    async def get(self, key: ObjectKey) -> Manifest | None:
        """Return the live object by a quorum read, or None when it is absent."""

    async def list(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        limit: int = 500,
        continue_token: str | None = None,
    ) -> Page:
        """Return one page of a consistent list. `namespace=None` means all.

        Raise DependencyMissing when the kind is not served, and Expired when the continue token is too old.
        """

    def watch(
        self,
        kind: Kind,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield events, bookmarks among them, until the stream ends or raises a ClusterError.

        Leave it early only inside `contextlib.aclosing`, so that the connection is given back at once.
        """


class Writer(Protocol):
    """Writes. Each call checks leadership first and raises NotLeading, then as `Reader`."""

    async def apply(
        self, manifest: Mapping[str, Any], *, force: bool, dry_run: bool = False, brief: bool = False
    ) -> Manifest:
        """Server-side apply under FIELD_MANAGER and return the live object, its metadata alone if `brief`.

        A resourceVersion in the manifest is a condition: raise Conflict when the object exists with another one; absent
        objects are created all the same. Raise FieldConflict when another manager owns a field and `force` is False.
        The caller has made sure that the object is ours, or asks for `ABSENT`: applying on a foreign object would add
        our ownerReference to it.
        """

    async def json_patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """Apply RFC 6902 operations and return the live object.

        Raise Conflict when a `test` fails, a path does not exist, or the object is absent.
        """

    async def patch_status(
        self, key: ObjectKey, uid: str, status: Mapping[str, Any], *, resource_version: str | None = None
    ) -> Manifest:
        """Write the given top-level keys of `.status` by a merge patch and return the live object.

        Lists are replaced, maps are merged, None removes. Raise Conflict when the object is absent, has another uid or,
        if one is given, another resourceVersion.
        """

    async def delete(self, key: ObjectKey, *, uid: str) -> None:
        """Delete the object with exactly this uid; no error when it is absent. Raise Conflict on another uid."""

    async def create(self, manifest: Mapping[str, Any]) -> Manifest:
        """POST a new object and return it (Events, Leases). Raise Conflict when the name is taken."""


class Cluster(Reader, Writer, Protocol):
    """Reader and writer in one."""
