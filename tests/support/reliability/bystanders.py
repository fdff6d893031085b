"""Objects of kinds that scenarios only look at, in a namespace of their own: somebody changes them now and then."""

import time
from types import TracebackType
from typing import Self

from crm_monitoring.manifest import ALERTMANAGER, DEPLOYMENT, PROMETHEUS, SERVICE, STATEFUL_SET
from support.live import Tenant
from testbed.controlplane import ControlPlane

_LABELS = {"app": "bystander"}
_PODS = {
    "metadata": {"labels": _LABELS},
    "spec": {"containers": [{"name": "main", "image": "registry.example.com/main:1"}]},
}
_WORKLOAD = {"selector": {"matchLabels": _LABELS}, "template": _PODS}
_SELECTORS = ("rule", "serviceMonitor", "podMonitor", "probe")
_EVERYTHING: dict[str, dict[str, str]] = {f"{what}{of}Selector": {} for what in _SELECTORS for of in ("", "Namespace")}
_SPECS = {
    SERVICE: {"ports": [{"port": 80}]},
    DEPLOYMENT: _WORKLOAD,
    STATEFUL_SET: {**_WORKLOAD, "serviceName": "bystander"},
    PROMETHEUS: {**_EVERYTHING, "retention": "60d"},
    ALERTMANAGER: {},
}
_NAME = "bystander"


class Bystanders:
    """A Service, workloads, a Prometheus that selects everything and an Alertmanager that selects nothing."""

    def __init__(self, plane: ControlPlane) -> None:
        self._tenant = Tenant(plane, "bystanders")

    def touch(self, plural: str) -> None:
        """Change the object of a kind, if there is one, in a way that nobody minds."""
        for kind in _SPECS:
            if kind.plural == plural:
                note = {"metadata": {"annotations": {"touched": str(time.monotonic_ns())}}}
                self._tenant.change(kind, _NAME, note)

    def __enter__(self) -> Self:
        self._tenant.plane.create_namespace(self._tenant.name)
        for kind, spec in _SPECS.items():
            self._tenant.create(kind, _NAME, {"spec": spec})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in _SPECS:
            self._tenant.delete(each, _NAME)
