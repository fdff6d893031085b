"""The real prometheus-operator makes of our AlertmanagerConfig a configuration that routes like the merged Secret."""

import base64
import gzip
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from crm_monitoring.contract.alerts import WATCHDOG, Severity
from crm_monitoring.manifest import Manifest
from support.alerting import WATCHDOG as HEARTBEAT
from support.alerting import notifying, part_of, receivers_of, secrets_for, tree_of
from testbed import binaries
from testbed.controlplane import ControlPlane
from testbed.prometheus_operator import PrometheusOperator

pytestmark = pytest.mark.integration

NIGHTS = {"name": "nights", "times": [{"start": "00:00", "end": "08:00"}], "weekdays": ["monday", "sunday"]}
BLOCK = {"muteTimings": [NIGHTS], **HEARTBEAT}
ALERTMANAGER = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "Alertmanager",
    "metadata": {"name": "main"},
    "spec": {"replicas": 1, "alertmanagerConfigSelector": {}},
}


def credentials(body: Manifest) -> list[Manifest]:
    """Return the Secrets that a resource refers to, as manifests."""
    namespace = body["metadata"]["namespace"]
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {key: value.reveal().decode() for key, value in (content or {}).items()},
        }
        for name, content in secrets_for(body).items()
    ]


def generated(control_plane: ControlPlane, namespace: str) -> bytes:
    """Return the configuration that prometheus-operator writes for our Alertmanager, once ours is part of it."""
    path = f"/api/v1/namespaces/{namespace}/secrets/alertmanager-main-generated"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = control_plane.api.request("GET", path)
        if answer.status == 200 and "alertmanager.yaml.gz" in answer.body["data"]:
            content = gzip.decompress(base64.b64decode(answer.body["data"]["alertmanager.yaml.gz"]))
            if b"crm-crm-routing" in content:
                return content
        time.sleep(0.1)
    pytest.fail("prometheus-operator did not take up the AlertmanagerConfig")


@pytest.fixture
def config(
    control_plane: ControlPlane, namespace: str, tool: Callable[[str], Path], tmp_path: Path
) -> tuple[Path, str]:
    tool("prometheus-operator")
    control_plane.install_crds(binaries.crds())
    body = notifying({"mode": "AlertmanagerConfig", **BLOCK}, namespace=namespace)
    (child,) = part_of(body).children
    del child["metadata"]["ownerReferences"]
    for manifest in (*credentials(body), child, ALERTMANAGER):
        control_plane.kubectl(
            "apply", "--validate=strict", "--namespace", namespace, "-f", "-", input=json.dumps(manifest)
        )
    path = tmp_path / "alertmanager.yaml"
    with PrometheusOperator(control_plane.kubeconfig(), namespaces=[namespace], directory=tmp_path):
        path.write_bytes(generated(control_plane, namespace))
    return path, namespace


def told(amtool: Path, config: Path, labels: Mapping[str, str]) -> list[str]:
    pairs = [f'{name}="{value}"' for name, value in labels.items()]
    command: list[str | Path] = [amtool, "config", "routes", "test", f"--config.file={config}", *pairs]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(",")


def test_it_routes_like_the_merged_secret(config: tuple[Path, str], tool: Callable[[str], Path]) -> None:
    path, namespace = config
    amtool = tool("amtool")
    checked = subprocess.run([amtool, "check-config", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    tree = tree_of(notifying(BLOCK, namespace=namespace))
    for severity in (*Severity, "none"):
        for name in ("CRMDeliveryRateLow", WATCHDOG):
            labels = {"namespace": namespace, "crm_monitoring": "crm", "severity": severity, "alertname": name}
            here = [receiver.replace("/crm-crm-routing/", "/crm/") for receiver in told(amtool, path, labels)]
            foreign = {**labels, "crm_monitoring": "other"}
            # The base configuration that prometheus-operator provides has a receiver called null and nothing else.
            assert [receiver for receiver in here if receiver != "null"] == receivers_of(tree, labels)
            assert told(amtool, path, foreign) == ["null"]
