"""Prometheus, Alertmanager and Helm as they were built here can do what the other tests need of them."""

import os
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.controlplane import ControlPlane
from testbed.processes import ChildProcess, ReservedPort

pytestmark = pytest.mark.integration

Tool = Callable[[str], Path]

KUBERNETES_DISCOVERY = """
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs: [{role: pod, kubeconfig_file: %s}]
"""
RECEIVERS = """
route: {receiver: nobody, routes: [{receiver: pager, matchers: [severity="critical"]}]}
receivers: [{name: nobody}, {name: pager}]
"""


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def test_prometheus_runs_with_discovery_in_kubernetes(tool: Tool, admin: Path, tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text(KUBERNETES_DISCOVERY % admin)
    checked = subprocess.run([tool("promtool"), "check", "config", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr

    port = ReservedPort()
    flags = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    command = [tool("prometheus"), *flags, f"--web.listen-address=127.0.0.1:{port}"]
    with ChildProcess("prometheus", command, log=tmp_path / "prometheus.log") as prometheus:
        prometheus.wait_until(lambda: is_ready(f"http://127.0.0.1:{port}"), within=30)
    port.release()


def test_alertmanager_runs_and_routes(tool: Tool, tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(RECEIVERS)
    route = [tool("amtool"), "config", "routes", "test", f"--config.file={config}", "severity=critical"]
    assert subprocess.run(route, capture_output=True, text=True, check=True).stdout == "pager\n"

    port = ReservedPort()
    flags = [f"--config.file={config}", f"--storage.path={tmp_path / 'data'}", "--cluster.listen-address="]
    command = [tool("alertmanager"), *flags, f"--web.listen-address=127.0.0.1:{port}"]
    with ChildProcess("alertmanager", command, log=tmp_path / "alertmanager.log") as alertmanager:
        alertmanager.wait_until(lambda: is_ready(f"http://127.0.0.1:{port}"), within=30)
    port.release()


@pytest.mark.parametrize("name", ["helm", "helm3"])
def test_helm_installs_into_the_control_plane(
    name: str, tool: Tool, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    helm = tool(name)
    env = {**os.environ, "KUBECONFIG": str(control_plane.kubeconfig()), "HELM_NAMESPACE": namespace}
    for command in (["create", "demo"], ["install", "demo", "demo"], ["uninstall", "demo"]):
        done = subprocess.run([helm, *command], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
