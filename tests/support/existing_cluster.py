"""A cluster with nodes: of kind, or one that somebody runs. tools/e2e says which variables lead to it."""

import base64
import json
import subprocess
from pathlib import Path

import yaml

from crm_monitoring.manifest import CRM_MONITORING
from support.charts import NAMESPACE, RELEASE, helm
from support.live import eventually
from testbed import binaries, prometheus_operator
from testbed.apiclient import ApiClient

ROLLOUT = "--timeout=180s"
ACCOUNT = "crm-e2e"
THEIR_OWN = "none"
"""In place of an image: the cluster has a prometheus-operator."""


class ExistingCluster:
    """Asks through kubectl; plain requests go as an administrator's account of the stories' own."""

    name = "existing cluster"
    no_kubelet = ""

    def __init__(
        self,
        kubeconfig: Path,
        directory: Path,
        *,
        image: str,
        sample_image: str,
        prometheus_operator_image: str = "",
    ) -> None:
        """Look at the cluster. `prometheus_operator_image` may be empty, the one of its sources, or `none`, not to be run."""
        self._kubeconfig = kubeconfig
        self._directory = directory
        self._prometheus_operator_image = prometheus_operator_image
        self.image = image
        self.sample_image = sample_image
        definition = self.kubectl("get", "crd", CRM_MONITORING.crd_name, "--ignore-not-found", "-o", "name").stdout
        assert not definition, (
            "the cluster has CRMMonitoring already: the stories need a cluster in which it is nobody's"
        )
        self.api = self._client()

    def kubectl(self, *args: str | Path, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
        """Run kubectl; fail with what it says."""
        command = [str(binaries.find("kubectl")), f"--kubeconfig={self._kubeconfig}", *map(str, args)]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr
        return done

    def kubeconfig(self) -> Path:
        """Return the kubeconfig that was given."""
        return self._kubeconfig

    def image_flags(self) -> list[str]:
        """Return the flags that name the image; it is loaded into the nodes, or they can pull it."""
        repository, _, tag = self.image.rpartition(":")
        registry, _, path = repository.rpartition("/")
        return [f"--set-string=image.registry={registry},image.repository={path},image.tag={tag}"]

    def run_prometheus_operator(self) -> None:
        """Deploy it as its sources say, and wait for the rollout."""
        if self._prometheus_operator_image == THEIR_OWN:
            return
        text = yaml.safe_dump_all(prometheus_operator.manifests(self._prometheus_operator_image))
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text)
        where = ("-n", prometheus_operator.NAMESPACE, ROLLOUT)
        self.kubectl("rollout", "status", "deployment/prometheus-operator", *where)

    def follow(self) -> None:
        """Wait for the Deployment's rollout, or until no pod is left when there is none."""
        deployment = self.kubectl("get", "deployment", RELEASE, "-n", NAMESPACE, "--ignore-not-found", "-o", "name")
        if deployment.stdout:
            self.kubectl("rollout", "status", f"deployment/{RELEASE}", "-n", NAMESPACE, ROLLOUT)
        pods = ("get", "pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/instance={RELEASE}", "-o", "name")
        expected = 2 if deployment.stdout else 0
        eventually(lambda: len(self.kubectl(*pods).stdout.split()) == expected, within=60)

    def kill(self, holder: str) -> None:
        """Delete the pod without grace."""
        names = self.kubectl("get", "pods", "-n", NAMESPACE, "-o", "name").stdout.split()
        (pod,) = [name for name in names if holder.startswith(name.removeprefix("pod/"))]
        self.kubectl("delete", pod, "-n", NAMESPACE, "--grace-period=0", "--force")

    def close(self) -> None:
        """Remove resources, release, definition, prometheus-operator and account; its kinds stay."""
        self.kubectl("delete", "crmmonitorings", "--all", "--all-namespaces", "--timeout=60s")
        helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", kubeconfig=self._kubeconfig)
        self.kubectl("delete", "crd", CRM_MONITORING.crd_name, "--ignore-not-found")
        self.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
        if self._prometheus_operator_image != THEIR_OWN:
            text = yaml.safe_dump_all(prometheus_operator.manifests())
            self.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", input=text)
        self._forget_account()

    def _forget_account(self) -> None:
        self.kubectl("delete", "clusterrolebinding", ACCOUNT, "--ignore-not-found")
        self.kubectl("delete", "serviceaccount", ACCOUNT, "-n", "default", "--ignore-not-found")

    def _client(self) -> ApiClient:
        self._forget_account()
        self.kubectl("create", "serviceaccount", ACCOUNT, "-n", "default")
        self.kubectl(
            "create",
            "clusterrolebinding",
            ACCOUNT,
            "--clusterrole=cluster-admin",
            f"--serviceaccount=default:{ACCOUNT}",
        )
        token = self.kubectl("create", "token", ACCOUNT, "-n", "default", "--duration=2h").stdout.strip()
        view = json.loads(self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json").stdout)
        cluster = view["clusters"][0]["cluster"]
        authority = self._directory / "ca.crt"
        authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        return ApiClient(cluster["server"], token, authority)
