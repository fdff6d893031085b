"""One namespace of a real cluster as the people see it who use it: they write, look and wait."""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from crm_monitoring.manifest import CHILD_KINDS, CRM_MONITORING, DEPLOYMENT, EVENT, SECRET, SERVICE, Kind, Manifest
from testbed.apiclient import Answer
from testbed.controlplane import ControlPlane

POLL_SECONDS = 0.03

T = TypeVar("T")


def eventually(check: Callable[[], T], within: float = 10.0) -> T:
    """Return what `check` returns once that is true; an AssertionError in it means: not yet."""
    deadline = time.monotonic() + within
    while True:
        try:
            found = check()
            if found or time.monotonic() > deadline:
                assert found, f"still {found!r} after {within:.0f} s"
                return found
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


def encoded(value: str) -> str:
    """Return a value as the data of a Secret holds it."""
    return base64.b64encode(value.encode()).decode()


@dataclass(frozen=True)
class Tenant:
    """A namespace and those who work in it, with all rights there."""

    plane: ControlPlane
    name: str

    # --- any object ---

    def path(self, kind: Kind, name: str = "") -> str:
        """Return the address of an object or of a collection."""
        group = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
        return f"{group}/namespaces/{self.name}/{kind.plural}" + (f"/{name}" if name else "")

    def create(self, kind: Kind, name: str, content: Mapping[str, Any], **metadata: Any) -> Manifest:
        """Create an object of `content`: spec, data, and so on."""
        head = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name, **metadata}}
        return _done(self.plane.api.request("POST", self.path(kind), {**head, **content}))

    def look(self, kind: Kind, name: str) -> Manifest:
        """Return an object, empty when it does not exist."""
        answer = self.plane.api.request("GET", self.path(kind, name))
        return {} if answer.status == 404 else _done(answer)

    def change(self, kind: Kind, name: str, change: Mapping[str, Any], manager: str = "kubectl-edit") -> Manifest:
        """Change an object by a merge patch, as somebody else."""
        path = f"{self.path(kind, name)}?fieldManager={manager}"
        return _done(self.plane.api.request("PATCH", path, change, "application/merge-patch+json"))

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object that exists."""
        _done(self.plane.api.request("DELETE", self.path(kind, name)))

    def every(self, kind: Kind, selector: str = "") -> list[Manifest]:
        """Return all objects of a kind, none when the kind is not served."""
        query = f"?labelSelector={selector}" if selector else ""
        answer = self.plane.api.request("GET", self.path(kind) + query)
        return [] if answer.status == 404 else list(_done(answer)["items"])

    # --- what a CRM consists of ---

    def deploy(self, name: str = "crm-api") -> None:
        """Create a workload with the ports of the seed, and its Service."""
        labels = {"app": name}
        ports = [{"name": "metrics", "containerPort": 8000}, {"name": "http", "containerPort": 8080}]
        pods = {"containers": [{"name": "api", "image": "registry.example.com/crm:1", "ports": ports}]}
        template = {"metadata": {"labels": labels}, "spec": pods}
        self.create(DEPLOYMENT, name, {"spec": {"selector": {"matchLabels": labels}, "template": template}})
        served = [{"name": "metrics", "port": 8000}, {"name": "http", "port": 80, "targetPort": "http"}]
        self.create(SERVICE, name, {"spec": {"selector": labels, "ports": served}}, labels=labels)

    def secret(self, name: str, **values: str) -> Manifest:
        """Create a Secret."""
        return self.create(SECRET, name, {"data": {key: encoded(value) for key, value in values.items()}})

    def rotate(self, name: str, **values: str) -> None:
        """Change values of a Secret."""
        self.change(SECRET, name, {"data": {key: encoded(value) for key, value in values.items()}})

    def container(self, name: str = "crm-api") -> Manifest:
        """Return the first container of a Deployment."""
        found: Manifest = self.look(DEPLOYMENT, name)["spec"]["template"]["spec"]["containers"][0]
        return found

    def routing(self, secret: str = "alertmanager-crm") -> Manifest:
        """Return the alertmanager.yaml in a Secret, empty when there is none."""
        data = self.look(SECRET, secret).get("data") or {}
        content: Manifest = yaml.safe_load(base64.b64decode(data.get("alertmanager.yaml", ""))) or {}
        return content

    def receivers(self, secret: str = "alertmanager-crm") -> dict[str, Manifest]:
        """Return the receivers in a Secret's alertmanager.yaml by name."""
        return {receiver["name"]: receiver for receiver in self.routing(secret).get("receivers", ())}

    # --- the resource ---

    def monitor(self, body: Mapping[str, Any], name: str = "crm") -> Manifest:
        """Create a CRMMonitoring with the spec of `body`."""
        return self.create(CRM_MONITORING, name, {"spec": body["spec"]})

    def edit(self, spec: Mapping[str, Any], name: str = "crm") -> Manifest:
        """Change the spec of a CRMMonitoring."""
        return self.change(CRM_MONITORING, name, {"spec": spec})

    def status(self, name: str = "crm") -> Manifest:
        """Return the status of a CRMMonitoring."""
        found: Manifest = self.look(CRM_MONITORING, name).get("status") or {}
        return found

    def condition(self, type_: str, name: str = "crm") -> Manifest:
        """Return a condition of the present generation, empty when there is none."""
        body = self.look(CRM_MONITORING, name)
        for condition in body["status"].get("conditions", ()):
            if condition["type"] == type_ and condition.get("observedGeneration") == body["metadata"]["generation"]:
                return dict(condition)
        return {}

    def says(self, type_: str, status: str, reason: str, name: str = "crm", within: float = 10.0) -> str:
        """Wait until a condition has this status and reason; return its message."""

        def check() -> Manifest:
            found = self.condition(type_, name)
            assert (found.get("status"), found.get("reason")) == (status, reason), found or self.status(name)
            return found

        return str(eventually(check, within)["message"])

    def ready(self, name: str = "crm", within: float = 15.0) -> None:
        """Wait until a resource is Ready."""
        self.says("Ready", "True", "Ready", name, within)

    def states(self, name: str = "crm") -> dict[str, str]:
        """Return the states in `status.resources`, by kind and name."""
        return {f"{entry['kind']} {entry['name']}": entry["state"] for entry in self.status(name).get("resources", ())}

    def children(self, name: str = "crm") -> dict[str, Manifest]:
        """Return the live children of a resource, by kind and name."""
        return {f"{child['kind']} {child['metadata']['name']}": child for child in self._children(name)}

    def events(self, reason: str = "", name: str = "crm") -> list[Manifest]:
        """Return the Events about a resource, of one reason if given."""
        return [
            event
            for event in self.every(EVENT)
            if event["regarding"]["name"] == name and reason in ("", event["reason"])
        ]

    def _children(self, name: str) -> Iterator[Manifest]:
        for kind in CHILD_KINDS:
            for child in self.every(kind, f"app.kubernetes.io/instance={name}"):
                yield {**child, "apiVersion": kind.api_version, "kind": kind.name}


def _done(answer: Answer) -> Manifest:
    assert answer.status < 300, answer.body
    body: Manifest = answer.body
    return body
