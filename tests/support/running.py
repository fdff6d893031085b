"""Our operator as a process beside a real API server, and what can be seen of it from outside."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from crm_monitoring.contract.logs import BASE_FIELDS
from support.live import POLL_SECONDS, eventually
from testbed import role
from testbed.audit import AuditEvent, counted
from testbed.controlplane import ControlPlane
from testbed.operator import Operator

ACCOUNT = "operator"


class RunningOperator(Operator):
    """An operator with the rights that the chart grants, for some namespaces or (none given) for all."""

    def __init__(
        self,
        plane: ControlPlane,
        own_namespace: str,
        directory: Path,
        *,
        namespaces: Sequence[str] = (),
        flags: Sequence[str] = (),
        name: str = "operator",
        account: str = ACCOUNT,
        through: str | None = None,
    ) -> None:
        """Describe it. `account` tells replicas apart in the audit log; `through` is the address of a proxy."""
        self.plane = plane
        self.own_namespace = own_namespace
        self.user = f"system:serviceaccount:{own_namespace}:{account}"
        self.began = plane.audit_mark()
        self._events_failed = 0.0
        self.may_be_refused = ""
        """A namespace in which requests may be refused, because it is going away."""
        self.kopf_may_complain = False
        """Whether kopf may log errors, because the kind that it watches goes away."""
        config = role.grant(plane, account, own_namespace, tuple(namespaces))
        super().__init__(
            config if through is None else _redirected(config, through, directory / f"{name}.kubeconfig"),
            namespaces=namespaces,
            lease_namespace=own_namespace,
            flags=("--log-level", "DEBUG", *flags),
            directory=directory,
            name=name,
        )

    # --- the audit log ---

    def mark(self) -> int:
        """Return the present position of the audit log."""
        return self.plane.audit_mark()

    def requests(self, since: int | None = None) -> list[AuditEvent]:
        """Return its requests since a mark, since its beginning without one."""
        return self.plane.audit_since(self.began if since is None else since, user=self.user)

    def writes(self, since: int) -> Counter[str]:
        """Count its writes since a mark, its Lease aside."""
        return counted(event for event in self.requests(since) if event.is_write and event.resource != "leases")

    # --- metrics ---

    def samples(self) -> list[Sample]:
        """Return everything on /metrics."""
        code, text = self.get("/metrics")
        assert code == 200
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the series of a name with these labels."""
        return sum(
            sample.value
            for sample in self.samples()
            if sample.name == name and labels.items() <= dict(sample.labels).items()
        )

    def passes(self) -> float:
        """Return how many passes it has made."""
        return self.metric("crm_operator_reconcile_total")

    def settle(self, calm: float = 0.4, within: float = 20.0) -> None:
        """Wait until it has led and made no pass for a moment."""
        eventually(lambda: self.metric("crm_operator_leader") == 1, within)
        deadline = time.monotonic() + within
        since, known = time.monotonic(), self.passes()
        while time.monotonic() - since < calm:
            assert time.monotonic() < deadline, f"it does not come to rest within {within:.0f} s"
            time.sleep(POLL_SECONDS)
            passes = self.passes()
            if passes != known or self.metric("crm_operator_queue_depth"):
                since, known = time.monotonic(), passes

    # --- its log ---

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of one event."""
        return [line for line in self.lines() if line["event"] == event]

    def end(self) -> None:
        """Stop it for good, after a last look at what it counted."""
        if self.running:
            self._events_failed = self.metric("crm_operator_events_failed_total")
        self.stop()

    def complaints(self) -> list[str]:
        """Return what no operator should do, whatever the test: ask for what it may not, crash, log out of form."""
        found = [f"refused: {event.what} {event.uri}" for event in self.requests() if self._is_refused(event)]
        if self._events_failed and not self.may_be_refused:
            found.append(f"{self._events_failed:.0f} Events could not be posted")
        for line in self.lines():
            if list(line)[: len(BASE_FIELDS)] != list(BASE_FIELDS):
                found.append(f"fields: {line}")
            if self.kopf_may_complain and line["logger"].startswith("kopf."):
                continue
            if line["level"] in ("ERROR", "CRITICAL") or line.get("reason") == "unexpected error":
                found.append(f"error: {line}")
        return found

    def _is_refused(self, event: AuditEvent) -> bool:
        return event.code == 403 and event.namespace != self.may_be_refused


Start = Callable[..., RunningOperator]
"""The fixture `start`: (plane, own namespace, *watched namespaces, flags=()) gives an operator that is ready."""


def _redirected(kubeconfig: Path, server: str, path: Path) -> Path:
    """Write a copy of a kubeconfig that leads to another address."""
    content = json.loads(kubeconfig.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["server"] = server
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
