"""R9 to R13: what an operator depends on goes away and comes back, lags, is fought over, or tells another time."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crm_monitoring.manifest import (
    ALERTMANAGER,
    CHILD_KINDS,
    CONFIG_MAP,
    CRM_MONITORING,
    DEPLOYMENT,
    PROBE,
    PROMETHEUS,
    PROMETHEUS_RULE,
    SERVICE_MONITOR,
    Kind,
)
from support.fault_proxy_actions import Action, Hang, Reset
from support.fault_proxy_requests import ANYTHING
from support.kinds import install_ours, install_theirs, remove
from support.live import eventually
from support.reliability import oracles
from support.reliability.history import Histories
from support.reliability.lane import Lane
from support.reliability.record import Recorder
from support.reliability.scenarios import spec
from support.reliability.world import Place
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

DOWN_SECONDS = 6.0
WITHIN_SECONDS = 45.0
FIGHTS = 5
FLAGS = ("--resync-seconds", "5", "--poll-seconds", "2")
SHIFT = Path(__file__).resolve().parents[1] / "support" / "clock_shift"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Run a control plane of our own: its parts are ended and its kinds removed."""
    with ControlPlane() as plane:
        install_theirs(plane, {*CHILD_KINDS, PROMETHEUS, ALERTMANAGER} - {CONFIG_MAP})
        install_ours(plane)
        yield plane


Sail = Callable[..., tuple[Lane, Place]]


@pytest.fixture
def sail(plane: ControlPlane, tmp_path: Path, tool: Callable[[str], Path]) -> Iterator[Sail]:
    """Return a function that runs an operator with a resource that is Ready: (name, environment)."""
    lanes: list[tuple[Lane, Place]] = []

    def start(name: str, env: dict[str, str] | None = None) -> tuple[Lane, Place]:
        lane = Lane(plane, tmp_path, tool, Histories(plane, ()), name=name, flags=FLAGS, env=env)
        lane.__enter__()
        lane.run_with(())
        place = lane.place()
        lanes.append((lane, place))
        place.tenant.monitor({"spec": spec({"workload": {"deletionPolicy": "Remove"}})})
        place.tenant.ready(within=WITHIN_SECONDS)
        eventually(lane.leads, within=WITHIN_SECONDS)
        return lane, place

    yield start
    for lane, place in lanes:
        lane.__exit__(None, None, None)
        lane.clear(place)


def converges(lane: Lane, place: Place) -> float:
    """Edit the resource and delete a child; return how many seconds both took to come right."""
    began, value = time.monotonic(), f"v{time.monotonic_ns()}"
    tenant = place.tenant
    eventually(lambda: tenant.edit({"alerts": {"extraLabels": {"edit": value}}}), within=WITHIN_SECONDS)
    before = tenant.look(PROMETHEUS_RULE, "crm-crm-meta").get("metadata", {}).get("uid")
    if before:
        tenant.delete(PROMETHEUS_RULE, "crm-crm-meta")

    def right() -> bool:
        stock, meta = (tenant.look(PROMETHEUS_RULE, f"crm-crm-{each}") for each in ("stock", "meta"))
        return value in json.dumps(stock) and meta.get("metadata", {}).get("uid", before) != before

    eventually(right, within=WITHIN_SECONDS)
    tenant.ready(within=WITHIN_SECONDS)
    eventually(lane.leads, within=WITHIN_SECONDS)
    return time.monotonic() - began


def note(
    recorder: Recorder, plan: str, lane: Lane, *, seconds: float | None = None, exits: int = 0, log: bool = True
) -> None:
    """Record a plan that converged. An operator that lost its Lease in an outage may have ended, at most once."""
    ended = 0 if lane.running else 1
    text = lane.log_since(0)
    lines = "\n".join(line for line in text.splitlines() if '"logger":"kopf.' not in line)
    found = {
        "O7": oracles.clean_log(lines) if log else [],
        "O9": ["/healthz"] * (lane.operator.get("/healthz")[0] != 200),
    }
    row = recorder.add(
        plan,
        converged=True,
        seconds=seconds,
        exits=ended + exits,
        tracebacks=oracles.tracebacks(text),
        violations=found,
    )
    assert row.is_good, row.told()


def survives(lane: Lane, seconds: float) -> int:
    """Wait; an operator that cannot renew its Lease stops and is started again, as its pod would be. Return how often."""
    deadline, ends = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        if not lane.running:
            assert lane.operator.exit_code == 1
            lane.start()
            ends += 1
        time.sleep(0.1)
    return ends


OUTAGES = {
    "the API server is killed": ("kill_apiserver", "restart_apiserver"),
    "etcd is killed": ("kill_etcd", "restart_etcd"),
}


@pytest.mark.parametrize(("end", "begin"), OUTAGES.values(), ids=OUTAGES.keys())
@pytest.mark.reliability
def test_a_control_plane_that_dies_and_comes_back(
    sail: Sail, plane: ControlPlane, record: Callable[..., Recorder], end: str, begin: str
) -> None:
    lane, place = sail(end.replace("_", "-"))
    getattr(plane, end)()
    try:
        survives(lane, DOWN_SECONDS + 4)
    finally:
        getattr(plane, begin)()
    survives(lane, 1)
    note(record("outages"), f"{end}, {DOWN_SECONDS + 4:.0f} s, {begin}", lane, seconds=converges(lane, place))


PARTITIONS: dict[str, Action] = {"nothing comes through": Reset(), "no answer comes back": Hang()}


@pytest.mark.parametrize("name", PARTITIONS)
@pytest.mark.reliability
def test_a_partition_that_ends(sail: Sail, record: Callable[..., Recorder], name: str) -> None:
    lane, place = sail("part-" + name.split(maxsplit=1)[0])
    lane.proxy.plan(ANYTHING, PARTITIONS[name], times=None)
    lane.proxy.cut(ANYTHING)
    ends = survives(lane, DOWN_SECONDS + 4)
    lane.proxy.clear()
    survives(lane, 1)
    note(record("outages"), f"partition: {name}; Lease lost {ends} times", lane, seconds=converges(lane, place))


def test_a_kind_of_children_that_is_removed_and_restored(
    sail: Sail, plane: ControlPlane, record: Callable[..., Recorder]
) -> None:
    lane, place = sail("kinds")
    remove(plane, PROBE)
    place.tenant.says("Ready", "False", "DependencyMissing", within=WITHIN_SECONDS)
    began = time.monotonic()
    install_theirs(plane, {PROBE})
    place.tenant.ready(within=WITHIN_SECONDS)
    seconds = time.monotonic() - began
    converges(lane, place)
    note(record("outages"), "the kind Probe is removed and restored", lane, seconds=seconds)


@pytest.mark.reliability
def test_the_kind_of_the_resources_that_is_removed_and_restored(
    sail: Sail, plane: ControlPlane, record: Callable[..., Recorder]
) -> None:
    lane, place = sail("ours")
    remove_ours(plane, place)
    began = time.monotonic()
    install_ours(plane)
    place.tenant.monitor({"spec": spec({"workload": {"deletionPolicy": "Remove"}})})
    eventually(lambda: place.tenant.condition("Valid").get("status") == "True", within=WITHIN_SECONDS)
    note(record("outages"), "our kind is removed and restored", lane, seconds=time.monotonic() - began)


def remove_ours(plane: ControlPlane, place: Place) -> None:
    """Remove our kind, with everything of it, and what it leaves where nothing collects garbage."""
    remove(plane, CRM_MONITORING)
    for kind in CHILD_KINDS:
        for child in place.tenant.every(kind, "app.kubernetes.io/instance=crm"):
            place.tenant.delete(kind, child["metadata"]["name"])


FOUGHT: dict[str, tuple[Kind, str, dict[str, object]]] = {
    "a rule": (PROMETHEUS_RULE, "crm-crm-stock", {"spec": {"groups": []}}),
    "a monitor": (SERVICE_MONITOR, "crm-crm-metrics", {"spec": {"jobLabel": "mine"}}),
    "a probe": (PROBE, "crm-crm-blackbox", {"spec": {"jobName": "mine"}}),
    "dashboards": (CONFIG_MAP, "crm-crm-dashboards", {"data": {"foreign.json": "{}"}}),
}


@pytest.mark.parametrize("name", FOUGHT)
@pytest.mark.reliability
def test_a_manager_that_takes_fields_again_and_again_loses_each_time(
    sail: Sail, record: Callable[..., Recorder], name: str
) -> None:
    kind, child, change = FOUGHT[name]
    lane, place = sail("fight-" + name.rsplit(maxsplit=1)[-1])
    part = "data" if kind == CONFIG_MAP else "spec"
    wanted = place.tenant.look(kind, child)[part]
    mark = lane.plane.audit_mark()
    for _ in range(FIGHTS):
        place.tenant.change(kind, child, change, manager="somebody")
        eventually(lambda: place.tenant.look(kind, child)[part] == wanted, within=WITHIN_SECONDS)
    place.tenant.ready()
    own = [event for event in lane.plane.audit_since(mark, user=lane.user) if event.name == child and event.is_write]
    assert len(own) <= 2 * FIGHTS
    note(record("outages"), f"another manager takes fields of {name} {FIGHTS} times", lane)


@pytest.mark.reliability
def test_a_manager_that_forces_a_field_of_the_workload_is_told_of_and_not_fought(
    sail: Sail, record: Callable[..., Recorder]
) -> None:
    lane, place = sail("fight-workload")
    name = next(each["name"] for each in place.tenant.container()["env"] if each.get("value") == "INFO")
    template = {"spec": {"containers": [{"name": "api", "env": [{"name": name, "value": "DEBUG"}]}]}}
    path = f"{place.tenant.path(DEPLOYMENT, 'crm-api')}?fieldManager=somebody&force=true"
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "crm-api"},
        "spec": {"template": template},
    }
    mark = lane.plane.audit_mark()
    assert lane.plane.api.request("PATCH", path, body, "application/apply-patch+yaml").status == 200
    eventually(lambda: place.tenant.condition("Ready").get("status") == "False", within=WITHIN_SECONDS)
    time.sleep(DOWN_SECONDS)
    writes = [e for e in lane.plane.audit_since(mark, user=lane.user) if e.resource == "deployments" and e.is_write]
    assert len(writes) <= 2, [event.uri for event in writes]
    note(record("outages"), "another manager forces a variable of the workload", lane)


SHIFTS = {
    "an hour ahead": (3600.0, 3600.0),
    "an hour behind": (-3600.0, -3600.0),
    "a step of an hour back": (0.0, -3600.0),
}


@pytest.mark.parametrize("name", SHIFTS)
@pytest.mark.reliability
def test_a_wrong_wall_clock_changes_nothing_but_stamps(
    sail: Sail, tmp_path: Path, record: Callable[..., Recorder], name: str
) -> None:
    before, after = SHIFTS[name]
    (clock := tmp_path / "shift").write_text(str(before))
    path = os.pathsep.join([str(SHIFT), *sys.path])
    lane, place = sail("clock-" + name.replace(" ", "-"), {"PYTHONPATH": path, "SHIFTED_CLOCK": str(clock)})
    clock.write_text(str(after))
    mark = len(lane.proxy.trace)
    seconds = converges(lane, place)
    eventually(lambda: len([r for r in lane.proxy.trace[mark:] if r.asked.resource == "leases"]) > 6, within=20)
    spec_ = lane.plane.api.request("GET", lane.lease).body["spec"]
    stamped = datetime.fromisoformat(spec_["renewTime"])
    assert abs(stamped - datetime.now(UTC) - timedelta(seconds=after)) < timedelta(minutes=5), (
        "the clock was not shifted"
    )
    assert lane.leads()
    assert lane.running
    note(record("outages"), f"wall clock {name}", lane, seconds=seconds)


@pytest.mark.reliability
def test_a_namespace_that_is_going_away_is_left_in_peace(sail: Sail, record: Callable[..., Recorder]) -> None:
    lane, place = sail("leaving")
    lane.plane.api.request("DELETE", f"/api/v1/namespaces/{place.name}")
    place.tenant.delete(PROMETHEUS_RULE, "crm-crm-stock")
    place.tenant.edit({"environment": "staging"})
    eventually(lambda: "NamespaceTerminating" in json.dumps(place.tenant.status()), within=WITHIN_SECONDS)
    mark = lane.plane.audit_mark()
    time.sleep(DOWN_SECONDS)
    late = [event for event in lane.plane.audit_since(mark, user=lane.user) if event.namespace == place.name]
    attempts = [event for event in late if event.verb in {"create", "patch"} and event.resource == "prometheusrules"]
    assert len(attempts) <= 3, [event.uri for event in attempts]
    place.tenant.delete(CRM_MONITORING, "crm")
    eventually(lambda: not place.tenant.look(CRM_MONITORING, "crm"), within=WITHIN_SECONDS)
    note(record("outages"), "the namespace terminates, then the resource goes", lane)
