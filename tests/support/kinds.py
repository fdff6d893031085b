"""Kinds of objects that tests install and remove."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import yaml

from crm_monitoring.api.crd import crd
from crm_monitoring.manifest import CRM_MONITORING, PROMETHEUS_RULE, SERVICE_MONITOR, Kind
from support.live import eventually
from testbed import binaries, crds
from testbed.controlplane import ControlPlane

NEEDED = (PROMETHEUS_RULE, SERVICE_MONITOR)
"""The kinds of prometheus-operator without which not even a minimal resource becomes Ready."""


def install_ours(plane: ControlPlane, definition: dict[str, Any] | None = None) -> None:
    """Install the kind CRMMonitoring and wait until it is served."""
    plane.apply(yaml.safe_dump(definition or crd()))
    crds.wait_until_served(plane.api, [CRM_MONITORING.crd_name], within=30)


def install_theirs(plane: ControlPlane, kinds: Iterable[Kind] = NEEDED) -> None:
    """Install some kinds of prometheus-operator and wait until they are served."""
    plurals = {kind.plural for kind in kinds}
    plane.install_crds([path for path in binaries.crds() if path.stem.rpartition("_")[2] in plurals])


def remove(plane: ControlPlane, *kinds: Kind) -> None:
    """Remove kinds with all their objects and wait until they are gone."""
    paths = [f"{crds.DEFINITIONS}/{kind.crd_name}" for kind in kinds]
    for path in paths:
        plane.api.request("DELETE", path)
    eventually(lambda: all(plane.api.request("GET", path).status == 404 for path in paths), within=30)


def lenient() -> dict[str, Any]:
    """Return our definition as somebody's older one might be: it takes any spec."""
    definition = deepcopy(crd())
    (version,) = definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for name in ("x-kubernetes-validations", "required"):
        schema.pop(name)
    version.pop("selectableFields", None)
    return definition
