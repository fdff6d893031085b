"""Whatever a write is answered, the operator tells the truth, waits its turn, and converges when the fault is over."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from crm_monitoring.manifest import ALERTMANAGER
from support.fault_proxy import FaultProxy, Rule
from support.fault_proxy_actions import Action, Reply, Reset
from support.fault_proxy_operator import RULE, Changes, ProxiedOperator
from support.fault_proxy_requests import Match
from support.live import Tenant
from support.resources import quickstart
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
WINDOW_SECONDS = 1.7
MOST_ATTEMPTS = 6
"""Backoff starts at half a second: 0, 0.5, 1.5 s, and passes for other reasons in between."""

ANSWERS: dict[str, Action] = {
    "HTTP 409": Reply(409),
    "HTTP 422": Reply(422),
    "HTTP 429": Reply(429, headers={"Retry-After": "1"}),
    "HTTP 500": Reply(500),
    "HTTP 502 with HTML": Reply(502, HTML),
    "HTTP 503": Reply(503),
    "HTTP 504": Reply(504),
    "HTTP 504 after the write was done": Reply(504, commit=True),
    "an empty body": Reply(200, b""),
    "no JSON": Reply(200, HTML),
    "a reset": Reset(),
    "a reset after the write was done": Reset(commit=True),
}

WRITES = {
    "a child": Match("apply", "prometheusrules", RULE),
    "the status": Match("patch", "crmmonitorings", "crm", "status"),
    "the merged Secret": Match("apply", "secrets", "alertmanager-crm"),
}


@dataclass
class World:
    proxy: FaultProxy
    tenant: Tenant
    operator: ProxiedOperator
    changes: Changes


@pytest.fixture(scope="module")
def world(served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run an operator behind a proxy, with one resource that has everything which is written."""
    plane, directory = served_plane, tmp_path_factory.mktemp("writes")
    plane.create_namespace("writes")
    tenant = Tenant(plane, "writes")
    tenant.deploy()
    tenant.secret("crm-alerting", **{"slack-webhook-url": "https://hooks.slack.com/services/T0/B0/x"})
    tenant.create(ALERTMANAGER, "crm", {"spec": {}})
    tenant.monitor(quickstart())
    with FaultProxy(plane.url, plane.certificate_authority) as proxy:
        flags = ("--no-leader-election",)
        operator = ProxiedOperator(
            plane, "writes-ops", directory, namespaces=["writes"], flags=flags, through=proxy.url
        )
        with operator:
            tenant.ready()
            operator.settle()
            yield World(proxy, tenant, operator, Changes(tenant))


@pytest.fixture(autouse=True)
def calm(world: World) -> Iterator[None]:
    """Begin and end each test with a resource that is Ready and an operator that rests."""
    yield
    world.proxy.clear()
    world.operator.until(lambda: world.tenant.condition("Ready").get("status") == "True")
    world.operator.settle()


def change(world: World) -> Callable[[], bool]:
    """Change something that every kind of write follows from; return a check for its having come through."""
    group = f"g{time.monotonic_ns()}"
    edited = world.changes.edit({"notifications": {"groupBy": ["namespace", "crm_monitoring", "alertname", group]}})
    return lambda: edited() and group in json.dumps(world.tenant.routing())


def answered(world: World, match: Match, action: Action, *, times: int | None = None) -> tuple[Rule, int]:
    return world.proxy.plan(match, action, times=times), len(world.proxy.trace)


FEW = ("HTTP 409", "HTTP 500", "HTTP 502 with HTML", "HTTP 504 after the write was done", "an empty body")

ROWS = {
    f"{name} to {what}": (match, ANSWERS[name])
    for what, match in WRITES.items()
    for name in (ANSWERS if what == "a child" else (*FEW, "HTTP 422", "a reset"))
}


@pytest.mark.parametrize(("match", "action"), ROWS.values(), ids=ROWS.keys())
def test_a_write_that_fails_is_told_tried_with_patience_and_made_good(
    world: World, match: Match, action: Action
) -> None:
    rule, since = answered(world, match, action)
    came_through = change(world)
    world.operator.until(lambda: rule.played)
    deadline = time.monotonic() + WINDOW_SECONDS
    while time.monotonic() < deadline:
        world.operator.healthy()
        ready = world.tenant.condition("Ready")
        if ready.get("status") == "True":
            assert came_through(), f"Ready although not everything was written: {ready}"
        time.sleep(0.05)
    attempts = world.proxy.requests(match, since)
    assert 1 <= len(attempts) <= MOST_ATTEMPTS
    world.proxy.clear()
    world.operator.until(came_through)


@pytest.mark.parametrize("match", WRITES.values(), ids=WRITES.keys())
def test_the_api_server_is_left_alone_as_long_as_it_asks(world: World, match: Match) -> None:
    rule, since = answered(world, match, Reply(429, headers={"Retry-After": "3"}), times=1)
    came_through = change(world)
    world.operator.until(lambda: rule.played)
    world.operator.until(came_through)
    first, second, *_ = world.proxy.requests(match, since)
    assert 3.0 <= second.at - first.at < 4.5


@pytest.mark.parametrize("action", [ANSWERS[name] for name in FEW], ids=FEW)
def test_an_event_that_cannot_be_posted_is_counted_and_fails_nothing(world: World, action: Action) -> None:
    failed = world.operator.metric("crm_operator_events_failed_total")
    rule, since = answered(world, Match("create", "events"), action)
    absent = f"absent-{time.monotonic_ns()}"
    world.tenant.edit({"target": {"name": absent}})
    world.operator.until(lambda: absent in world.tenant.condition("Ready").get("message", ""))
    world.operator.until(lambda: rule.played)
    world.tenant.edit({"target": {"name": "crm-api"}})
    world.operator.until(lambda: world.tenant.condition("Ready").get("status") == "True")
    world.operator.until(lambda: world.operator.metric("crm_operator_events_failed_total") > failed)
    assert len(world.proxy.requests(Match("create", "events"), since)) <= MOST_ATTEMPTS
