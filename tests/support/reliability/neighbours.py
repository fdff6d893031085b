"""Good resources beside bad ones: what theirs is, who writes to it, and how fast an edit of theirs is carried out."""

import base64
import json
import time
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from bench.watching import Watch
from crm_monitoring.api.quantities import prometheus_duration
from crm_monitoring.manifest import ALERTMANAGER, CRM_MONITORING, PROMETHEUS_RULE, SECRET, Manifest
from crm_monitoring.render.merged import split
from support.live import Tenant, eventually
from support.reliability.bad import CREDENTIALS, GOOD_TARGET
from support.reliability.snapshot import Snapshot, fetch, snapshot
from support.resources import SLACK, merged, secret_key
from testbed.audit import AuditEvent
from testbed.controlplane import ControlPlane

GOOD = "good-"
"""How the names of all good resources begin."""

SHARED = "alertmanager-crm"
WITH_WORKLOAD = 5
"""How many of the good resources set fields of a workload of their own."""


class Neighbourhood:
    """A namespace with good resources. Use it as a context manager."""

    def __init__(self, plane: ControlPlane, name: str, good: int) -> None:
        self.tenant = Tenant(plane, name)
        self.names = [f"{GOOD}{number:02}" for number in range(good)]
        self._plane = plane
        self._stack = ExitStack()
        self._edits = 0

    def settle_in(self) -> None:
        """Make the namespace and the good resources."""
        self._plane.create_namespace(self.tenant.name)
        self.tenant.deploy(GOOD_TARGET)
        self.tenant.secret("good-credentials", url="https://hooks.example.com/services/good")
        self.tenant.secret(CREDENTIALS, **{"audit-url": "https://audit.example.com/bad"})
        self.tenant.create(ALERTMANAGER, "crm", {"spec": {}})
        slack = {**SLACK, "slack": {"webhookUrlSecretRef": secret_key("good-credentials", "url")}}
        for number, name in enumerate(self.names):
            spec: dict[str, Any] = {"target": {"name": GOOD_TARGET}, "notifications": {"receivers": [slack]}}
            if number < WITH_WORKLOAD:
                self.tenant.deploy(name)
                spec = merged(spec, {"target": {"name": name}, "workload": {"env": {"logLevel": "INFO"}}})
            self.tenant.monitor({"spec": spec}, name)

    def all_ready(self, within: float = 60.0) -> None:
        """Wait until every good resource is Ready."""
        eventually(lambda: all(map(_is_ready, self.bodies(self.names))), within)

    def bodies(self, names: Iterable[str]) -> list[Manifest]:
        """Return resources by name, those that exist."""
        wanted = set(names)
        return [body for body in self.tenant.every(CRM_MONITORING) if body["metadata"]["name"] in wanted]

    def state(self) -> Snapshot:
        """Return everything that is the good ones': their objects, their workloads, their part of the shared Secret."""
        everything = fetch(self.tenant)
        ours = [item for item in everything if item["metadata"]["name"].startswith(GOOD)]
        state = snapshot(ours, self.tenant.name)
        for item in everything:
            if item["kind"] == SECRET.name and item["metadata"]["name"] == SHARED:
                state["their routing"] = _routing(item)
        return state

    def writes(self, requests: Iterable[AuditEvent]) -> list[str]:
        """Return the writes to objects of the good ones."""
        return [
            f"{event.what} {event.name}"
            for event in requests
            if event.is_write and event.namespace == self.tenant.name and event.name.startswith(GOOD)
        ]

    def edit_seconds(self, edits: int) -> list[float]:
        """Edit good resources, one after the other; return how long each took to be right in its rules or its routing."""
        return [self._edit_rules() if number % 2 else self._edit_routing() for number in range(edits)]

    def _edit_rules(self) -> float:
        self._edits += 1
        name = self.names[self._edits % len(self.names)]
        wanted = str(100 + self._edits)
        began = time.monotonic()
        self.tenant.edit({"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": wanted}}}}, name)
        key = (self.tenant.name, f"{name}-crm-stock")
        return self._rules.wait(lambda seen: f"> {wanted}" in (seen.get(key) or ""), within=30) - began

    def _edit_routing(self) -> float:
        self._edits += 1
        name = self.names[self._edits % len(self.names)]
        seconds = 3600 + self._edits
        began = time.monotonic()
        self.tenant.edit({"notifications": {"repeatInterval": f"{seconds}s"}}, name)
        wanted = f"repeat_interval: {prometheus_duration(f'{seconds}s')}\n"
        key = (self.tenant.name, SHARED)
        return self._secrets.wait(lambda seen: wanted in (seen.get(key) or ""), within=30) - began

    def __enter__(self) -> Self:
        path = f"/apis/{PROMETHEUS_RULE.api_version}/namespaces/{self.tenant.name}/{PROMETHEUS_RULE.plural}"
        self._rules = self._stack.enter_context(Watch(self._plane, path, keep=lambda item: json.dumps(item["spec"])))
        path = self.tenant.path(SECRET)
        self._secrets = self._stack.enter_context(Watch(self._plane, path, keep=_content))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _is_ready(body: Manifest) -> bool:
    status = body.get("status", {})
    return status.get("observedGeneration") == body["metadata"]["generation"] and any(
        each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ())
    )


def _content(secret: Manifest) -> str:
    return base64.b64decode((secret.get("data") or {}).get("alertmanager.yaml", "")).decode()


def _routing(secret: Manifest) -> Manifest:
    """Return the fragments of the good resources in a merged Secret, and who of them owns it."""
    fragments = split(_content(secret).encode(), SHARED)
    owners = [owner["name"] for owner in secret["metadata"].get("ownerReferences") or ()]
    return {
        "fragments": {
            name: [fragment.routes, fragment.receivers, fragment.inhibit_rules, fragment.time_intervals]
            for (_, name), fragment in fragments.items()
            if name.startswith(GOOD)
        },
        "owners": sorted(owner for owner in owners if owner.startswith(GOOD)),
    }
