"""The pods of a release as processes: each replica has the account, permissions and variables of its Deployment."""

from pathlib import Path
from typing import Any

from crm_monitoring.manifest import DEPLOYMENT
from support.charts import NAMESPACE
from support.live import Tenant
from testbed.controlplane import ControlPlane
from testbed.operator import Operator

PART_OF = "app.kubernetes.io/part-of=crm-monitoring"


class Pods:
    """What runs, by the name of its Deployment."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.running: dict[str, list[Operator]] = {}
        self._plane = plane
        self._directory = directory
        self._templates: dict[str, dict[str, Any]] = {}
        self._started = 0

    def follow(self) -> None:
        """Roll as Deployments do: each new pod is ready before an old one is told to stop."""
        wanted = {
            one["metadata"]["name"]: one["spec"] for one in Tenant(self._plane, NAMESPACE).every(DEPLOYMENT, PART_OF)
        }
        old = [one for name, running in self.running.items() for one in running if not self._is_kept(name, one, wanted)]
        running = {}
        for name, spec in sorted(wanted.items()):
            kept = [one for one in self.running.get(name, ()) if one.running and one not in old]
            new = [self._start(name, spec["template"]["spec"]) for _ in range(len(kept), spec["replicas"])]
            running[name] = kept + new
        for one in old:
            one.stop()
        self.running = running
        self._templates = {name: spec["template"] for name, spec in wanted.items()}

    def kill(self, name: str) -> None:
        """End a pod at once."""
        (found,) = [one for running in self.running.values() for one in running if one.log.stem == name]
        found.kill()

    def close(self) -> None:
        """End all."""
        for running in self.running.values():
            for one in running:
                one.stop()

    def _is_kept(self, name: str, one: Operator, wanted: dict[str, Any]) -> bool:
        return one.running and name in wanted and self._templates[name] == wanted[name]["template"]

    def _start(self, deployment: str, pod: dict[str, Any]) -> Operator:
        self._started += 1
        (container,) = pod["containers"]
        operator = Operator(
            self._plane.service_account_kubeconfig(NAMESPACE, pod["serviceAccountName"]),
            lease_namespace=NAMESPACE,
            env={one["name"]: one["value"] for one in container["env"] if "value" in one},
            directory=self._directory,
            name=f"{deployment}-{self._started}",
        )
        operator.start()
        return operator
