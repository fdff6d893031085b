"""Kubernetes Events: on transitions only, never twice within ten minutes, and never in the way of a pass."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from crm_monitoring.api.conditions import Reason
from crm_monitoring.cluster.port import FIELD_MANAGER, Writer
from crm_monitoring.contract import event_reasons
from crm_monitoring.contract.event_reasons import EventReason
from crm_monitoring.errors import ClusterError
from crm_monitoring.manifest import EVENT
from crm_monitoring.reconcile.outcome import Outcome, State
from crm_monitoring.reconcile.status import Status, ready_of

MAX_NOTE = 1024
"""Longest note of an Event, in bytes; the API's bound."""

QUIET_SECONDS = 600
"""How long the same Event is not repeated."""

Announcement = tuple[EventReason, str]

_SPECIFIC = {
    Reason.NAME_CONFLICT: event_reasons.NAME_CONFLICT,
    Reason.FIELD_CONFLICT: event_reasons.FIELD_CONFLICT,
    Reason.INVALID_SPEC: event_reasons.INVALID,
    Reason.SECRET_REFUSED: event_reasons.SECRET_REFUSED,
}


def transitions(previous: Mapping[str, Any], current: Status, outcome: Outcome) -> tuple[Announcement, ...]:
    """Return what is worth an Event between two statuses of a resource."""
    before, now = ready_of(previous), ready_of(current)
    said: list[Announcement] = list(outcome.announcements)
    changed = (before.get("status"), before.get("reason")) != (now["status"], now["reason"])
    if now["status"] == "True":
        if changed:
            said.append((event_reasons.READY, now["message"]))
    elif changed and now["reason"] not in (Reason.OBSERVE_ONLY,):
        said.append((_SPECIFIC.get(Reason(now["reason"]), event_reasons.NOT_READY), now["message"]))
    if before.get("reason") == Reason.INVALID_SPEC and now["reason"] != Reason.INVALID_SPEC and now["status"] != "True":
        said.append((event_reasons.VALID_AGAIN, "The resource is valid again."))
    restored = [entry.key for entry in outcome.objects if entry.state is State.RESTORED]
    if restored:
        names = ", ".join(f"{key.kind.name} {key.name}" for key in restored)
        said.append((event_reasons.DRIFT_CORRECTED, f"Restored what somebody else had changed or deleted: {names}."))
    return tuple(said)


class Announcer:
    """Posts Events about resources."""

    def __init__(
        self, writer: Writer, instance: str, now: Callable[[], datetime], on_failure: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._instance = instance
        self._now = now
        self._on_failure = on_failure
        self._said: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()

    async def announce(self, resource: Mapping[str, Any], announcements: tuple[Announcement, ...]) -> None:
        """Post Events. A failure is counted and otherwise ignored: the status carries the same truth."""
        for reason, message in announcements:
            now = self._now()
            self._forget_before(now - timedelta(seconds=QUIET_SECONDS))
            identity = (resource["metadata"]["uid"], reason.name, message)
            if identity in self._said:
                continue
            self._said[identity] = now
            try:
                await self._writer.create(self._event(resource, reason, message, now))
            except ClusterError:
                self._on_failure()

    def _forget_before(self, limit: datetime) -> None:
        while self._said and next(iter(self._said.values())) < limit:  # the oldest comes first
            self._said.popitem(last=False)

    def _event(self, resource: Mapping[str, Any], reason: EventReason, message: str, now: datetime) -> dict[str, Any]:
        metadata = resource["metadata"]
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": reason.name,
            "type": reason.type.value,
            "note": _note(message),
            "regarding": {
                "apiVersion": resource["apiVersion"],
                "kind": resource["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
        }


def _note(message: str) -> str:
    ellipsis = "…"
    content = message.encode()
    if len(content) <= MAX_NOTE:
        return message
    return content[: MAX_NOTE - len(ellipsis.encode())].decode(errors="ignore") + ellipsis
