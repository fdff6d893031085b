"""What people do with the product, from `helm install` to the end, in a whole cluster.

The same stories run in a cluster of the test bed and, by `make e2e`, on kind or in a cluster that exists.
"""

import base64
import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from crm_monitoring.manifest import (
    ALERTMANAGER,
    CRM_MONITORING,
    DEPLOYMENT,
    PROMETHEUS_RULE,
    SECRET,
    SERVICE_MONITOR,
    Manifest,
)
from support.cluster import Cluster, Release
from support.live import Tenant, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

SPEC: dict[str, Any] = {
    "target": {"name": "crm-api"},
    "notifications": {
        "receivers": [{"name": "hook", "webhook": {"urlSecretRef": {"name": "crm-alerting", "key": "url"}}}],
    },
    "workload": {"probes": {"port": "http", "readiness": {}, "liveness": {}}, "env": {"logLevel": "INFO"}},
}
RULES = "PrometheusRule crm-crm-stock"
NEW_RUNBOOKS = "https://runbooks.example.com/crm"
PATIENCE_SECONDS = 60.0
"""Long enough for a machine that does other things besides; nothing waits for it when all is well."""


def told(crm: Tenant) -> None:
    """Create the resource and wait until everything is applied; NotSelected is right, for no Alertmanager runs here."""
    crm.monitor({"spec": SPEC})
    applied(crm)


def applied(crm: Tenant) -> None:
    """Wait until the operator has applied the present generation of the resource."""
    crm.says("Applied", "True", "Applied", within=PATIENCE_SECONDS)


def hooks(crm: Tenant) -> list[str]:
    """Return the addresses to which Alertmanager would send."""
    return [one["url"] for receiver in crm.receivers().values() for one in receiver.get("webhook_configs", ())]


def versions(crm: Tenant) -> dict[str, tuple[str, int]]:
    """Return who each child is and how often its content was changed."""
    return {
        name: (child["metadata"]["uid"], child["metadata"].get("generation", 0))
        for name, child in crm.children().items()
    }


def content(child: Manifest) -> object:
    """Return what a child says, without who wrote it and when."""
    return child.get("spec") or child.get("data")


def rules_of(crm: Tenant) -> str:
    """Return the rules as text."""
    return yaml.safe_dump(crm.look(PROMETHEUS_RULE, "crm-crm-stock")["spec"])


def diff(release: Release, crm: Tenant, directory: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as the administrator who wants to know what an upgrade changes."""
    resource = directory / "crmmonitoring.yaml"
    head = {"apiVersion": CRM_MONITORING.api_version, "kind": "CRMMonitoring"}
    resource.write_text(yaml.safe_dump({**head, "metadata": {"name": "crm", "namespace": crm.name}, "spec": SPEC}))
    command = [sys.executable, "-m", "crm_monitoring", "diff", "-f", str(resource)]
    command += ["--kubeconfig", str(release.cluster.kubeconfig()), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_one_resource_becomes_everything_that_monitors_a_crm(release: Release, crm: Tenant) -> None:
    told(crm)

    kinds = {name.split()[0] for name in crm.children()}
    assert {"PrometheusRule", "ServiceMonitor", "ConfigMap"} <= kinds
    eventually(lambda: hooks(crm) == ["https://hooks.example.com/one"], within=PATIENCE_SECONDS)
    assert crm.container()["readinessProbe"]["httpGet"]["path"] == "/api/crm/health/readiness"
    assert {"name": "CRM_LOG_LEVEL", "value": "INFO"} in crm.container()["env"]
    assert release.leader()


def test_the_probes_are_on_the_pods_and_the_rollout_completes(
    kubelet: None, cluster: Cluster, release: Release, crm: Tenant
) -> None:
    told(crm)

    cluster.kubectl("rollout", "status", "deployment/crm-api", "-n", crm.name, "--timeout=120s")
    pods = cluster.api.request("GET", f"/api/v1/namespaces/{crm.name}/pods?labelSelector=app=crm-api").body["items"]
    assert {pod["spec"]["containers"][0]["livenessProbe"]["httpGet"]["path"] for pod in pods} == {
        "/api/crm/health/liveness"
    }
    crm.says("WorkloadConfigured", "True", "Configured", within=120)


def test_an_edit_changes_the_rules_once_and_nothing_else(release: Release, crm: Tenant) -> None:
    told(crm)
    before = versions(crm)

    crm.edit({"alerts": {"overrides": {"CRMDeliveryRateLow": {"threshold": "87%"}}}})
    eventually(lambda: "0.87" in rules_of(crm), within=PATIENCE_SECONDS)
    applied(crm)

    after = versions(crm)
    uid, generation = before.pop(RULES)
    assert after.pop(RULES) == (uid, generation + 1)
    assert after == before


def test_what_somebody_changes_by_hand_is_put_back(release: Release, crm: Tenant) -> None:
    told(crm)
    wanted = content(crm.look(SERVICE_MONITOR, "crm-crm-metrics"))

    crm.change(SERVICE_MONITOR, "crm-crm-metrics", {"spec": {"endpoints": []}})
    eventually(lambda: content(crm.look(SERVICE_MONITOR, "crm-crm-metrics")) == wanted, within=PATIENCE_SECONDS)

    crm.delete(PROMETHEUS_RULE, "crm-crm-stock")
    eventually(lambda: crm.look(PROMETHEUS_RULE, "crm-crm-stock"), within=PATIENCE_SECONDS)


def test_a_secret_that_is_rotated_reaches_alertmanager_and_not_the_resource(release: Release, crm: Tenant) -> None:
    told(crm)
    eventually(lambda: hooks(crm) == ["https://hooks.example.com/one"], within=PATIENCE_SECONDS)

    crm.rotate("crm-alerting", url="https://hooks.example.com/two")

    eventually(lambda: hooks(crm) == ["https://hooks.example.com/two"], within=PATIENCE_SECONDS)
    assert "hooks.example.com" not in str(crm.look(CRM_MONITORING, "crm"))


def test_an_alertmanager_of_prometheus_operator_is_configured_to_tell_whom_the_resource_says(
    release: Release, crm: Tenant
) -> None:
    told(crm)
    crm.create(ALERTMANAGER, "crm", {"spec": {"replicas": 1}})

    def generated() -> str:
        data = crm.look(SECRET, "alertmanager-crm-generated").get("data") or {}
        return gzip.decompress(base64.b64decode(data.get("alertmanager.yaml.gz", ""))).decode()

    eventually(lambda: "https://hooks.example.com/one" in generated(), within=PATIENCE_SECONDS)
    crm.says("NotificationsConfigured", "True", "Configured", within=PATIENCE_SECONDS)


def test_when_the_leader_dies_the_other_takes_over_and_nothing_is_written_twice(
    cluster: Cluster, release: Release, crm: Tenant
) -> None:
    told(crm)
    leader = eventually(release.leader)
    before = versions(crm)

    cluster.kill(leader)
    crm.edit({"alerts": {"overrides": {"CRMDeliveryRateLow": {"threshold": "88%"}}}})

    eventually(lambda: release.leader() not in ("", leader), within=PATIENCE_SECONDS)
    eventually(lambda: "0.88" in rules_of(crm), within=PATIENCE_SECONDS)
    applied(crm)
    uid, generation = before.pop(RULES)
    after = versions(crm)
    assert after.pop(RULES) == (uid, generation + 1)
    assert after == before
    cluster.follow()


def test_an_upgrade_changes_what_diff_announced_in_place_and_a_rollback_undoes_it(
    release: Release, crm: Tenant, tmp_path: Path
) -> None:
    told(crm)
    before, rules, workload = versions(crm), rules_of(crm), crm.look(DEPLOYMENT, "crm-api")
    assert diff(release, crm, tmp_path).returncode == 0

    announced = diff(release, crm, tmp_path, "--runbook-base-url", NEW_RUNBOOKS)
    assert announced.returncode == 1, announced.stderr
    assert NEW_RUNBOOKS in announced.stdout
    release.install(f"--set=settings.runbookBaseUrl={NEW_RUNBOOKS}")

    eventually(lambda: NEW_RUNBOOKS in rules_of(crm), within=PATIENCE_SECONDS)
    eventually(
        lambda: diff(release, crm, tmp_path, "--runbook-base-url", NEW_RUNBOOKS).returncode == 0,
        within=PATIENCE_SECONDS,
    )
    upgraded = versions(crm)
    changed = {name for name, version in upgraded.items() if version != before[name]}
    assert {name.split()[0] for name in changed} == {"PrometheusRule"}
    assert all(name.partition(" ")[2] in announced.stdout for name in changed)

    release.roll_back()

    eventually(lambda: rules_of(crm) == rules, within=PATIENCE_SECONDS)
    assert {name: uid for name, (uid, _) in versions(crm).items()} == {name: uid for name, (uid, _) in before.items()}
    assert crm.look(DEPLOYMENT, "crm-api")["spec"] == workload["spec"]


def test_uninstalling_keeps_the_resource_and_all_that_came_of_it(release: Release, crm: Tenant) -> None:
    told(crm)
    before, template = versions(crm), crm.look(DEPLOYMENT, "crm-api")["spec"]["template"]

    release.uninstall()

    assert crm.look(CRM_MONITORING, "crm")["spec"]["target"] == {"name": "crm-api", "kind": "Deployment"}
    assert versions(crm) == before
    assert crm.look(DEPLOYMENT, "crm-api")["spec"]["template"] == template

    release.install()
    assert versions(crm) == before


def test_a_namespace_can_be_deleted_although_the_resource_has_a_finalizer(
    cluster: Cluster, release: Release, crm: Tenant
) -> None:
    workload = {**SPEC["workload"], "deletionPolicy": "Remove"}
    crm.monitor({"spec": {**SPEC, "workload": workload}})
    applied(crm)
    assert crm.look(CRM_MONITORING, "crm")["metadata"]["finalizers"]

    cluster.kubectl("delete", "namespace", crm.name, "--wait=false")

    eventually(lambda: cluster.api.request("GET", f"/api/v1/namespaces/{crm.name}").status == 404, within=120)
