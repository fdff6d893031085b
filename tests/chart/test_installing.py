"""A release on a real API server: install, upgrade, roll back, uninstall, install again; and what the server says of it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from crm_monitoring.manifest import CRM_MONITORING, DEPLOYMENT
from support import kinds
from support.charts import CHART, NAMESPACE, RELEASE, SCENARIOS, helm, objects, pod_of, scenario
from support.live import Tenant, eventually
from testbed.controlplane import ControlPlane

from .conftest import Releases

pytestmark = pytest.mark.integration

DEFINITION = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRM_MONITORING.crd_name}"
RESOURCE: dict[str, Any] = {"spec": {"target": {"name": "crm-api"}}}


class Cluster:
    """What of a release is to be seen on the API server."""

    def __init__(self, plane: ControlPlane, tenant: str) -> None:
        self.plane = plane
        self.own = Tenant(plane, NAMESPACE)
        self.crm = Tenant(plane, tenant)

    def uids(self) -> tuple[str, str]:
        """Return the identities of the definition and of the resource: the same as long as nobody deleted them."""
        definition = self.plane.api.request("GET", DEFINITION).body
        return definition["metadata"]["uid"], self.crm.look(CRM_MONITORING, "crm")["metadata"]["uid"]

    def accepts_any_field(self) -> bool:
        """Say whether a field that the schema does not know is kept."""
        change = {"spec": {"another-unknown-field": True}}
        path = f"{self.crm.path(CRM_MONITORING, 'crm')}?dryRun=All"
        answer = self.plane.api.request("PATCH", path, change, "application/merge-patch+json")
        return "another-unknown-field" in answer.body.get("spec", {})

    def setting(self, name: str) -> str:
        """Return a variable of the operator."""
        (container,) = self.own.look(DEPLOYMENT, RELEASE)["spec"]["template"]["spec"]["containers"]
        return str({one["name"]: one.get("value") for one in container["env"]}[f"CRM_OPERATOR_{name}"])


def test_a_release_lives_and_neither_the_definition_nor_a_resource_dies_with_it(
    releases_of_each: Releases, namespace: str
) -> None:
    releases = releases_of_each
    cluster = Cluster(releases.plane, namespace)

    releases.install()
    cluster.crm.monitor(RESOURCE)
    before = cluster.uids()

    releases.helm("upgrade", RELEASE, CHART, "--set", "settings.workers=4")
    assert (cluster.setting("WORKERS"), cluster.uids()) == ("4", before)

    releases.helm("rollback", RELEASE, "1")
    assert (cluster.setting("WORKERS"), cluster.uids()) == ("8", before)

    assert "kept due to the resource policy" in releases.helm("uninstall", RELEASE).stdout
    assert cluster.own.look(DEPLOYMENT, RELEASE) == {}
    assert cluster.uids() == before

    releases.install()
    assert cluster.uids() == before


def test_another_release_takes_the_definition_over_only_when_told_to(
    releases_of_each: Releases, namespace: str
) -> None:
    releases = releases_of_each
    cluster = Cluster(releases.plane, namespace)
    releases.install()
    cluster.crm.monitor(RESOURCE)
    before = cluster.uids()
    releases.helm("uninstall", RELEASE)

    refused = releases.helm("install", "other", CHART, check=False)
    assert refused.returncode
    assert "invalid ownership metadata" in refused.stderr

    releases.install("--take-ownership", name="other")
    assert cluster.uids() == before


def test_helm_4_upgrades_and_rolls_back_what_helm_3_installed(releases: Releases, namespace: str) -> None:
    cluster = Cluster(releases.plane, namespace)
    kubeconfig = releases.plane.kubeconfig()
    helm("install", RELEASE, CHART, "--create-namespace", "-n", NAMESPACE, binary="helm3", kubeconfig=kubeconfig)
    cluster.crm.monitor(RESOURCE)
    before = cluster.uids()

    releases.helm("upgrade", RELEASE, CHART, "--set", "settings.workers=4")
    assert (cluster.setting("WORKERS"), cluster.uids()) == ("4", before)

    releases.helm("rollback", RELEASE, "1")
    assert (cluster.setting("WORKERS"), cluster.uids()) == ("8", before)


def test_an_upgrade_brings_the_newer_definition_and_a_rollback_the_older_one(
    releases_of_each: Releases, namespace: str, tmp_path: Path
) -> None:
    releases = releases_of_each
    cluster = Cluster(releases.plane, namespace)
    older = tmp_path / "chart"
    shutil.copytree(CHART, older)
    (older / "files" / "crd-spec.yaml").write_text(yaml.safe_dump({"spec": kinds.lenient()["spec"]}), encoding="utf-8")
    releases.install(chart=older)
    cluster.crm.monitor({"spec": {**RESOURCE["spec"], "field-of-an-older-version": True}})
    before = cluster.uids()

    releases.helm("upgrade", RELEASE, CHART)
    assert cluster.uids() == before
    assert eventually(lambda: not cluster.accepts_any_field())

    releases.helm("rollback", RELEASE, "1")
    assert cluster.uids() == before
    assert eventually(cluster.accepts_any_field)


def test_a_second_release_for_other_namespaces_needs_no_second_definition(releases: Releases, namespace: str) -> None:
    watched = ("--set", f"watch.namespaces={{{namespace}}}")
    releases.install(*watched)

    releases.install("--set", "crds.enabled=false", "--set", "watch.namespaces={default}", name="second")

    assert sorted(releases.names()) == [RELEASE, "second"]


def test_an_upgrade_that_changes_nothing_writes_no_deployment(releases_of_each: Releases) -> None:
    releases_of_each.install()
    deployment = Tenant(releases_of_each.plane, NAMESPACE).look(DEPLOYMENT, RELEASE)

    releases_of_each.helm("upgrade", RELEASE, CHART)

    after = Tenant(releases_of_each.plane, NAMESPACE).look(DEPLOYMENT, RELEASE)
    assert after["metadata"]["generation"] == deployment["metadata"]["generation"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_api_server_accepts_every_object_of_a_scenario(chart_plane: ControlPlane, name: str) -> None:
    manifests = scenario(name)
    for where in {one["metadata"].get("namespace", NAMESPACE) for one in manifests} | {NAMESPACE}:
        chart_plane.create_namespace(where)
    # Hooks are created one after the other; here the pod's account has to exist first.
    accounts = yaml.safe_dump_all(objects(manifests, "ServiceAccount"))
    chart_plane.apply(accounts)

    dry_run = ["--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict"]
    answer = chart_plane.kubectl("apply", *dry_run, "-f", "-", input=yaml.safe_dump_all(manifests))
    chart_plane.kubectl("delete", "-f", "-", input=accounts)

    assert answer.stdout.count("\n") == len(manifests)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_namespace_of_the_strictest_pod_security_takes_the_pods(chart_plane: ControlPlane, name: str) -> None:
    chart_plane.create_namespace("restricted", {"pod-security.kubernetes.io/enforce": "restricted"})
    manifests = scenario(name)
    for pod in [pod_of(manifests), *objects(manifests, "Pod")]:
        account = {"name": pod["spec"]["serviceAccountName"], "namespace": "restricted"}
        chart_plane.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}))
        pod["metadata"]["namespace"] = "restricted"

        answer = chart_plane.api.request("POST", "/api/v1/namespaces/restricted/pods?dryRun=All", pod)

        assert answer.status == 201, answer.body


def test_that_namespace_refuses_a_pod_that_could_do_more(chart_plane: ControlPlane) -> None:
    chart_plane.create_namespace("restricted", {"pod-security.kubernetes.io/enforce": "restricted"})
    pod = pod_of(scenario("default"))
    pod["metadata"]["namespace"] = "restricted"
    pod["spec"]["serviceAccountName"] = "default"
    del pod["spec"]["containers"][0]["securityContext"]
    account = {"name": "default", "namespace": "restricted"}
    chart_plane.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}))

    answer = chart_plane.api.request("POST", "/api/v1/namespaces/restricted/pods?dryRun=All", pod)

    assert answer.status == 403
    assert "violates PodSecurity" in answer.body["message"]
