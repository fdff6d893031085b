"""The place in which plans are run: one control plane, one operator behind a fault proxy, a namespace for each plan."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from crm_monitoring.manifest import (
    ALERTMANAGER,
    CHILD_KINDS,
    CONFIG_MAP,
    CRM_MONITORING,
    PROMETHEUS_RULE,
    SECRET,
    Kind,
    Manifest,
)
from support.fault_proxy import FaultProxy
from support.live import POLL_SECONDS, Tenant, eventually
from support.reliability.consumers import Tools
from support.reliability.history import Histories
from support.reliability.scenarios import CREDENTIALS, WORDS, credentials
from support.reliability.snapshot import Snapshot, snapshot
from testbed import role
from testbed.controlplane import ControlPlane
from testbed.operator import PROGRAM, Operator

ACCOUNT = "operator"
BASE = ("--no-leader-election", "--log-level", "DEBUG", "--resync-seconds", "1", "--poll-seconds", "1")
DEFAULT = ("--prober", "blackbox.monitoring:9115")
"""Settings without which no block of a resource is refused."""

RESYNC_SECONDS = 1.2
"""How long it is at most until everything was looked at again."""

PASS_SECONDS = 5.0
"""How long the first pass of an operator that is ready is waited for; there is none where no resource is."""

FOREIGN: dict[tuple[Kind, str], dict[str, Any]] = {
    (CONFIG_MAP, "somebodys-dashboards"): {"data": {"a.json": "{}"}},
    (SECRET, "somebodys-secret"): {"data": {}},
    (PROMETHEUS_RULE, "somebodys-rules"): {"spec": {"groups": []}},
}
"""Objects of others in every namespace; they must not be touched."""


@dataclass
class Place:
    """A namespace, and what is to be compared in the end."""

    tenant: Tenant
    foreign: list[Manifest] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.tenant.name


class World:
    """Runs one operator, and starts it again after it was killed. Use it from the main thread."""

    def __init__(self, plane: ControlPlane, directory: Path, tool: Callable[[str], Path], name: str = "crash") -> None:
        self.plane = plane
        self.proxy = FaultProxy(plane.url, plane.certificate_authority)
        self.histories = Histories(plane)
        self.tools = Tools(tool, directory)
        self.user = f"system:serviceaccount:{name}-ops:{ACCOUNT}"
        self.log = directory / "operator.log"
        self._name = name
        self._directory = directory
        self._flags: tuple[str, ...] = ()
        self._program: tuple[str, ...] = PROGRAM
        self._operator: Operator | None = None
        self._places = 0

    # --- the operator ---

    @property
    def operator(self) -> Operator:
        """Return the operator that runs, or ran last."""
        assert self._operator is not None, "no operator was started"
        return self._operator

    @property
    def running(self) -> bool:
        """Say whether the operator lives."""
        return self._operator is not None and self._operator.running

    def run_with(self, flags: tuple[str, ...], program: tuple[str, ...] | None = None) -> None:
        """Have an operator with these settings, and from now on of this program: the one that runs, or a new one."""
        program = program or self._program
        if self.running and (flags, program) == (self._flags, self._program):
            return
        self.stop()
        self._flags, self._program = flags, program
        self.start()

    def start(self) -> None:
        """Start the operator with the settings of its last run; it is not waited for."""
        flags = (*BASE, *DEFAULT, *self._flags)
        self._operator = Operator(
            self._kubeconfig,
            lease_namespace=f"{self._name}-ops",
            flags=flags,
            directory=self._directory,
            program=self._program,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._operator.start(wait=False)

    def restart(self) -> None:
        """Have the operator end as in a crash and start again, and give it the time to look at everything twice."""
        self.operator.kill()
        self.start()
        eventually(lambda: self.operator.is_ready() or not self.running, within=30)
        for _ in polled(PASS_SECONDS):
            if any(str(line.get("event", "")).startswith("reconcile") for line in self.operator.lines()):
                break
        time.sleep(2 * RESYNC_SECONDS)

    def stop(self) -> None:
        """Stop the operator the polite way."""
        if self._operator is not None:
            self._operator.stop()

    # --- namespaces ---

    def place(self) -> Place:
        """Return a new namespace in which a CRM runs, and others have their objects."""
        self._places += 1
        tenant = Tenant(self.plane, f"{self._name}-plan-{self._places:05}")
        self.plane.create_namespace(tenant.name)
        tenant.deploy()
        tenant.secret(CREDENTIALS, **credentials(WORDS[0]))
        tenant.create(ALERTMANAGER, "crm", {"spec": {}})
        place = Place(tenant)
        for (kind, name), body in FOREIGN.items():
            made = tenant.create(kind, name, body)
            place.foreign.append({**made, "apiVersion": kind.api_version, "kind": kind.name})
        return place

    def snapshot(self, place: Place) -> Snapshot:
        """Return what is in a namespace now, masked."""
        return snapshot(self.histories.state(place.name), place.name)

    def clear(self, place: Place) -> None:
        """Remove what a plan left, so that the next start of the operator has no more to do than the first."""
        for item in place.tenant.every(CRM_MONITORING):
            if item["metadata"].get("finalizers"):
                place.tenant.change(CRM_MONITORING, item["metadata"]["name"], {"metadata": {"finalizers": None}})
        for kind in (CRM_MONITORING, *CHILD_KINDS, SECRET):
            self.plane.api.request("DELETE", place.tenant.path(kind))
        self.histories.forget(place.name)

    def log_since(self, offset: int) -> str:
        """Return the log from an offset on."""
        with self.log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        self.histories.__enter__()
        granted = role.grant(self.plane, ACCOUNT, f"{self._name}-ops")
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
        self.histories.__exit__(kind, value, trace)
        self.proxy.__exit__(kind, value, trace)


def polled(within: float) -> Iterator[float]:
    """Yield the seconds since the beginning, again and again, until the time is over."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < within:
        yield passed
        time.sleep(POLL_SECONDS)
