"""The annotation in which we remember, across restarts, what we did to a workload and how to undo it.

It is the workload's own metadata, so whoever may change the workload may change it. Nothing in it is trusted further
than that: what does not have the expected shape counts as absent, and an original is restored only into a slot that
managedFields says is ours.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from crm_monitoring.manifest import Manifest, annotations_of
from crm_monitoring.reconcile.workload.fields import parse_time
from crm_monitoring.reconcile.workload.slots import Slot, Value, is_original

ANNOTATION = "monitoring.crm.io/workload"
LARGEST = 32 * 1024
"""Bytes above which the annotation is neither read nor written; all annotations together may have 256 KiB."""

DeletionPolicy = Literal["Retain", "Remove"]

_MOST_TIMES = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """What we remember of a workload."""

    resource: str = ""
    """Name of the CRMMonitoring that the workload was claimed by."""
    uid: str = ""
    deletion: DeletionPolicy = "Retain"
    changed: datetime | None = None
    """When we last changed the pod template."""
    originals: Mapping[Slot, Value | None] = field(default_factory=dict)
    """What was in a slot before we took it over; None for an empty slot."""
    takes: Mapping[Slot, tuple[datetime, ...]] = field(default_factory=dict)
    """When we put our value into a slot that was empty or somebody else's."""

    @classmethod
    def of(cls, live: Manifest) -> "Memory":
        """Return what the annotation says, as far as it makes sense."""
        text = annotations_of(live).get(ANNOTATION, "")
        if not text or len(text) > LARGEST:
            return cls()
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return cls()
        if not isinstance(said, dict):
            return cls()
        return cls(
            resource=_text(said.get("resource")),
            uid=_text(said.get("uid")),
            deletion="Remove" if said.get("deletionPolicy") == "Remove" else "Retain",
            changed=parse_time(said.get("changed")),
            originals={slot: value for slot, value in _by_slot(said.get("originals")) if is_original(slot, value)},
            takes={slot: _times(times) for slot, times in _by_slot(said.get("takes")) if _times(times)},
        )

    def text(self) -> str:
        """Return the annotation: same memory, same bytes."""
        said: dict[str, Any] = {"resource": self.resource, "uid": self.uid, "deletionPolicy": self.deletion}
        if self.changed:
            said["changed"] = _rfc3339(self.changed)
        if self.originals:
            said["originals"] = {str(slot): value for slot, value in self.originals.items()}
        if self.takes:
            said["takes"] = {str(slot): [_rfc3339(moment) for moment in times] for slot, times in self.takes.items()}
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @property
    def fits(self) -> bool:
        """Return whether the annotation is small enough to be written."""
        return len(self.text()) <= LARGEST


def _text(said: object) -> str:
    return said if isinstance(said, str) and len(said) <= 253 else ""


def _by_slot(said: object) -> list[tuple[Slot, Any]]:
    pairs = said.items() if isinstance(said, dict) else ()
    return [(slot, content) for text, content in pairs if (slot := Slot.parse(str(text)))]


def _times(said: object) -> tuple[datetime, ...]:
    texts = said[-_MOST_TIMES:] if isinstance(said, list) else []
    return tuple(moment for moment in map(parse_time, texts) if moment)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
