"""Many resources with their targets, spread over namespaces."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from testbed.apiclient import ApiClient
from testbed.controlplane import ControlPlane

NAMESPACES = 10
IN_FLIGHT = 16

Json = dict[str, Any]


class Fleet:
    """`size` resources, each with a Deployment and a Service of its own."""

    def __init__(self, plane: ControlPlane, size: int) -> None:
        self._plane = plane
        self._size = size

    def prepare(self) -> None:
        """Create the namespaces, Deployments and Services."""
        for number in range(NAMESPACES):
            self._plane.create_namespace(f"bench-{number}")
        self._each(self._create_target)

    def create(self) -> None:
        """Create every resource, several at once."""
        self._each(self._create_resource)

    def edit(self, number: int, threshold: str) -> None:
        """Change one threshold of one resource."""
        patch = {"spec": {"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": threshold}}}}}
        path = f"{_path(self._namespace(number), 'crmmonitorings')}/{_name(number)}"
        self._plane.api.request("PATCH", path, patch, content_type="application/merge-patch+json")

    def ready(self) -> int:
        """Return how many resources are Ready for their current generation."""
        answer = self._plane.api.request("GET", "/apis/monitoring.crm.io/v1alpha1/crmmonitorings")
        return sum(_is_ready(item) for item in answer.body["items"])

    def rule_of(self, number: int) -> str:
        """Return the stock rules of one resource, as text."""
        path = f"{_path(self._namespace(number), 'prometheusrules')}/{_name(number)}-crm-stock"
        return str(self._plane.api.request("GET", path).body)

    def _each(self, create: Any) -> None:
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            for failed in filter(None, pool.map(create, range(self._size))):
                raise RuntimeError(failed)

    def _create_target(self, number: int) -> str:
        return _first_failure(self._post(number, body) for body in _target(number))

    def _create_resource(self, number: int) -> str:
        body = {
            "apiVersion": "monitoring.crm.io/v1alpha1",
            "kind": "CRMMonitoring",
            "metadata": {"name": _name(number)},
            "spec": {"target": {"name": _name(number)}},
        }
        return self._post(number, body)

    def _post(self, number: int, body: Json) -> str:
        plural = f"{body['kind'].lower()}s"
        answer = self._api.request("POST", _path(self._namespace(number), plural), body)
        return "" if answer.status in (201, 409) else f"{plural}: {answer.status}"

    @property
    def _api(self) -> ApiClient:
        return self._plane.api

    @staticmethod
    def _namespace(number: int) -> str:
        return f"bench-{number % NAMESPACES}"


def _name(number: int) -> str:
    return f"crm-{number}"


_GROUPS = {
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "crmmonitorings": "/apis/monitoring.crm.io/v1alpha1",
    "prometheusrules": "/apis/monitoring.coreos.com/v1",
}


def _path(namespace: str, plural: str) -> str:
    return f"{_GROUPS[plural]}/namespaces/{namespace}/{plural}"


def _target(number: int) -> tuple[Json, Json]:
    labels = {"app": _name(number)}
    ports = [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 8000}]
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _name(number)},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "api", "image": "crm", "ports": ports}]},
            },
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _name(number), "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "metrics", "port": 8000}]},
    }
    return deployment, service


def _is_ready(item: Json) -> bool:
    status = item.get("status", {})
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return False
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in status.get("conditions", []))


def _first_failure(results: Iterator[str]) -> str:
    return next(filter(None, results), "")
