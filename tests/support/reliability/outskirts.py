"""Bad surroundings: each concerns a whole namespace, so each has one of its own."""

from crm_monitoring.manifest import CRM_MONITORING, SERVICE
from support.reliability.bad import Make, Scene
from support.resources import WEBHOOK


def _quota_exceeded(scene: Scene, name: str) -> None:
    """Allow no PrometheusRule. No controller fills in the status of quotas here, so it is written by hand."""
    hard = {"count/prometheusrules.monitoring.coreos.com": "0"}
    path = f"/api/v1/namespaces/{scene.tenant.name}/resourcequotas"
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": hard}}
    api = scene.tenant.plane.api
    assert api.request("POST", path, body).status == 201
    counted = {"status": {"hard": hard, "used": hard}}
    assert api.request("PATCH", f"{path}/none/status", counted, "application/merge-patch+json").status == 200
    scene.monitor(name, {})


def _namespace_terminating(scene: Scene, name: str) -> None:
    """Delete the namespace under the resource. No controller empties it here, so it stays terminating."""
    scene.monitor(name, {"notifications": {"receivers": [WEBHOOK]}})
    scene.tenant.plane.api.request("DELETE", f"/api/v1/namespaces/{scene.tenant.name}")
    scene.tenant.edit({"environment": "late"}, name)


def _nobody_to_alert(scene: Scene, name: str) -> None:
    scene.tenant.secret("crm-alerting", **{"audit-url": "https://audit.example.com/"})
    scene.monitor(name, {"notifications": {"receivers": [WEBHOOK]}})


def _two_services(scene: Scene, name: str) -> None:
    ports = [{"name": "metrics", "port": 8000}]
    scene.tenant.create(SERVICE, "another", {"spec": {"selector": {"app": "crm-api"}, "ports": ports}})
    scene.monitor(name, {})


def _fifty_alike(scene: Scene, name: str) -> None:
    """Let fifty resources want the same workload, and be written at once."""
    for number in range(50):
        scene.monitor(f"{name}-{number}", {"workload": {"env": {"logLevel": "INFO"}}})
        if number % 2:
            scene.tenant.delete(CRM_MONITORING, f"{name}-{number}")


OUTSKIRTS: dict[str, Make] = {
    "a quota that is used up": _quota_exceeded,
    "a namespace that is going away": _namespace_terminating,
    "a namespace without an Alertmanager": _nobody_to_alert,
    "Services that cannot be told apart": _two_services,
    "fifty resources that want one workload": _fifty_alike,
}
"""Kinds of bad resources in namespaces of their own."""
