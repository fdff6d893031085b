"""What the demonstration does to the cluster and what it shows of it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from demo.screen import Screen
from testbed.controlplane import ControlPlane
from testbed.existing_cluster import ExistingCluster

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
NAMESPACE = "crm"
RESOURCE = "crm"
WITHIN_SECONDS = 30.0

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story plays."""

    cluster: ControlPlane | ExistingCluster
    screen: Screen


def quickstart(stage: Stage) -> None:
    """Apply the example and show what it became."""
    stage.cluster.create_namespace(NAMESPACE)
    with stage.screen.step("Apply examples/quickstart"):
        for name in ("workload.yaml", "crmmonitoring.yaml"):
            stage.cluster.apply(QUICKSTART / name, namespace=NAMESPACE)
        stage.screen.say((QUICKSTART / "crmmonitoring.yaml").read_text(encoding="utf-8"))
    with stage.screen.step("Wait until it is Ready"):
        resource = _eventually(lambda: _ready(stage), "the resource does not become Ready")
    stage.screen.objects(resource)


def edit(stage: Stage) -> None:
    """Edit a threshold and show that the rule follows."""
    before = _threshold(stage)
    patch = {"spec": {"alerts": {"overrides": {"CRMDeliveryRateLow": {"threshold": "97%"}}}}}
    with stage.screen.step("Edit: CRMDeliveryRateLow fires below 97% instead of 90%"):
        _kubectl(stage, "patch", "crmmonitoring", RESOURCE, "--type=merge", "-p", json.dumps(patch))
        started = time.monotonic()
        after = _eventually(lambda: _other_than(before, _threshold(stage)), "the rule does not follow")
        stage.screen.say(f"rule before: {before}")
        stage.screen.say(f"rule after:  {after}")
        stage.screen.say(
            f"{1000 * (time.monotonic() - started):.0f} ms from the edit to the changed rule, kubectl included"
        )


def heal(stage: Stage) -> None:
    """Delete a child and show that it comes back."""
    name = f"{RESOURCE}-crm-stock"
    uid = _get(stage, "prometheusrule", name)["metadata"]["uid"]
    with stage.screen.step(f"Delete: kubectl delete prometheusrule {name}"):
        _kubectl(stage, "delete", "prometheusrule", name)
        started = time.monotonic()
        _eventually(lambda: _other_than(uid, _uid(stage, name)), "the rule does not come back")
        stage.screen.say(f"back after {1000 * (time.monotonic() - started):.0f} ms, kubectl included")
    with stage.screen.step("What the operator said of it"):
        events = _kubectl(
            stage, "get", "events", "-o", "custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message", "--no-headers"
        )
        stage.screen.say(events)


def clean_up(stage: Stage) -> None:
    """Delete what the story made in a cluster that goes on."""
    with stage.screen.step("Clean up"):
        for name in ("crmmonitoring.yaml", "workload.yaml"):
            _kubectl(stage, "delete", "--ignore-not-found", "-f", str(QUICKSTART / name))


def _kubectl(stage: Stage, *args: str) -> str:
    return stage.cluster.kubectl("--namespace", NAMESPACE, *args).stdout


def _get(stage: Stage, kind: str, name: str) -> Json:
    loaded: Json = json.loads(_kubectl(stage, "get", kind, name, "-o", "json"))
    return loaded


def _ready(stage: Stage) -> Json | None:
    resource = _get(stage, "crmmonitoring", RESOURCE)
    conditions = resource.get("status", {}).get("conditions", [])
    current = resource.get("status", {}).get("observedGeneration") == resource["metadata"]["generation"]
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return resource if current and ready else None


def _uid(stage: Stage, name: str) -> str | None:
    answer = stage.cluster.kubectl(
        "--namespace", NAMESPACE, "get", "prometheusrule", name, "-o", "jsonpath={.metadata.uid}", check=False
    )
    return answer.stdout or None


def _threshold(stage: Stage) -> str | None:
    """Return the part of the delivery alert's expression that holds its threshold."""
    rule = _get(stage, "prometheusrule", f"{RESOURCE}-crm-stock")
    for group in rule["spec"]["groups"]:
        for entry in group["rules"]:
            if entry.get("alert") == "CRMDeliveryRateLow" and entry["labels"].get("scope") == "overall":
                expression: str = entry["expr"]
                return expression.partition(" and ")[0]
    return None


def _other_than(known: T | None, found: T | None) -> T | None:
    return found if found != known else None


def _eventually(look: Callable[[], T | None], otherwise: str) -> T:
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"{otherwise} within {WITHIN_SECONDS:.0f} s")
