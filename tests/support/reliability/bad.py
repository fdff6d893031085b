"""Thirty and more ways in which a resource, or what surrounds it, can be bad. None may concern its neighbours."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_monitoring.manifest import CRM_MONITORING, DEPLOYMENT, PROMETHEUS_RULE, SECRET, SERVICE
from support.live import Tenant, encoded
from support.resources import WEBHOOK, merged, secret_key

BAD_NAME = "bad-"
"""How the names of all bad resources begin."""

GOOD_TARGET = "crm-api"
CREDENTIALS = "bad-credentials"
"""Secret of the bad resources in the good ones' namespace."""


@dataclass
class Scene:
    """Where bad resources are made: the good ones' namespace, or one of their own."""

    tenant: Tenant
    disturbers: list["Disturber"] = field(default_factory=list)

    def monitor(self, name: str, change: Mapping[str, Any]) -> None:
        """Create a bad resource."""
        self.tenant.monitor({"spec": merged({"target": {"name": GOOD_TARGET}}, change)}, name)

    def disturb(self, act: Callable[[int], object], every_seconds: float) -> None:
        """Do something again and again until the scene is over."""
        self.disturbers.append(Disturber(act, every_seconds))

    def end(self) -> None:
        """End what goes on, and say what went wrong with it."""
        for disturber in self.disturbers:
            disturber.end()

    def leave(self) -> None:
        """Delete every bad resource, also one whose deletion somebody holds up."""
        for body in self.tenant.every(CRM_MONITORING):
            name = body["metadata"]["name"]
            if name.startswith(BAD_NAME):
                if body["metadata"].get("finalizers"):
                    self.tenant.change(CRM_MONITORING, name, {"metadata": {"finalizers": None}})
                self.tenant.plane.api.request("DELETE", self.tenant.path(CRM_MONITORING, name))


class Disturber:
    """A thread that does something again and again."""

    def __init__(self, act: Callable[[int], object], every_seconds: float) -> None:
        self.times = 0
        self._act = act
        self._ended = threading.Event()
        self._every = every_seconds
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            self.times += 1
            with contextlib.suppress(OSError):  # the API server had no time for it
                self._act(self.times)

    def end(self) -> None:
        """Stop after the present turn."""
        self._ended.set()
        self._thread.join(timeout=10)


Make = Callable[[Scene, str], None]
"""Makes one bad resource of this name."""


def _spec(change: Mapping[str, Any]) -> Make:
    return lambda scene, name: scene.monitor(name, change)


def _custom(**fields: Any) -> Make:
    return _spec({"alerts": {"custom": [{"alert": "Bad", "expr": "crm_queue_size > 1", "summary": "s", **fields}]}})


def _notify(*receivers: Mapping[str, Any], **fields: Any) -> Make:
    return _spec({"notifications": {"receivers": list(receivers), **fields}})


def _webhook(key: str, secret: str = CREDENTIALS) -> dict[str, Any]:
    return {"name": "audit", "webhook": {"urlSecretRef": secret_key(secret, key)}}


def _with_value(kind: str, field: str, value: str) -> Make:
    """Return what makes a receiver whose credential has a value that cannot be."""

    def make(scene: Scene, name: str) -> None:
        scene.tenant.create(SECRET, f"{name}-secret", {"data": {"value": value}})
        receiver = {"name": "broken", kind: {field: secret_key(f"{name}-secret", "value")}}
        scene.monitor(name, {"notifications": {"receivers": [receiver]}})

    return make


def _own_target(scene: Scene, name: str, *containers: Mapping[str, Any]) -> None:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers)}}
    scene.tenant.create(DEPLOYMENT, name, {"spec": {"selector": {"matchLabels": labels}, "template": template}})
    scene.tenant.create(SERVICE, name, {"spec": {"selector": labels, "ports": [{"name": "metrics", "port": 8000}]}})


def _container(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "x", "ports": [{"name": "metrics", "containerPort": 8000}], **fields}


def _ambiguous(scene: Scene, name: str) -> None:
    _own_target(scene, name, _container("one"), {"name": "two", "image": "x"})
    scene.monitor(name, {"target": {"name": name}, "workload": {"env": {"logLevel": "INFO"}}})


def _field_conflict(scene: Scene, name: str) -> None:
    _own_target(scene, name, _container("api", env=[{"name": "CRM_LOG_LEVEL", "value": "WARNING"}]))
    scene.monitor(name, {"target": {"name": name}, "workload": {"env": {"logLevel": "INFO"}}})


def _fought_over(scene: Scene, name: str) -> None:
    _own_target(scene, name, _container("api"))
    workload = {"env": {"logLevel": "INFO"}, "conflictPolicy": "TakeOver"}
    scene.monitor(name, {"target": {"name": name}, "workload": workload})
    path = f"{scene.tenant.path(DEPLOYMENT, name)}?fieldManager=somebody"

    def fight(turn: int) -> None:
        environment = [{"name": "CRM_LOG_LEVEL", "value": "DEBUG" if turn % 2 else "ERROR"}]
        change = {"spec": {"template": {"spec": {"containers": [{"name": "api", "env": environment}]}}}}
        scene.tenant.plane.api.request("PATCH", path, change, "application/strategic-merge-patch+json")

    scene.disturb(fight, 0.2)


def _name_conflict(scene: Scene, name: str) -> None:
    for purpose in ("stock", "recording", "slo"):
        scene.tenant.create(PROMETHEUS_RULE, f"{name}-crm-{purpose}", {"spec": {"groups": []}})
    scene.monitor(name, {})


def _foreign_secret(scene: Scene, name: str) -> None:
    scene.tenant.secret(f"{name}-foreign", **{"alertmanager.yaml": "route: {receiver: x}\nreceivers: [{name: x}]\n"})
    _notify(_webhook("audit-url"), secretName=f"{name}-foreign")(scene, name)


def _edited_again_and_again(scene: Scene, name: str) -> None:
    scene.monitor(name, {"notifications": {"receivers": [_webhook("audit-url")]}})
    path = scene.tenant.path(CRM_MONITORING, name)

    def edit(turn: int) -> None:
        change = {"spec": {"environment": f"turn-{turn}"}}
        scene.tenant.plane.api.request("PATCH", path, change, "application/merge-patch+json")

    scene.disturb(edit, 0.05)


def _rotated_again_and_again(scene: Scene, name: str) -> None:
    secret = f"{name}-secret"
    scene.tenant.secret(secret, url="https://a.example.com/")
    scene.monitor(name, {"notifications": {"receivers": [_webhook("url", secret)]}})

    def rotate(turn: int) -> None:
        value = "\n" if turn % 3 == 0 else f"https://a.example.com/{turn}"
        change = {"data": {"url": encoded(value)}}
        scene.tenant.plane.api.request(
            "PATCH", scene.tenant.path(SECRET, secret), change, "application/merge-patch+json"
        )

    scene.disturb(rotate, 0.1)


def _children_deleted_again_and_again(scene: Scene, name: str) -> None:
    scene.monitor(name, {})
    scene.disturb(
        lambda _: scene.tenant.plane.api.request("DELETE", scene.tenant.path(PROMETHEUS_RULE, f"{name}-crm-stock")), 0.2
    )


def _annotated(scene: Scene, name: str) -> None:
    progress = '{"started":"2020-01-01T00:00:00","delayed":"2099-01-01T00:00:00","retries":1,"failure":false}'
    scene.monitor(name, {"alerts": {"custom": [{"alert": "Bad", "expr": "sum(", "summary": "s"}]}})
    annotations = {"kopf.zalando.org/rec": progress, "kopf.zalando.org/last-handled-configuration": "{"}
    scene.tenant.change(CRM_MONITORING, name, {"metadata": {"annotations": annotations}})


def _forged(scene: Scene, name: str) -> None:
    scene.monitor(name, {"target": {"name": "absent"}})
    stolen = [{"kind": "Secret", "name": "alertmanager-crm", "state": "Applied", "message": ""}]
    status = {"status": {"resources": stolen, "observedGeneration": 99}}
    path = f"{scene.tenant.path(CRM_MONITORING, name)}/status"
    scene.tenant.plane.api.request("PATCH", path, status, "application/merge-patch+json")


def _never_gone(scene: Scene, name: str) -> None:
    scene.monitor(name, {"notifications": {"receivers": [_webhook("audit-url")]}})
    scene.tenant.change(CRM_MONITORING, name, {"metadata": {"finalizers": ["example.com/never"]}})
    scene.tenant.delete(CRM_MONITORING, name)


_LONGEST_ALERT = {"expr": " or ".join(["crm_queue_size > 1"] * 46), "summary": "s" * 256, "description": "d" * 1024}
_LARGEST = {
    "alerts": {
        "custom": [{"alert": f"Large{number}", **_LONGEST_ALERT} for number in range(20)],
        "extraLabels": {f"label_{number}": "v" * 128 for number in range(20)},
    },
    "slos": [{"name": f"slo-{number}", "sli": "Delivery", "objective": "99%"} for number in range(10)],
}
_LARGE_DOMAIN = f"{'b' * 60}.{'c' * 60}.{'d' * 50}.example.com"
_LARGE_MAIL = {"to": [f"{'a' * 60}{number}@{_LARGE_DOMAIN}" for number in range(20)]}
_LARGE_RECEIVERS = [
    {"name": f"mail-{number}", "email": {**_LARGE_MAIL, "from": "a@example.com", "smarthost": "mail.example.com:25"}}
    for number in range(10)
]


def _too_big_together(scene: Scene, name: str) -> None:
    for number in range(22):
        scene.monitor(f"{name}-{number}", {"notifications": {"receivers": _LARGE_RECEIVERS}})


BAD: dict[str, Make] = {
    "an expression that is no PromQL": _custom(expr="sum("),
    "an expression over another namespace": _custom(expr='crm_queue_size{namespace="other"} > 1'),
    "an expression that is nested without end": _custom(expr="(" * 500 + "crm_queue_size" + ")" * 500),
    "a summary that runs a query": _custom(summary='{{ query "up" }}'),
    "a time zone that does not exist": _notify(
        WEBHOOK, muteTimings=[{"name": "nights", "weekdays": ["monday"], "location": "Europe/Atlantis"}]
    ),
    "a Secret that is not there": _notify(_webhook("url", "nowhere")),
    "a key that is not there": _notify(_webhook("nothing")),
    "a credential with two lines": _with_value("webhook", "urlSecretRef", encoded("https://a.example.com\nroutes: []")),
    "a credential that is not UTF-8": _with_value("webhook", "urlSecretRef", "//79/A=="),
    "an address that is none": _with_value("webhook", "urlSecretRef", encoded("ftp://%zz")),
    "a Slack address without TLS": _with_value("slack", "webhookUrlSecretRef", encoded("http://a.example.com/")),
    "a PagerDuty key that is too short": _with_value("pagerduty", "routingKeySecretRef", encoded("abc")),
    "a credential that is empty": _with_value("webhook", "urlSecretRef", ""),
    "a mail address that Alertmanager refuses": _notify(
        {"name": "mail", "email": {"to": ["a..b@example.com"], "from": "a@example.com", "smarthost": "mail:25"}}
    ),
    "a bearer token that is not there": _spec({"metrics": {"bearerTokenSecretRef": secret_key("nowhere", "token")}}),
    "a certificate that is none": _spec(
        {"metrics": {"scheme": "https", "tls": {"caSecretRef": secret_key(CREDENTIALS, "audit-url")}}}
    ),
    "a target that is not there": _spec({"target": {"name": "absent"}}),
    "a target of another kind": _spec({"target": {"kind": "StatefulSet", "name": GOOD_TARGET}}),
    "a container that is not there": _spec(
        {"target": {"name": GOOD_TARGET, "container": "none"}, "workload": {"probes": {"readiness": {}}}}
    ),
    "a Service that is not there": _spec({"target": {"name": GOOD_TARGET, "service": "none"}}),
    "a port that is not there": _spec({"metrics": {"port": "nowhere"}}),
    "containers that cannot be told apart": _ambiguous,
    "a workload that another resource has claimed": _spec({"workload": {"env": {"logLevel": "DEBUG"}}}),
    "a field that somebody else has set": _field_conflict,
    "a field that is fought over": _fought_over,
    "names that are taken": _name_conflict,
    "a notification Secret that is somebody else's": _foreign_secret,
    "a Secret that no Alertmanager loads": _notify(_webhook("audit-url"), secretName="nobody-loads-this"),
    "a prober that the operator does not know": _spec({"blackbox": {"module": "does_not_exist", "port": "nowhere"}}),
    "as much of everything as is allowed": _spec(_LARGEST),
    "more receivers than fit into one Secret": _too_big_together,
    "an edit every 50 ms": _edited_again_and_again,
    "a rotation every 100 ms": _rotated_again_and_again,
    "a child that is deleted every 200 ms": _children_deleted_again_and_again,
    "annotations of another operator": _annotated,
    "a forged status": _forged,
    "a deletion that somebody else holds up": _never_gone,
}
"""Kinds of bad resources in the good ones' namespace."""

RESTLESS = frozenset(
    {
        "a field that is fought over",
        "an edit every 50 ms",
        "a rotation every 100 ms",
        "a child that is deleted every 200 ms",
    }
)
"""Kinds in which somebody goes on doing something."""
