"""A world for faults: an operator with its own timers and a Lease, for one part of the cluster or one namespace.

Lanes run side by side on one control plane. Resyncs are as rare as in production, so that nothing but the answer to the
fault itself puts things right.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from crm_monitoring.controller.shard import Shard
from crm_monitoring.manifest import ALERTMANAGER, EVENT, LEASE, Manifest
from support.fault_proxy_requests import Match
from support.live import Tenant, eventually
from support.reliability import snapshot
from support.reliability.history import Histories
from support.reliability.scenarios import CREDENTIALS, WORDS, credentials
from support.reliability.world import ACCOUNT, DEFAULT, FOREIGN, Place, World
from testbed import role
from testbed.controlplane import ControlPlane
from testbed.operator import Operator

LEASE_FLAGS = (
    *("--lease-duration-seconds", "8", "--lease-renew-deadline-seconds", "6"),
    *("--lease-retry-seconds", "0.5"),
)
LOG_FLAGS = ("--log-level", "DEBUG")
MOST_DEATHS = 2
"""After so many ends of kopf the next start waits long: a fresh operator takes over."""


class Lane(World):
    """Serves one shard of the cluster, or with `namespaced` one namespace, which every plan uses anew."""

    def __init__(
        self,
        plane: ControlPlane,
        directory: Path,
        tool: Callable[[str], Path],
        histories: Histories,
        *,
        name: str,
        shard: Shard | None = None,
        namespaced: bool = False,
        flags: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(plane, directory, tool, name)
        self.histories = histories
        self.namespaced = namespaced
        self.own_namespace = f"{name}-ops"
        self.exits = 0
        """How often the operator ended by itself."""
        self.touch: Callable[[str], None] = lambda plural: None
        """Changes an object of a kind that scenarios leave alone, so that its watch has something to tell."""
        self._shard = shard or Shard()
        self._more_flags = flags
        self._env = dict(env or {})

    @property
    def lease(self) -> str:
        """Return the address of the Lease."""
        return Tenant(self.plane, self.own_namespace).path(LEASE, "crm-monitoring-operator" + self._shard.lease_suffix)

    def start(self) -> None:
        """Start the operator; it is not waited for."""
        home = [self._home] if self.namespaced else []
        flags = (*LEASE_FLAGS, *LOG_FLAGS, *DEFAULT, "--shard", str(self._shard), *self._more_flags, *self._flags)
        self._operator = Operator(
            self._kubeconfig,
            namespaces=home,
            lease_namespace=self.own_namespace,
            flags=flags,
            directory=self._directory,
            env={"PYTHONPATH": os.pathsep.join(sys.path), **self._env},
        )
        self._operator.start(wait=False)

    def healthy(self) -> None:
        """Have an operator that is ready and leads: start it when it ended, and anew when kopf died often."""
        if not self.running or self.kopf_deaths() >= MOST_DEATHS:
            self.proxy.clear()
            self.stop()
            self.start()
        eventually(self.leads, within=60)

    def revive(self) -> None:
        """Start the operator again when it ended by itself, and count that."""
        if not self.running:
            self.exits += 1
            self.start()

    def leads(self) -> bool:
        """Say whether it is ready and holds the Lease."""
        return self.operator.is_ready() and "\ncrm_operator_leader 1.0" in self.operator.get("/metrics")[1]

    def kopf_deaths(self) -> float:
        """Return how often kopf ended since the operator was started."""
        found = 0.0
        for line in self.operator.get("/metrics")[1].splitlines():
            if line.startswith("crm_operator_kopf_restarts_total"):
                found += float(line.rpartition(" ")[2])
        return found

    # --- namespaces ---

    def place(self) -> Place:
        """Return a namespace of this lane in which a CRM runs, and others have their objects."""
        name = self._home if self.namespaced else self._next_name()
        place = Place(Tenant(self.plane, name))
        self.plane.create_namespace(name)
        if self.namespaced:
            self._wipe(place)
        tenant = place.tenant
        tenant.deploy()
        tenant.secret(CREDENTIALS, **credentials(WORDS[0]))
        tenant.create(ALERTMANAGER, "crm", {"spec": {"alertmanagerConfigSelector": {}}})
        for (kind, called), body in FOREIGN.items():
            made = tenant.create(kind, called, body)
            place.foreign.append({**made, "apiVersion": kind.api_version, "kind": kind.name})
        return place

    @property
    def _home(self) -> str:
        return f"{self._name}-home"

    def _next_name(self) -> str:
        while True:
            self._places += 1
            name = f"{self._name}-plan-{self._places:05}"
            if self._shard.serves(name):
                return name

    def _wipe(self, place: Place) -> None:
        """Empty a namespace: there is no garbage collector here."""
        self.clear(place)
        for kind in (*snapshot.KINDS, ALERTMANAGER, EVENT):
            for item in place.tenant.every(kind):
                place.tenant.delete(kind, item["metadata"]["name"])
        eventually(lambda: not self._left(place), within=20)
        self.histories.forget(place.name)

    def _left(self, place: Place) -> list[Manifest]:
        return [item for kind in snapshot.KINDS for item in place.tenant.every(kind)] + self.histories.state(place.name)

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        watched = (self._home,) if self.namespaced else ()
        for name in watched:
            self.plane.create_namespace(name)
        granted = role.grant(self.plane, ACCOUNT, self.own_namespace, watched)
        content = json.loads(granted.read_text(encoding="utf-8"))
        content["clusters"][0]["cluster"]["server"] = self.proxy.url
        self._kubeconfig = self._directory / "operator.kubeconfig"
        self._kubeconfig.write_text(json.dumps(content), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._operator is not None:
            self._operator.kill()
        self.proxy.__exit__(kind, value, trace)


def settled(lane: Lane, match: Match, within: float = 35.0) -> None:
    """Wait until a stream is open."""
    deadline = time.monotonic() + within
    while not lane.proxy.streams(match) and time.monotonic() < deadline:
        time.sleep(0.02)
