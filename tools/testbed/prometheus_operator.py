"""The real prometheus-operator: as a child process against any API server that has its CRDs, or as it is deployed."""

import os
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from testbed import binaries
from testbed.processes import ChildProcess, ReservedPort

READY_SECONDS = 60.0
NAMESPACE = "prometheus-operator"
UNWANTED = ("ServiceMonitor",)
"""Nobody scrapes it here."""


def manifests(image: str = "") -> list[dict[str, Any]]:
    """Return what deploys it in `NAMESPACE`, from its own sources. `image` replaces the one that they name."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return [namespace, *filter(None, (_placed(path, image) for path in binaries.manifests()))]


def _placed(path: Path, image: str) -> dict[str, Any] | None:
    manifest: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if manifest["kind"] in UNWANTED:
        return None
    for named in (manifest["metadata"], *manifest.get("subjects", ())):
        if "namespace" in named:
            named["namespace"] = NAMESPACE
    if manifest["kind"] == "Deployment" and image:
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        container["image"] = image
    return manifest


class PrometheusOperator:
    """Runs outside the cluster: it writes StatefulSets and the configuration Secrets that tests feed to Prometheus."""

    def __init__(self, kubeconfig: Path, *, namespaces: Sequence[str] = (), directory: Path | None = None) -> None:
        """Describe it. No `namespaces` means all of them; `directory` is where its log goes."""
        self._kubeconfig = kubeconfig
        self._namespaces = namespaces
        self._directory = directory
        self._port: ReservedPort | None = None
        self._process: ChildProcess | None = None

    @property
    def url(self) -> str:
        """The address of its own metrics and health endpoints."""
        assert self._port is not None, "the operator was not started"
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """Its log file."""
        assert self._process is not None, "the operator was not started"
        return self._process.log

    def start(self) -> Self:
        """Start it and wait until it is healthy. Raises `ToolMissing` or `StartFailed`."""
        directory = self._directory or Path(tempfile.mkdtemp(prefix="prometheus-operator-"))
        self._port = ReservedPort()
        command: list[str | Path] = [
            binaries.find("prometheus-operator"),
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--kubelet-endpoints=false",
        ]
        if self._namespaces:
            command.append(f"--namespaces={','.join(self._namespaces)}")
        env = {**os.environ, "KUBECONFIG": str(self._kubeconfig)}
        log = directory / "prometheus-operator.log"
        self._process = ChildProcess("prometheus-operator", command, log=log, env=env).start()
        try:
            self._process.wait_until(self._is_healthy, within=READY_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it. May be called twice."""
        if self._process:
            self._process.stop()
        if self._port:
            self._port.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return int(answer.status) == 200
        except OSError:
            return False
