"""One run: create, edit, heal, restart, stay idle."""

import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench import rendering
from bench.fleet import Fleet, Json, collection, is_ready, target
from bench.watching import Watch
from testbed import binaries, role
from testbed.controlplane import ControlPlane
from testbed.errors import StartFailed
from testbed.operator import Operator

OWN_CRD = Path(__file__).resolve().parents[2] / "crds" / "crmmonitorings.monitoring.crm.io.yaml"
NAMESPACE = "crm-monitoring"
ACCOUNT = "crm-monitoring-operator"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
EDITS, HEALS = 100, 20
RESYNC_SECONDS, RESYNCS = 10, 3
NO_OBJECTS = ("", "leases")
"""What is read beside objects: which kinds the API server serves (kopf asks six times), and the Lease."""

Figures = dict[str, object]


def measure(size: int) -> Figures:
    """Return the figures for `size` resources. Raise TimeoutError when they are not Ready in time."""
    with ControlPlane() as plane:
        plane.install_crds([*binaries.crds(), OWN_CRD])
        kubeconfig = role.grant(plane, ACCOUNT, NAMESPACE)
        fleet = Fleet(plane, size)
        _say(f"preparing {size} targets")
        fleet.prepare()
        with Operator(kubeconfig, lease_namespace=NAMESPACE) as operator:
            figures: Figures = {"idle: operator peak RSS MiB": round(operator.peak_rss_mib(), 1)}
            figures |= _bulk(plane, fleet, operator, size)
            figures |= _edits(plane, fleet)
            figures |= _heals(plane, fleet)
            operator.stop()
            figures |= _restart(plane, operator)
        with Operator(kubeconfig, lease_namespace=NAMESPACE, flags=["--resync-seconds", str(RESYNC_SECONDS)]) as idle:
            figures |= _resync(plane, idle)
        for alike, name in ((True, "alike"), (False, "all different")):
            speed = rendering.per_second(fleet.resource(0), *target(0), alike=alike)
            figures[f"render: {name} resources per CPU second"] = round(speed)
        return figures


def _bulk(plane: ControlPlane, fleet: Fleet, operator: Operator, size: int) -> Figures:
    _say(f"creating {size} resources")
    with Watch(plane, collection("crmmonitorings"), keep=is_ready) as resources:
        mark, cpu, started = plane.audit_mark(), operator.cpu_seconds(), time.monotonic()
        fleet.create()
        seconds = resources.wait(lambda seen: sum(map(bool, seen.values())) == size, 60 + size) - started
    _settled(operator)
    used = operator.cpu_seconds() - cpu
    requests = plane.request_counts(mark, user=USER)
    return {
        "bulk: seconds until all are Ready": round(seconds, 2),
        "bulk: operator CPU seconds": round(used, 2),
        "bulk: CPU ms per resource": round(1000 * used / size, 2),
        "bulk: operator peak RSS MiB": round(operator.peak_rss_mib(), 1),
        "bulk: requests per resource": _per_resource(requests, size),
    }


def _edits(plane: ControlPlane, fleet: Fleet) -> Figures:
    """Measure from before the request of the edit until a watch shows the rule with the new threshold."""
    _say(f"editing {EDITS} times")
    latencies = []
    with Watch(plane, collection("prometheusrules"), keep=lambda body: str(body["spec"])) as rules:
        for number in range(EDITS):
            threshold, key = str(1000 + number), fleet.rule(number)
            started = time.monotonic()
            fleet.edit(number, threshold)
            latencies.append(rules.wait(_shows(key, f"> {threshold}"), 30) - started)
    return {"edit: p50 ms": _milliseconds(latencies, 0.5), "edit: p99 ms": _milliseconds(latencies, 0.99)}


def _shows(key: tuple[str, str], text: str) -> Callable[[dict[tuple[str, str], str]], bool]:
    return lambda seen: text in (seen.get(key) or "")


def _heals(plane: ControlPlane, fleet: Fleet) -> Figures:
    """Measure from before the request of the deletion until a watch shows the object again."""
    _say(f"deleting {HEALS} children")
    latencies = []
    with Watch(plane, collection("prometheusrules"), keep=lambda body: body["metadata"]["uid"]) as rules:
        for number in range(HEALS):
            key, gone = fleet.rule(number), fleet.uid_of_rule(number)
            started = time.monotonic()
            fleet.delete_rule(number)
            latencies.append(rules.wait(_is_another(key, gone), 30) - started)
    return {"heal: p50 ms": _milliseconds(latencies, 0.5), "heal: slowest ms": _milliseconds(latencies, 1)}


def _is_another(key: tuple[str, str], uid: str) -> Callable[[dict[tuple[str, str], str]], bool]:
    return lambda seen: bool(seen.get(key)) and seen[key] != uid


def _restart(plane: ControlPlane, operator: Operator) -> Figures:
    _say("restarting, nothing changed")
    mark, started = plane.audit_mark(), time.monotonic()
    operator.start()
    settled = _settled(operator)
    events = plane.audit_since(mark, user=USER)
    return {
        "restart: seconds until idle": round(settled - started, 2),
        "restart: operator CPU seconds": round(operator.cpu_seconds(), 2),
        "restart: operator peak RSS MiB": round(operator.peak_rss_mib(), 1),
        "restart: writes": sum(event.is_write and event.resource != "leases" for event in events),
        "restart: reads of single objects": sum(
            event.verb == "get" and event.resource not in NO_OBJECTS for event in events
        ),
    }


def _resync(plane: ControlPlane, operator: Operator) -> Figures:
    _say("staying idle")
    _settled(operator)
    mark, cpu = plane.audit_mark(), operator.cpu_seconds()
    time.sleep(RESYNC_SECONDS * RESYNCS)
    events = plane.audit_since(mark, user=USER)
    lists = sum(event.verb == "list" and "continue=" not in event.uri for event in events)
    used = operator.cpu_seconds() - cpu
    return {
        "resync: CPU ms per list of one kind": round(1000 * used / max(lists, 1), 1),
        "resync: writes": sum(event.is_write and event.resource != "leases" for event in events),
    }


def _settled(operator: Operator, quiet: float = 2.0) -> float:
    """Return when the operator last used CPU noticeably, after it has been quiet for a while.

    Raise StartFailed when it ended: a process that is gone is quiet, too, and would meet every target.
    """
    last, used = time.monotonic(), operator.cpu_seconds()
    while time.monotonic() - last < quiet:
        time.sleep(0.1)
        now = operator.cpu_seconds()
        if now - used > 0.02:
            last, used = time.monotonic(), now
    if not operator.running:
        raise StartFailed("the operator", "ended while it was measured", operator.log)
    return last


def _per_resource(requests: Counter[str], size: int) -> Json:
    return {what: round(count / size, 2) for what, count in sorted(requests.items()) if count >= size / 2}


def _milliseconds(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds)
    if share == 0.5:
        return round(1000 * statistics.median(ordered), 1)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def _say(what: str) -> None:
    print(what, file=sys.stderr)
