"""A cluster that somebody else runs, addressed by a context of the user's kubeconfig."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from testbed import binaries
from testbed.errors import CommandFailed


class ExistingCluster:
    """Offers what the demonstration needs of a `ControlPlane`, through kubectl and one context."""

    def __init__(self, context: str) -> None:
        self._context = context
        self._directory = Path(tempfile.mkdtemp(prefix="crm-demo-"))

    def kubectl(
        self,
        *args: str | Path,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run uses
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl with the context. Raises `CommandFailed` with kubectl's own words."""
        command = [str(binaries.find("kubectl")), f"--context={self._context}", *map(str, args)]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False, timeout=120)
        if check and done.returncode:
            raise CommandFailed(f"kubectl {' '.join(map(str, args))}\n{done.stderr or done.stdout}")
        return done

    def apply(self, manifest: Path | str, *, namespace: str | None = None) -> None:
        """Apply a file, a directory or YAML text server-side."""
        where = ["--namespace", namespace] if namespace else []
        command = ["apply", "--server-side", "--force-conflicts", *where, "-f"]
        if isinstance(manifest, Path):
            self.kubectl(*command, manifest)
        else:
            self.kubectl(*command, "-", input=manifest)

    def install_crds(self, paths: Sequence[Path], *, within: float = 30.0) -> None:
        """Install the CRDs that the cluster lacks; those that exist belong to somebody and stay as they are."""
        present = set(self.kubectl("get", "crds", "-o", "name").stdout.split())
        for path in paths:
            name = yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"]["name"]
            reference = f"customresourcedefinition.apiextensions.k8s.io/{name}"
            if reference not in present:
                self.kubectl("create", "-f", path)
            self.kubectl("wait", "--for=condition=Established", f"--timeout={int(within)}s", reference)

    def create_namespace(self, name: str) -> None:
        """Create a namespace unless it exists."""
        self.apply(f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n")

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return the kubeconfig of a service account with a real, bound token; creates what is absent."""
        self.create_namespace(namespace)
        self.apply(f"apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {namespace}\n")
        token = self.kubectl("create", "token", "--namespace", namespace, name, "--duration=10h").stdout.strip()
        view = json.loads(self.kubectl("config", "view", "--raw", "--minify", "-o", "json").stdout)
        cluster: dict[str, Any] = view["clusters"][0]["cluster"]
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        }
        path = self._directory / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config), encoding="utf-8")
        return path
