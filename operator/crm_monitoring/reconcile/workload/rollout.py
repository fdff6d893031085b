"""When the next change of a pod template must wait: each one restarts every pod of a production system."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload.fields import changed_by_another_since, our_last_write
from crm_monitoring.reconcile.workload.memory import Memory

BETWEEN_CHANGES = timedelta(minutes=10)
"""Least time between two changes of ours to one pod template."""

STALLED_AFTER = timedelta(hours=1)
"""How long a rollout of ours can hold back the next change. A StatefulSet never reports that it is stuck."""

_LOOK_AGAIN = timedelta(seconds=30)
_CLOCK_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wait:
    """Why the pod template must not be changed now, and when to look again."""

    reason: Literal["RateLimited", "WaitingForRollout"]
    until: datetime


def must_wait(live: Manifest, memory: Memory, now: datetime) -> Wait | None:
    """Return why a change has to wait, or None. The first change of ours never waits."""
    last = last_change(live, memory, now)
    if last is None:
        return None
    if now - last < BETWEEN_CHANGES:
        return Wait("RateLimited", last + BETWEEN_CHANGES)
    ours = our_last_write(live) or last
    if now - last < STALLED_AFTER and is_rolling_out(live) and not changed_by_another_since(live, ours):
        return Wait("WaitingForRollout", now + _LOOK_AGAIN)
    return None


def last_change(live: Manifest, memory: Memory, now: datetime) -> datetime | None:
    """Return when we last changed the template, None when we never did.

    The annotation says it to the second and by our clock. When it is gone or names the future, the time of our entry
    in managedFields counts, which is never earlier.
    """
    is_credible = memory.changed is None or memory.changed <= now + _CLOCK_SKEW
    if memory.uid and is_credible:
        return memory.changed
    return our_last_write(live)


def is_rolling_out(live: Manifest) -> bool:
    """Return whether pods are still being replaced. A rollout that is paused or has missed its deadline is over."""
    spec, status = live["spec"], live.get("status") or {}
    if _is_given_up(spec, status):
        return False
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return True
    replicas = spec.get("replicas", 1)
    if live["kind"] == "StatefulSet":
        strategy = spec.get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return False
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        behind = status.get("currentRevision") != status.get("updateRevision")
        outdated = behind and status.get("updatedReplicas", 0) < replicas - partition
        return bool(outdated or status.get("readyReplicas", 0) < replicas)
    updated = status.get("updatedReplicas", 0)
    return bool(updated < replicas or status.get("replicas", 0) > updated or status.get("unavailableReplicas", 0) > 0)


def _is_given_up(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    if spec.get("paused"):
        return True
    progressing = [c for c in status.get("conditions") or () if c.get("type") == "Progressing"]
    return any(c.get("status") == "False" and c.get("reason") == "ProgressDeadlineExceeded" for c in progressing)
