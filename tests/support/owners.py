"""Those who deploy the workload beside us: kubectl client side and server side, Helm 3 and Helm 4; and what we want."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm_monitoring.cluster.port import Reader
from crm_monitoring.manifest import DEPLOYMENT, Manifest, ObjectKey
from testbed import binaries
from testbed.controlplane import ControlPlane

Containers = Sequence[Mapping[str, Any]]

OWNERS = ("client-side apply", "server-side apply", "Helm 3", "Helm 4")

SERVER_SIDE = ("server-side apply", "Helm 4")
"""Owners whose fields conflict with those of others."""

READINESS: dict[str, Any] = {
    "httpGet": {"path": "/api/crm/health/readiness", "port": "http", "scheme": "HTTP"},
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 2,
    "failureThreshold": 3,
}

IMAGE_2 = {"image": "registry.example.com/crm:2"}

_RELEASE = "crm"
_CHART = {"apiVersion": "v2", "name": "crm", "version": "0.1.0"}


def deployment(name: str, containers: Containers) -> dict[str, Any]:
    """Return a Deployment with these containers; one without an image gets one."""
    labels = {"app": name}
    filled = [{"name": "api", "image": "registry.example.com/crm:1", **container} for container in containers]
    template = {"metadata": {"labels": labels}, "spec": {"containers": filled}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def template(live: Manifest) -> Manifest:
    """Return what makes a rollout when it changes. The generation counts changes of a Deployment's annotations, too."""
    content: Manifest = live["spec"]["template"]
    return content


def first_container(live: Manifest) -> Manifest:
    """Return the first container."""
    container: Manifest = template(live)["spec"]["containers"][0]
    return container


async def look(cluster: Reader, namespace: str, name: str) -> Manifest:
    """Return the live Deployment, which must exist."""
    live = await cluster.get(ObjectKey(DEPLOYMENT, namespace, name))
    assert live is not None
    return live


@dataclass(frozen=True)
class Owner:
    """One tool that owns the Deployments of one namespace."""

    tool: str
    plane: ControlPlane
    namespace: str
    directory: Path

    def deploy(self, workloads: Mapping[str, Containers], *flags: str) -> str | None:
        """Deploy all of them by one command; return what the tool complains of, None when it is content."""
        manifests = [deployment(name, containers) for name, containers in workloads.items()]
        if self.tool in ("client-side apply", "server-side apply"):
            done = self._kubectl(manifests, *flags)
        else:
            done = self._helm(manifests, *flags)
        return None if done.returncode == 0 else done.stderr

    def _kubectl(self, manifests: list[dict[str, Any]], *flags: str) -> subprocess.CompletedProcess[str]:
        side = ["--server-side"] if self.tool == "server-side apply" else []
        documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        command = ("apply", *side, *flags, "--namespace", self.namespace, "-f", "-")
        return self.plane.kubectl(*command, input=documents, check=False)

    def _helm(self, manifests: list[dict[str, Any]], *flags: str) -> subprocess.CompletedProcess[str]:
        templates = self.directory / "templates"
        templates.mkdir(parents=True, exist_ok=True)
        (self.directory / "Chart.yaml").write_text(json.dumps(_CHART))
        (templates / "workloads.yaml").write_text("\n---\n".join(map(json.dumps, manifests)))
        helm = binaries.find("helm3" if self.tool == "Helm 3" else "helm")
        command = [str(helm), f"--kubeconfig={self.plane.kubeconfig()}", f"--namespace={self.namespace}"]
        command += ["upgrade", "--install", *flags, _RELEASE, str(self.directory)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
