"""What must be true of every run, whatever was done to the operator in it. Each oracle returns violations as sentences.

They are pure: they judge what was recorded of a run, and never ask a cluster. O4 is `truth`, O11 is `leases`.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_monitoring.manifest import CRM_MONITORING, EVENT, SECRET, Manifest, owner_uids
from support.reliability import canary
from support.reliability.consumers import Judge, refused
from support.reliability.history import Change
from support.reliability.snapshot import Snapshot, differences, is_ours, name_of
from testbed.audit import AuditEvent

NAMES = {
    "O1": "end state",
    "O2": "writes",
    "O3": "rest",
    "O4": "truth of the status",
    "O5": "secrecy",
    "O6": "ownership",
    "O7": "log",
    "O8": "consumers",
    "O9": "process",
    "O10": "permissions",
    "O11": "one leader",
}
"""The oracles by number, in words for the report."""

Violations = dict[str, list[str]]
"""Sentences by oracle number."""

MOST_RSS_MIB = 200.0


# --- O1 ---


def end_state(wanted: Snapshot, found: Snapshot) -> list[str]:
    """O1: what is there in the end is what the undisturbed run left."""
    return differences(wanted, found)


# --- O2 ---


def written(requests: Iterable[AuditEvent]) -> Counter[str]:
    """Count the writes that the API server did, by verb and object; a patch that made its object is a `create`."""
    counted: Counter[str] = Counter()
    for event in requests:
        if event.is_write and event.code < 300 and event.resource != "leases":
            verb = "create" if event.verb == "patch" and event.code == 201 else event.verb
            place = f"{event.resource}/{event.subresource}" if event.subresource else event.resource
            counted[" ".join(filter(None, (verb, place, event.name)))] += 1
    return counted


def write_summary(wanted: Counter[str], found: Counter[str], *, crashes: int = 0) -> list[str]:
    """O2: every object is written as often as in the undisturbed run.

    A crash explains this and no more, each time it happens: of every resource one status more (the operator that
    starts knows less than the one that ended, and may say so in between), each Event once more (what was told already
    is remembered in memory only), and fewer writes where two became one. Never a second create, delete or patch.
    """
    said = []
    for write in sorted({*wanted, *found}):
        more = 0
        if write.startswith(f"patch {CRM_MONITORING.plural}/status "):
            more = crashes
        elif write == f"create {EVENT.plural}":
            more = crashes * max(1, wanted[write])
        if found[write] > wanted[write] + more:
            said.append(f"{write}: {found[write]} times instead of {wanted[write]}")
        elif found[write] < wanted[write] and not crashes:
            said.append(f"{write}: only {found[write]} times instead of {wanted[write]}")
    return said


# --- O3 ---


def rest(requests: Iterable[AuditEvent], staying: Collection[str] | None = None) -> list[str]:
    """O3: once everything is as it should be, nothing is written any more.

    Two things may still be: an Event, which tells of the last write, and, where `staying` is given, the delete of what
    the garbage collector takes as well: of everything that is not named there, as `configmaps crm-crm-dashboards`.
    """
    late = [event for event in requests if event.resource != EVENT.plural]
    if staying is not None:
        late = [event for event in late if event.verb != "delete" or f"{event.resource} {event.name}" in staying]
    counted = written(late)
    return [f"{write}: {times} times after it had converged" for write, times in sorted(counted.items())]


# --- O5 ---


def secrecy(canaries: Iterable[str], places: Mapping[str, str]) -> list[str]:
    """O5: no value of a Secret is in any of these texts, in clear or encoded."""
    return [
        f"{place} holds the secret {word[:12]}…"
        for word in canaries
        for place, text in places.items()
        if canary.found(word, text)
    ]


def texts(changes: Iterable[Change]) -> dict[str, str]:
    """Return every version of every object but Secrets as a text, by name."""
    found: dict[str, list[Manifest]] = {}
    for change in changes:
        if change.manifest["kind"] != SECRET.name:
            found.setdefault(change.name, []).append(change.manifest)
    return {name: json.dumps(versions) for name, versions in found.items()}


# --- O6 ---


def ownership(foreign: Iterable[Manifest], present: Iterable[Manifest]) -> list[str]:
    """O6: nothing of ours stays without an owner that lives, and nothing of others' is touched."""
    there = list(present)
    versions = {name_of(item): item["metadata"]["resourceVersion"] for item in there}
    said = [
        f"{name_of(item)}, which is not the operator's, was {'changed' if name_of(item) in versions else 'deleted'}"
        for item in foreign
        if versions.get(name_of(item)) != item["metadata"]["resourceVersion"]
    ]
    said += [f"{name_of(item)} is ours and nobody owns it" for item in there if is_ours(item) and not owner_uids(item)]
    return said


# --- O7 ---


def clean_log(log: str, *, allowed: Iterable[str] = ()) -> list[str]:
    """O7: every line is JSON, none is an error or a traceback. `allowed` are events that the plan causes."""
    said = []
    for number, text in enumerate(log.splitlines(), 1):
        try:
            line = json.loads(text)
        except ValueError:
            said.append(f"line {number} is no JSON: {text[:200]}")
            continue
        is_bad = line.get("level") in {"ERROR", "CRITICAL"} or line.get("reason") == "unexpected error"
        if (is_bad or "Traceback" in text) and line.get("event") not in set(allowed):
            said.append(f"line {number}: {text[:400]}")
    return said


def tracebacks(log: str) -> int:
    """Count the tracebacks and unexpected errors in a log."""
    return sum("Traceback" in line or '"unexpected error"' in line for line in log.splitlines())


# --- O8 ---


def consumers(present: Iterable[Manifest], judge: Judge) -> list[str]:
    """O8: Prometheus, Alertmanager and Grafana accept what is there for them."""
    return refused(present, judge)


# --- O9 ---


@dataclass(frozen=True, slots=True)
class Ends:
    """How the process fared."""

    exits: int = 0
    planned: int = 0
    """Ends that the plan caused."""
    health: int = 200
    """Code of /healthz in the end."""
    rss_mib: float = 0.0


def process(ends: Ends) -> list[str]:
    """O9: the process ends only when it is made to, says that it lives, and stays small."""
    said = []
    if ends.exits != ends.planned:
        said.append(f"the process ended {ends.exits} times, {ends.planned} times by the plan")
    if ends.health != 200:
        said.append(f"/healthz answers {ends.health}")
    if ends.rss_mib > MOST_RSS_MIB:
        said.append(f"the process took {ends.rss_mib:.0f} MiB, more than {MOST_RSS_MIB:.0f}")
    return said


# --- O10 ---


def permissions(
    requests: Iterable[AuditEvent], granted: Iterable[Mapping[str, Any]], *, refusable: Iterable[str] = ()
) -> list[str]:
    """O10: nothing is asked for that is not granted, and nothing is refused but in `refusable` namespaces."""
    allowed = {
        (group, resource, verb)
        for rule in granted
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    said: Counter[str] = Counter()
    for event in requests:
        place = f"{event.resource}/{event.subresource}" if event.subresource else event.resource
        if event.code == 403 and event.namespace not in set(refusable):
            said[f"refused: {event.what}"] += 1
        elif event.resource and (event.group, place, event.verb) not in allowed:
            said[f"not granted: {event.what} {event.group}".rstrip()] += 1
    return [f"{what}, {times} times" for what, times in sorted(said.items())]
