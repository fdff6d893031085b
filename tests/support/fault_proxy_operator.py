"""An operator whose way to the API server leads through a fault proxy, and what it must keep up whatever happens."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crm_monitoring.manifest import PROMETHEUS_RULE, Manifest
from support.live import POLL_SECONDS, Tenant
from support.running import RunningOperator

WITHIN_SECONDS = 15.0
"""How soon everything is as it should be after a fault."""

RULE = "crm-crm-stock"
"""The child that tests look at: a PrometheusRule of the resource `crm`."""


class ProxiedOperator(RunningOperator):
    """An operator that must stay healthy whatever a test does to its requests."""

    def healthy(self) -> bool:
        """Fail when the process ended or says that it is not alive; return True, so that it can be waited with."""
        assert self.running, "the operator process ended"
        code, text = self.get("/healthz")
        assert code == 200, f"/healthz: {code} {text}"
        return True

    def until(self, check: Callable[[], object], within: float = WITHIN_SECONDS) -> float:
        """Wait until `check` is true while the operator stays healthy; return how many seconds that took."""
        started = time.monotonic()
        while True:
            self.healthy()
            problem: object = "it is false"
            try:
                if check():
                    return time.monotonic() - started
            except AssertionError as error:
                problem = error
            assert time.monotonic() - started < within, f"not within {within:.0f} s: {problem}"
            time.sleep(POLL_SECONDS)

    def open_files(self) -> int:
        """Return how many file descriptors the process holds, connections among them."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def kopf_restarts(self) -> float:
        """Return how often kopf was started again."""
        return self.metric("crm_operator_kopf_restarts_total")


class Changes:
    """Changes that an operator must answer, each different from the one before."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def edit(self, also: Mapping[str, Any] | None = None) -> Callable[[], bool]:
        """Edit the resource; return a check for the edit having come through to a child and to the status."""
        value = f"v{time.monotonic_ns()}"
        self._tenant.edit({"alerts": {"extraLabels": {"edit": value}}, **(also or {})})
        return lambda: value in json.dumps(self._rule()) and self._tenant.condition("Ready").get("status") == "True"

    def delete(self) -> Callable[[], bool]:
        """Delete a child; return a check for its being there again."""
        before = self._rule()["metadata"]["uid"]
        self._tenant.delete(PROMETHEUS_RULE, RULE)
        return lambda: self._rule().get("metadata", {}).get("uid", before) != before

    def _rule(self) -> Manifest:
        return self._tenant.look(PROMETHEUS_RULE, RULE)
