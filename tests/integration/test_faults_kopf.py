"""Whatever happens to a watch or a list, the operator process lives, says so, and converges.

Each row was a fault that kopf died of, or survived, when it was tried alone. Every row meets kopf's watch of the
resources and a watch of our own, the worst of them our watch of the definitions, too.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from crm_monitoring.manifest import CRM_MONITORING, PROBE
from support.fault_proxy import FaultProxy
from support.fault_proxy_actions import (
    Action,
    Reply,
    Reset,
    break_off,
    duplicate,
    error_event,
    inject,
    swallow,
    truncate,
)
from support.fault_proxy_operator import Changes, ProxiedOperator
from support.fault_proxy_requests import Match
from support.kinds import install_ours
from support.live import Tenant
from support.resources import minimal
from testbed import binaries
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
MOST_RESTARTS = 3
"""After so many restarts of kopf in a row the next one waits long: the test then goes on with a fresh operator."""


@dataclass(frozen=True)
class Fault:
    """What happens to the next watch, and to lists."""

    watch: Action
    list: Action | None = None
    again: bool = False
    """Again and again, until kopf has used up its attempts."""
    kopf_dies: bool = True


GONE = inject(error_event(410))
"""Makes the watcher list again."""

FAULTS = {
    "ERROR event 410": Fault(GONE, kopf_dies=False),
    "reset of the connection": Fault(break_off(), kopf_dies=False),
    "duplicated events": Fault(duplicate(), kopf_dies=False),
    "ERROR event 500": Fault(inject(error_event(500))),
    "ERROR event 504": Fault(inject(error_event(504))),
    "ERROR event 429": Fault(inject(error_event(429))),
    "ERROR event without a code": Fault(inject(error_event(None))),
    "truncated last line": Fault(truncate()),
    "HTML in the stream": Fault(inject(HTML.encode())),
    "HTTP 410 on the watch": Fault(Reply(410)),
    "HTTP 410 on the list": Fault(GONE, Reply(410)),
    "HTTP 404 on the list": Fault(GONE, Reply(404)),
    "HTTP 500 on the list, again and again": Fault(GONE, Reply(500), again=True),
    "HTTP 403 on the watch, again and again": Fault(Reply(403), again=True),
    "reset of the list": Fault(GONE, Reset(), kopf_dies=False),
}

DEFINITIONS = "customresourcedefinitions"

ROWS = {
    f"{name} of {watcher}": (watcher, fault)
    for watcher, chosen in (
        ("crmmonitorings", FAULTS),  # kopf's watch of the resources
        ("prometheusrules", FAULTS),  # a watch of our own
        (DEFINITIONS, ["ERROR event 500", "ERROR event without a code", "truncated last line", "HTTP 404 on the list"]),
    )
    for name, fault in FAULTS.items()
    if name in chosen
}


@dataclass
class World:
    plane: ControlPlane
    proxy: FaultProxy
    directory: Path
    operator: ProxiedOperator | None = None
    numbers: Iterator[int] = field(default_factory=count)

    def move(self) -> None:
        """Go on in another namespace, with a resource in it. Nothing collects garbage here."""
        name = f"shop-{next(self.numbers)}"
        self.plane.create_namespace(name)
        self.tenant = Tenant(self.plane, name)
        self.tenant.deploy()
        self.tenant.monitor(minimal())

    def fresh(self, *flags: str) -> ProxiedOperator:
        """Start an operator in place of the one before."""
        self.stop()
        self.proxy.clear()
        name, flags = f"op-{next(self.numbers)}", ("--no-leader-election", *flags)
        self.operator = ProxiedOperator(
            self.plane, "ops", self.directory, flags=flags, name=name, through=self.proxy.url
        )
        self.operator.start()
        return self.operator

    def rested(self) -> ProxiedOperator:
        """Return the running operator, a fresh one when its kopf was restarted often."""
        if self.operator is None or self.operator.kopf_restarts() >= MOST_RESTARTS:
            return self.fresh()
        self.proxy.clear()
        return self.operator

    def stop(self) -> None:
        if self.operator:
            self.operator.stop()
            self.operator = None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run a control plane of our own, with one resource in it."""
    with ControlPlane() as plane, FaultProxy(plane.url, plane.certificate_authority) as proxy:
        plane.install_crds(binaries.crds())
        install_ours(plane)
        world = World(plane, proxy, tmp_path_factory.mktemp("faults"))
        world.move()
        yield world
        world.stop()


def touch(world: World) -> None:
    """Change something about a definition that nobody minds."""
    path = f"/apis/apiextensions.k8s.io/v1/{DEFINITIONS}/{PROBE.crd_name}"
    note = {"metadata": {"annotations": {"touched": str(time.monotonic_ns())}}}
    world.plane.api.request("PATCH", path, note, "application/merge-patch+json")


def converges(world: World, operator: ProxiedOperator) -> None:
    """Touch a definition, edit the resource and delete a child; the last two must come right."""
    world.tenant.ready()
    touch(world)
    changes = Changes(world.tenant)
    edited, restored = changes.edit(), changes.delete()
    operator.until(restored)
    operator.until(edited)


@pytest.mark.parametrize(("watcher", "fault"), ROWS.values(), ids=ROWS.keys())
def test_a_fault_costs_nothing_but_time(world: World, watcher: str, fault: Fault) -> None:
    operator, watch = world.rested(), Match("watch", watcher)
    world.tenant.ready()
    operator.until(lambda: operator.is_ready() and world.proxy.streams(watch))
    restarts, died = operator.kopf_restarts(), fault.kopf_dies and watcher == "crmmonitorings"
    plan = {Match("watch", watcher): fault.watch, Match("list", watcher): fault.list}
    times = None if fault.again else 1
    rules = [world.proxy.plan(match, action, times=times) for match, action in plan.items() if action]
    world.proxy.cut(watch)
    operator.until(lambda: rules[0].played)
    changes = Changes(world.tenant)
    edited, restored = changes.edit(), changes.delete()
    touch(world)
    operator.until(lambda: all(rule.played for rule in rules) and operator.kopf_restarts() - restarts == died)
    world.proxy.clear()
    operator.until(restored)
    operator.until(edited)
    operator.until(lambda: operator.is_ready() and world.proxy.streams(watch))
    converges(world, operator)
    assert operator.kopf_restarts() - restarts == died


def test_a_list_that_is_to_be_tried_later_again_and_again_is(world: World) -> None:
    operator, watch = world.rested(), Match("watch", "crmmonitorings")
    operator.until(lambda: operator.is_ready() and world.proxy.streams(watch))
    restarts = operator.kopf_restarts()
    world.proxy.plan(watch, GONE)
    rule = world.proxy.plan(Match("list", "crmmonitorings"), Reply(429, headers={"Retry-After": "0"}), times=20)
    world.proxy.cut(watch)
    operator.until(lambda: rule.played == rule.times)
    converges(world, operator)
    assert operator.kopf_restarts() == restarts


def test_events_that_nobody_sees_are_made_up_for_by_the_next_list(world: World) -> None:
    operator, changes = world.fresh("--resync-seconds", "2"), Changes(world.tenant)
    unseen = [Match("watch", plural) for plural in ("crmmonitorings", "prometheusrules")]
    operator.until(lambda: operator.is_ready() and all(map(world.proxy.streams, unseen)))
    world.tenant.ready()
    operator.settle()
    rules = [world.proxy.plan(watch, swallow(), times=None) for watch in unseen]
    for watch in unseen:
        world.proxy.cut(watch)
    operator.until(lambda: all(rule.played for rule in rules))
    operator.until(changes.delete())
    operator.until(changes.edit())


def test_an_api_server_that_dies_and_comes_back_is_waited_for(world: World) -> None:
    operator = world.rested()
    operator.until(lambda: world.proxy.streams(Match("watch", "crmmonitorings")))
    world.plane.kill_apiserver()
    deadline = time.monotonic() + 6
    operator.until(lambda: time.monotonic() > deadline)
    world.plane.restart_apiserver()
    converges(world, operator)
    operator.until(operator.is_ready)


def test_a_definition_that_goes_and_comes_back_is_noticed(world: World) -> None:
    operator = world.rested()
    world.plane.kubectl("delete", "crd", CRM_MONITORING.crd_name)
    operator.until(lambda: not world.tenant.every(CRM_MONITORING))
    operator.until(operator.is_ready)
    install_ours(world.plane)
    world.move()
    operator.until(lambda: world.tenant.condition("Ready").get("status") == "True")
    converges(world, operator)


def test_a_definition_that_comes_after_the_operator_is_noticed(world: World) -> None:
    world.stop()
    world.plane.kubectl("delete", "crd", CRM_MONITORING.crd_name)
    operator = world.fresh()
    assert not world.tenant.every(CRM_MONITORING)
    install_ours(world.plane)
    world.move()
    operator.until(lambda: world.tenant.condition("Ready").get("status") == "True")
    converges(world, operator)


def test_kopf_that_dies_again_and_again_leaves_nothing_behind(world: World) -> None:
    operator = world.fresh()
    connections = Match("watch", "crmmonitorings")
    operator.until(lambda: world.proxy.streams(connections))
    before = operator.open_files()
    for deaths in (1, 2, 3):
        world.proxy.plan(connections, inject(error_event(500)))
        world.proxy.cut(connections)
        operator.until(lambda deaths=deaths: operator.kopf_restarts() == deaths)
        operator.until(lambda: world.proxy.streams(connections) and operator.is_ready())
    operator.until(lambda: operator.open_files() <= before + 2)
