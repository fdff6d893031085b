"""`python -m bench [--size N]`: time, requests and CPU of the operator on the real API server.

The machine's other load changes every figure but the requests, so compare ratios and CPU seconds.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.fleet import Fleet
from testbed import binaries, role
from testbed.controlplane import ControlPlane
from testbed.errors import TestbedError
from testbed.operator import Operator

OWN_CRD = Path(__file__).resolve().parents[2] / "crds" / "crmmonitorings.monitoring.crm.io.yaml"
OPERATOR_NAMESPACE = "crm-monitoring"
ACCOUNT = "crm-monitoring-operator"
USER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{ACCOUNT}"
EDITS = 20


def main() -> int:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--size", type=int, default=200, help="number of resources (default 200)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args()
    try:
        figures = measure(chosen.size)
    except TestbedError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<44} {value}")
    return 0


def measure(size: int) -> dict[str, object]:
    """Return the figures for `size` resources."""
    with ControlPlane() as plane:
        plane.install_crds([*binaries.crds(), OWN_CRD])
        kubeconfig = role.grant(plane, ACCOUNT, OPERATOR_NAMESPACE)
        fleet = Fleet(plane, size)
        print(f"preparing {size} targets", file=sys.stderr)
        fleet.prepare()
        with Operator(kubeconfig, lease_namespace=OPERATOR_NAMESPACE) as operator:
            figures: dict[str, object] = {"resources": size}
            figures |= _bulk(plane, fleet, operator, size)
            figures |= _edits(fleet)
            operator.stop()
            figures |= _restart(plane, operator)
        return figures


def _bulk(plane: ControlPlane, fleet: Fleet, operator: Operator, size: int) -> dict[str, object]:
    print(f"creating {size} resources", file=sys.stderr)
    mark, cpu, started = plane.audit_mark(), operator.cpu_seconds(), time.monotonic()
    fleet.create()
    _wait(lambda: fleet.ready() == size, 300)
    seconds = time.monotonic() - started
    requests = plane.request_counts(mark, user=USER)
    return {
        "bulk: seconds until all are Ready": round(seconds, 2),
        "bulk: operator CPU seconds": round(operator.cpu_seconds() - cpu, 2),
        "bulk: CPU milliseconds per resource": round(1000 * (operator.cpu_seconds() - cpu) / size, 2),
        "bulk: requests per resource": _per_resource(requests, size),
        "bulk: operator peak RSS MiB": round(operator.peak_rss_mib(), 1),
    }


def _edits(fleet: Fleet) -> dict[str, object]:
    print(f"editing {EDITS} times", file=sys.stderr)
    latencies = []
    for number in range(EDITS):
        threshold = str(1000 + number)
        started = time.monotonic()
        fleet.edit(number, threshold)
        _wait(lambda number=number, threshold=threshold: f"> {threshold}" in fleet.rule_of(number), 30)  # type: ignore[misc]
        latencies.append(1000 * (time.monotonic() - started))
    return {
        "edit: p50 ms until the rule is changed": round(statistics.median(latencies), 1),
        "edit: slowest ms": round(max(latencies), 1),
    }


def _restart(plane: ControlPlane, operator: Operator) -> dict[str, object]:
    print("restarting, nothing changed", file=sys.stderr)
    mark, started = plane.audit_mark(), time.monotonic()
    operator.start()
    settled = _settled(operator)
    writes = plane.audit_since(mark, user=USER, writes_only=True)
    return {
        "restart: seconds until idle": round(settled - started, 2),
        "restart: operator CPU seconds": round(operator.cpu_seconds(), 2),
        "restart: writes (the Lease aside)": sum(event.resource != "leases" for event in writes),
        "restart: operator peak RSS MiB": round(operator.peak_rss_mib(), 1),
    }


def _settled(operator: Operator, quiet: float = 2.0) -> float:
    """Return when the operator last used CPU noticeably, after it has been quiet for a while."""
    last, used = time.monotonic(), operator.cpu_seconds()
    while time.monotonic() - last < quiet:
        time.sleep(0.1)
        now = operator.cpu_seconds()
        if now - used > 0.02:
            last, used = time.monotonic(), now
    return last


def _per_resource(requests: Counter[str], size: int) -> str:
    often = {what: count for what, count in requests.items() if count >= size / 2}
    return ", ".join(f"{what} {count / size:.2f}" for what, count in sorted(often.items()))


def _wait(holds: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not reached within {within:.0f} s")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
