"""Many resources with their targets, spread over namespaces."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.line import Line
from testbed.controlplane import ControlPlane

NAMESPACES = 10
IN_FLIGHT = 16

Json = dict[str, Any]


class Fleet:
    """`size` resources, each with a Deployment and a Service of its own."""

    def __init__(self, plane: ControlPlane, size: int) -> None:
        self._plane = plane
        self._line = Line(plane)
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
        """Change one threshold of one resource; numbers beyond the fleet begin again."""
        number %= self._size
        patch = {"spec": {"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": threshold}}}}}
        path = f"{_path(self._namespace(number), 'crmmonitorings')}/{_name(number)}"
        self._line.request("PATCH", path, patch, content_type="application/merge-patch+json")

    def rule(self, number: int) -> tuple[str, str]:
        """Return namespace and name of the stock rules of one resource; numbers beyond the fleet begin again."""
        number %= self._size
        return self._namespace(number), f"{_name(number)}-crm-stock"

    def uid_of_rule(self, number: int) -> str:
        """Return the uid of the stock rules of one resource."""
        return str(self._line.request("GET", self._rule_path(number))["metadata"]["uid"])

    def delete_rule(self, number: int) -> None:
        """Delete the stock rules of one resource."""
        self._line.request("DELETE", self._rule_path(number))

    def resource(self, number: int) -> Json:
        """Return one resource as the API server would."""
        metadata = {"namespace": self._namespace(number), "uid": "1", "resourceVersion": "1", "generation": 1}
        body = _resource(number)
        return {**body, "metadata": {**body["metadata"], **metadata}}

    def _each(self, create: Callable[[int], None]) -> None:
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            for _ in pool.map(create, range(self._size)):
                pass

    def _create_target(self, number: int) -> None:
        for body in target(number):
            self._post(number, body)

    def _create_resource(self, number: int) -> None:
        self._post(number, _resource(number))

    def _post(self, number: int, body: Json) -> None:
        self._line.request("POST", _path(self._namespace(number), f"{body['kind'].lower()}s"), body)

    def _rule_path(self, number: int) -> str:
        namespace, name = self.rule(number)
        return f"{_path(namespace, 'prometheusrules')}/{name}"

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


def collection(plural: str) -> str:
    """Return the path of all objects of a kind."""
    return f"{_GROUPS[plural]}/{plural}"


def _resource(number: int) -> Json:
    return {
        "apiVersion": "monitoring.crm.io/v1alpha1",
        "kind": "CRMMonitoring",
        "metadata": {"name": _name(number)},
        "spec": {"target": {"name": _name(number)}},
    }


def target(number: int) -> tuple[Json, Json]:
    """Return the Deployment and the Service of one resource."""
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


def is_ready(item: Json) -> bool:
    """Return whether a resource is Ready for its current generation."""
    status = item.get("status", {})
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return False
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in status.get("conditions", []))
