"""The control plane is real, quick, and says who did what."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed import binaries
from testbed.controlplane import ControlPlane
from testbed.errors import CommandFailed, StartFailed
from testbed.processes import ChildProcess

pytestmark = pytest.mark.integration

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: %s, namespace: %s}
data: {answer: "42"}
"""


def eventually(holds: Callable[[], bool], *, within: float) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"did not come true within {within} s"
        time.sleep(0.05)


@pytest.fixture
def own_plane(tool: Callable[[str], Path]) -> Iterator[ControlPlane]:
    for name in ("etcd", "kube-apiserver", "kubectl"):
        tool(name)
    with ControlPlane(users={"viewer": ["viewers"]}, feature_gates={"WatchList": True}) as plane:
        yield plane


def test_it_boots_in_seconds_and_leaves_nothing_behind(tool: Callable[[str], Path]) -> None:
    tool("etcd"), tool("kube-apiserver")
    plane = ControlPlane()

    started = time.monotonic()
    plane.start()
    elapsed = time.monotonic() - started
    assert plane.api.is_ok("/readyz")
    plane.stop()

    assert elapsed < 30
    assert not plane.directory.exists()
    assert not plane.api.is_ok("/readyz")


def test_its_version_is_stamped(control_plane: ControlPlane) -> None:
    version = control_plane.api.request("GET", "/version").body

    assert version["major"] == "1"
    assert version["minor"] == "36"
    assert version["gitVersion"].startswith("v1.36.")


def test_a_service_account_may_do_only_what_rbac_grants(control_plane: ControlPlane, namespace: str) -> None:
    worker = control_plane.service_account_kubeconfig(namespace, "worker")
    read = ("get", "configmaps", "--namespace", namespace)

    refused = control_plane.kubectl(*read, kubeconfig=worker, check=False)
    assert refused.returncode != 0
    assert f'User "system:serviceaccount:{namespace}:worker" cannot list resource' in refused.stderr

    where = ("--namespace", namespace)
    control_plane.kubectl("create", "role", "reader", "--verb=list", "--resource=configmaps", *where)
    account = f"--serviceaccount={namespace}:worker"
    control_plane.kubectl("create", "rolebinding", "reader", "--role=reader", account, *where)
    eventually(lambda: control_plane.kubectl(*read, kubeconfig=worker, check=False).returncode == 0, within=5)


def test_a_further_user_has_no_rights_of_its_own(own_plane: ControlPlane) -> None:
    viewer = own_plane.kubeconfig("viewer")

    who = own_plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=viewer).stdout
    assert json.loads(who)["status"]["userInfo"]["groups"] == ["viewers", "system:authenticated"]
    with pytest.raises(CommandFailed, match="forbidden"):
        own_plane.kubectl("get", "secrets", kubeconfig=viewer)


def test_the_audit_log_counts_each_write_once(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.apply(CONFIG_MAP % ("before", namespace))
    mark = control_plane.audit_mark()

    control_plane.apply(CONFIG_MAP % ("after", namespace))

    writes = control_plane.audit_since(mark, namespace=namespace, writes_only=True)
    assert [(event.what, event.name, event.user, event.code) for event in writes] == [
        ("patch configmaps", "after", "admin", 201)
    ]
    assert control_plane.request_counts(mark, namespace=namespace)["patch configmaps"] == 1


def test_a_dry_run_is_not_counted_as_a_write(control_plane: ControlPlane, namespace: str) -> None:
    mark = control_plane.audit_mark()

    control_plane.kubectl("create", "configmap", "x", "--dry-run=server", "--namespace", namespace)

    assert control_plane.audit_since(mark, namespace=namespace)
    assert not control_plane.audit_since(mark, namespace=namespace, writes_only=True)


def test_the_custom_resources_of_prometheus_operator_are_served(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.install_crds(binaries.crds())

    control_plane.apply(
        f"""
        apiVersion: monitoring.coreos.com/v1
        kind: PrometheusRule
        metadata: {{name: rules, namespace: {namespace}}}
        spec: {{groups: [{{name: g, rules: [{{alert: Down, expr: up == 0}}]}}]}}
        """
    )
    names = control_plane.kubectl("get", "prometheusrules", "-o", "name", "--namespace", namespace).stdout
    assert names == "prometheusrule.monitoring.coreos.com/rules\n"


def test_an_owned_object_goes_with_its_owner(managed_control_plane: ControlPlane) -> None:
    plane = managed_control_plane
    plane.apply(CONFIG_MAP % ("owner", "default"))
    owner = json.loads(plane.kubectl("get", "configmap", "owner", "-o", "json").stdout)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    metadata = {"name": "child", "namespace": "default", "ownerReferences": [reference]}
    plane.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
    mark = plane.audit_mark()

    plane.kubectl("delete", "configmap", "owner")

    child = "/api/v1/namespaces/default/configmaps/child"
    eventually(lambda: plane.api.request("GET", child).status == 404, within=20)
    deleted = [event.user for event in plane.audit_since(mark, writes_only=True) if event.name == "child"]
    assert "system:kube-controller-manager" in deleted


def test_objects_address_and_credentials_outlive_a_restart(own_plane: ControlPlane) -> None:
    url = own_plane.url
    worker = own_plane.service_account_kubeconfig("default", "worker")
    own_plane.apply(CONFIG_MAP % ("kept", "default"))
    mark = own_plane.audit_mark()

    own_plane.kill_apiserver()
    assert not own_plane.api.is_ok("/readyz")
    own_plane.restart_apiserver()

    assert own_plane.url == url
    assert own_plane.kubectl("get", "configmap", "kept", "-o", "name").stdout == "configmap/kept\n"
    assert own_plane.kubectl("auth", "whoami", kubeconfig=worker).returncode == 0
    assert own_plane.request_counts(mark, user="admin")["get configmaps"] == 1


def test_a_process_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    broken = ChildProcess("broken", ["/bin/sh", "-c", "echo no such disk; exit 3"], log=tmp_path / "log")

    with pytest.raises(StartFailed, match=r"exit code 3(.|\n)*no such disk"):
        broken.start().wait_until(lambda: False, within=5)
