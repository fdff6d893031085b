"""Two replicas of one Lease, each with an account and a way to the API server of its own."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from crm_monitoring.manifest import ALERTMANAGER, LEASE, Manifest
from support.fault_proxy import FaultProxy
from support.live import Tenant, eventually
from support.reliability.history import Histories
from support.reliability.leases import Claim, claims
from support.reliability.scenarios import CREDENTIALS, WORDS, credentials
from support.reliability.world import DEFAULT
from testbed import role
from testbed.controlplane import ControlPlane
from testbed.operator import PROGRAM, Operator

DURATION, DEADLINE, RETRY = 4.0, 3.0, 0.5
"""Times of the election, in seconds. A machine that is busy with other tests must not cost a leader its Lease."""

FLAGS = (
    *("--lease-duration-seconds", str(DURATION), "--lease-renew-deadline-seconds", str(DEADLINE)),
    *("--lease-retry-seconds", str(RETRY), "--resync-seconds", "2", "--poll-seconds", "2", "--log-level", "DEBUG"),
)
LEASE_NAME = "crm-monitoring-operator"
READY_WITHIN = 40.0
ACCOUNTS = ("first", "second")


@dataclass
class Replica:
    """One of the two: its way to the API server stays, the process changes."""

    account: str
    user: str
    path: FaultProxy
    kubeconfig: Path
    starts: int = 0
    process: Operator | None = None

    @property
    def operator(self) -> Operator:
        """Return the process of the last start."""
        assert self.process is not None, "it was never started"
        return self.process

    @property
    def running(self) -> bool:
        """Say whether its process lives."""
        return self.process is not None and self.process.running

    def leads(self) -> bool:
        """Say whether it says that it leads."""
        return self.running and "\ncrm_operator_leader 1.0" in self.operator.get("/metrics")[1]

    def stalled(self) -> float:
        """Return how many seconds it, or its path, was ready to run and the machine ran others, since it began."""
        if not self.running:
            return 0.0
        return _waited(self.operator.pid, self.operator.pid) + _waited(os.getpid(), self.path.thread)

    def log(self) -> str:
        """Return the log of the last process."""
        return self.operator.log.read_text(encoding="utf-8", errors="replace")


class Pair:
    """Two replicas that serve one namespace. Use it in the thread that made it."""

    def __init__(
        self, plane: ControlPlane, directory: Path, name: str, program: Sequence[str] = PROGRAM, *flags: str
    ) -> None:
        self.plane = plane
        self.tenant = Tenant(plane, name)
        self.own_namespace = f"{name}-ops"
        self.replicas: dict[str, Replica] = {}
        self._directory = directory
        self._program = program
        self._flags = flags
        self._leases = Histories(plane, (LEASE,))
        self._stack = ExitStack()
        self._began = 0

    # --- processes ---

    def start(self, replica: Replica) -> None:
        """Start a process with a name of its own; it is not waited for."""
        replica.starts += 1
        replica.process = Operator(
            replica.kubeconfig,
            namespaces=[self.tenant.name],
            lease_namespace=self.own_namespace,
            flags=(*DEFAULT, *FLAGS, *self._flags),
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            directory=self._directory,
            name=f"{replica.account}-{replica.starts}",
            program=self._program,
        )
        self._stack.callback(replica.process.kill)
        replica.process.start(wait=False)

    def roles(self) -> tuple[Replica, Replica]:
        """Wait until one of two ready replicas leads, starting what ended; return the leader and the other."""

        def found() -> tuple[Replica, Replica] | None:
            for replica in self.replicas.values():
                if not replica.running:
                    self.start(replica)
            if not all(replica.operator.is_ready() for replica in self.replicas.values()):
                return None
            first, second = (self.replicas[account] for account in ACCOUNTS)
            leading = [replica.leads() for replica in (first, second)]
            if sum(leading) != 1:
                return None
            return (first, second) if leading[0] else (second, first)

        roles = eventually(found, READY_WITHIN)
        assert roles is not None
        return roles

    # --- the Lease ---

    def holder(self) -> str:
        """Return the name in the Lease."""
        return str((self.lease().get("spec") or {}).get("holderIdentity") or "")

    def lease(self) -> Manifest:
        """Return the Lease."""
        return Tenant(self.plane, self.own_namespace).look(LEASE, LEASE_NAME)

    def history(self) -> list[Claim]:
        """Return who wrote to the Lease, from its creation to a moment after this call."""

        def joined() -> list[Claim]:
            version = int(self.lease()["metadata"]["resourceVersion"])
            events = self.plane.audit_since(self._began, namespace=self.own_namespace, writes_only=True)
            versions = self._leases.changes(self.own_namespace)
            assert versions, "the Lease was not seen yet"
            assert versions[-1].version >= version, "the watch is late"
            try:
                return claims(events, versions)
            except LookupError as problem:  # the watch is ahead of the audit log
                raise AssertionError(str(problem)) from None

        return eventually(joined)

    # --- the namespace ---

    def _settle_in(self) -> None:
        self.plane.create_namespace(self.tenant.name)
        self.tenant.deploy()
        self.tenant.secret(CREDENTIALS, **credentials(WORDS[0]))
        self.tenant.create(ALERTMANAGER, "crm", {"spec": {}})

    def __enter__(self) -> Self:
        self._began = self.plane.audit_mark()
        self._stack.enter_context(self._leases)
        self._settle_in()
        for account in ACCOUNTS:
            path = self._stack.enter_context(FaultProxy(self.plane.url, self.plane.certificate_authority))
            granted = role.grant(self.plane, account, self.own_namespace, (self.tenant.name,))
            content = json.loads(granted.read_text(encoding="utf-8"))
            content["clusters"][0]["cluster"]["server"] = path.url
            config = self._directory / f"{account}.kubeconfig"
            config.write_text(json.dumps(content), encoding="utf-8")
            user = f"system:serviceaccount:{self.own_namespace}:{account}"
            self.replicas[account] = Replica(account, user, path, config)
            self.start(self.replicas[account])
            if account == ACCOUNTS[0]:
                eventually(self.replicas[account].leads, READY_WITHIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for replica in self.replicas.values():
            if replica.process is not None:
                replica.process.kill()
        self._stack.close()


def _waited(process: int, thread: int) -> float:
    """Return how many seconds a thread has waited in the kernel's queue of those that are ready to run."""
    return int(Path(f"/proc/{process}/task/{thread}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
