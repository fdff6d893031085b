"""The real prometheus-operator turns our kinds of objects into configuration."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed import binaries
from testbed.controlplane import ControlPlane
from testbed.prometheus_operator import PrometheusOperator

pytestmark = pytest.mark.integration

PROMETHEUS = """
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: main, namespace: %s}
spec: {replicas: 1, ruleSelector: {}, serviceMonitorSelector: {}}
"""


def test_it_writes_the_configuration_of_a_prometheus(
    control_plane: ControlPlane, namespace: str, tool: Callable[[str], Path], tmp_path: Path
) -> None:
    tool("prometheus-operator")
    control_plane.install_crds(binaries.crds())
    control_plane.apply(PROMETHEUS % namespace)
    secret = f"/api/v1/namespaces/{namespace}/secrets/prometheus-main"

    with PrometheusOperator(control_plane.kubeconfig(), namespaces=[namespace], directory=tmp_path):
        deadline = time.monotonic() + 30
        while control_plane.api.request("GET", secret).status != 200:
            assert time.monotonic() < deadline, "prometheus-operator wrote no configuration"
            time.sleep(0.1)

    assert "prometheus.yaml.gz" in control_plane.api.request("GET", secret).body["data"]
