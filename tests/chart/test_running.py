"""The operator with the account, the permissions and the settings that a release gives it; and what `helm test` finds."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from crm_monitoring.manifest import ALERTMANAGER, CRM_MONITORING, DEPLOYMENT, Kind
from support.charts import NAMESPACE, RELEASE, objects, render
from support.live import Tenant, eventually
from testbed.controlplane import ControlPlane
from testbed.operator import Operator

from .conftest import Releases

pytestmark = pytest.mark.integration

LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
FULL: dict[str, Any] = {
    "spec": {
        "target": {"name": "crm-api"},
        "notifications": {
            "receivers": [{"name": "hook", "webhook": {"urlSecretRef": {"name": "crm-alerting", "key": "url"}}}],
        },
        "workload": {"env": {"logLevel": "INFO"}, "deletionPolicy": "Remove"},
    }
}


class Running:
    """The operator as a process that has what a pod of the release would have."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        pod = Tenant(plane, NAMESPACE).look(DEPLOYMENT, RELEASE)["spec"]["template"]["spec"]
        account = pod["serviceAccountName"]
        self.user = f"system:serviceaccount:{NAMESPACE}:{account}"
        self.began = plane.audit_mark()
        (container,) = pod["containers"]
        environment = {one["name"]: one["value"] for one in container["env"] if "value" in one}
        self.process = Operator(
            plane.service_account_kubeconfig(NAMESPACE, account),
            lease_namespace=NAMESPACE,
            env=environment,
            directory=directory,
        )

    def refused(self) -> list[str]:
        """Return the requests that the API server did not allow."""
        events = self.plane.audit_since(self.began, user=self.user)
        return [f"{event.what} {event.uri}" for event in events if event.code in (401, 403)]

    def namespaces(self) -> set[str]:
        """Return the namespaces that it asked about."""
        events = self.plane.audit_since(self.began, user=self.user)
        return {event.namespace for event in events if event.resource}


@pytest.fixture
def crm(chart_plane: ControlPlane, namespace: str) -> Tenant:
    """Return a namespace in which a CRM is deployed, with a Secret and an Alertmanager."""
    tenant = Tenant(chart_plane, namespace)
    tenant.deploy()
    tenant.secret("crm-alerting", url="https://hooks.example.com/one")
    tenant.create(ALERTMANAGER, "crm", {"spec": {"replicas": 1}})
    return tenant


@pytest.fixture(params=["the whole cluster", "one namespace"])
def running(request: pytest.FixtureRequest, releases: Releases, crm: Tenant, tmp_path: Path) -> Iterator[Running]:
    """Return an operator of a release with each scope."""
    scope = ["--set", f"watch.namespaces={{{crm.name}}}"] if request.param == "one namespace" else []
    releases.install(*scope)
    running = Running(releases.plane, tmp_path)
    with running.process:
        yield running


def test_a_resource_becomes_ready_and_goes_without_leave(running: Running, crm: Tenant) -> None:
    crm.monitor(FULL)
    crm.ready()
    crm.delete(CRM_MONITORING, "crm")
    eventually(lambda: not crm.look(CRM_MONITORING, "crm"))

    assert running.refused() == []
    assert Tenant(running.plane, NAMESPACE).look(LEASE, RELEASE)["spec"]["holderIdentity"] == "operator"


def test_it_fits_into_the_memory_that_it_asks_for(releases: Releases, crm: Tenant, tmp_path: Path) -> None:
    releases.install()
    requested = Tenant(releases.plane, NAMESPACE).look(DEPLOYMENT, RELEASE)["spec"]["template"]["spec"]["containers"][0]
    with Running(releases.plane, tmp_path).process as operator:
        crm.monitor({"spec": {"target": {"name": "crm-api"}}})
        crm.ready()
        peak = operator.peak_rss_mib()

    assert peak < int(requested["resources"]["requests"]["memory"].removesuffix("Mi")), peak


def test_in_one_namespace_it_asks_about_no_other(releases: Releases, crm: Tenant, tmp_path: Path) -> None:
    releases.install("--set", f"watch.namespaces={{{crm.name}}}")
    running = Running(releases.plane, tmp_path)
    with running.process:
        crm.monitor(FULL)
        crm.ready()
        crm.delete(CRM_MONITORING, "crm")
        eventually(lambda: not crm.look(CRM_MONITORING, "crm"))

    assert running.namespaces() == {crm.name, NAMESPACE}


# --- helm test ---


def smoke(plane: ControlPlane, operator: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run what the pod of `helm test` runs, with its account."""
    manifests = render()
    hooks = [one for one in manifests if one["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"]
    plane.apply(yaml.safe_dump_all(one for one in hooks if one["kind"] != "Pod"))
    (pod,) = objects(manifests, "Pod")
    kubeconfig = plane.service_account_kubeconfig(NAMESPACE, pod["spec"]["serviceAccountName"])
    (user,) = json.loads(kubeconfig.read_text(encoding="utf-8"))["users"]
    (directory / "token").write_text(user["user"]["token"], encoding="utf-8")
    (directory / "namespace").write_text(NAMESPACE, encoding="utf-8")
    (directory / "ca.crt").write_bytes(plane.certificate_authority.read_bytes())
    (container,) = pod["spec"]["containers"]
    script, *_ = container["args"]
    command = [sys.executable, "-c", script, operator, plane.url, str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_helm_test_is_content_with_a_release_that_works(releases: Releases, tmp_path: Path) -> None:
    releases.install()
    with Running(releases.plane, tmp_path).process as operator:
        done = smoke(releases.plane, (operator.url("") or ""), tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok     ") == 5


def test_helm_test_says_what_does_not_work(releases: Releases, tmp_path: Path) -> None:
    releases.install()

    done = smoke(releases.plane, "http://127.0.0.1:1", tmp_path)

    assert done.returncode == 1
    assert "FAILED the operator is alive" in done.stdout
    assert "ok     a wrong resource is refused" in done.stdout
