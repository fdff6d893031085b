"""The examples meet a real API server: it takes what they are and what they become, and `diff` reads it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import rendered_examples
from crm_monitoring.manifest import ALERTMANAGER, CHILD_KINDS, CONFIG_MAP, PROMETHEUS
from rendered_examples import EXAMPLES
from support.cli import run, written
from support.kinds import install_ours, install_theirs
from support.resources import minimal
from support.targets import service, workload
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

CASES = rendered_examples.for_kubernetes()
Diff = Callable[[Path], tuple[int, list[str]]]


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    install_theirs(control_plane, {*CHILD_KINDS, PROMETHEUS, ALERTMANAGER} - {CONFIG_MAP})
    install_ours(control_plane)
    control_plane.create_namespace("crm")
    return control_plane


@pytest.fixture
def diff(plane: ControlPlane) -> Diff:
    """Return a function that runs `diff` and returns its exit code and the states and kinds that it printed."""

    def command(path: Path) -> tuple[int, list[str]]:
        result = run("diff", "-f", path, "--kubeconfig", plane.kubeconfig())
        assert result.stderr == ""
        return result.exit_code, result.stdout.splitlines()

    return command


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_an_example_and_what_it_becomes(case: str, plane: ControlPlane) -> None:
    plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", EXAMPLES / case)
    plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", EXAMPLES / case / "rendered")


def test_the_patch_of_an_example_changes_its_fields_and_nothing_else(plane: ControlPlane) -> None:
    example = EXAMPLES / "full"
    plane.kubectl("apply", "--server-side", "-f", example / "workload.yaml")
    (command,) = re.findall(
        r"^# +kubectl (apply .*) -f FILE$", next((example / "rendered/patch").iterdir()).read_text(), re.M
    )

    plane.kubectl(*command.split(), "-f", example / "rendered" / "patch")

    live = json.loads(plane.kubectl("-n", "crm", "get", "deployment", "crm-api", "-o", "json").stdout)
    (container,) = live["spec"]["template"]["spec"]["containers"]
    assert live["spec"]["replicas"] == 2
    assert {"readinessProbe", "livenessProbe", "startupProbe", "env", "image", "ports"} <= set(container)
    plane.kubectl("delete", "-f", example / "workload.yaml")


def test_diff_writes_nothing_and_tells_what_would_be_created(
    plane: ControlPlane, namespace: str, diff: Diff, tmp_path: Path
) -> None:
    plane.apply(
        written(tmp_path / "crm" / "workload.yaml", workload(namespace=namespace), service(namespace=namespace))
    )
    body = minimal({"workload": {"env": {"logLevel": "INFO"}}}, namespace=namespace)
    body["metadata"] = {"name": "crm", "namespace": namespace}
    path = written(tmp_path / "crm.yaml", body)
    mark = plane.audit_mark()

    code, lines = diff(path)

    assert code == 1
    assert lines == [
        f"would create  PrometheusRule {namespace}/crm-crm-stock",
        f"would create  PrometheusRule {namespace}/crm-crm-meta",
        f"would create  ServiceMonitor {namespace}/crm-crm-metrics",
        f"would create  ConfigMap {namespace}/crm-crm-dashboards",
        f"would change  Deployment {namespace}/crm-api: api/env/CRM_LOG_LEVEL",
    ]
    requests = plane.request_counts(mark, namespace=namespace)
    assert {name.split()[0] for name in requests} <= {"get", "list"}


def test_diff_does_not_take_what_was_applied_by_hand_for_the_operators(
    plane: ControlPlane, namespace: str, diff: Diff, tmp_path: Path
) -> None:
    plane.apply(
        written(tmp_path / "crm" / "workload.yaml", workload(namespace=namespace), service(namespace=namespace))
    )
    body = minimal(namespace=namespace)
    body["metadata"] = {"name": "crm", "namespace": namespace}
    path = written(tmp_path / "crm.yaml", body)
    plane.apply(run("render", "-f", path).stdout)
    plane.apply(path)

    code, lines = diff(path)

    assert code == 0
    assert len(lines) == 4
    assert all(line.startswith("name is taken  ") for line in lines)
