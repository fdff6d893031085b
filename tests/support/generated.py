"""What the real prometheus-operator generates from our objects, put into a form that runs outside of a cluster."""

import base64
import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from crm_monitoring.manifest import Manifest
from testbed.controlplane import ControlPlane

RULES_DIRECTORY = "/etc/prometheus/rules/"
DISCOVERY = "kubernetes_sd_configs"


def prometheus_config(plane: ControlPlane, namespace: str, name: str, shard: int = 0) -> dict[str, Any]:
    """Return the prometheus.yaml of one shard of a Prometheus object, empty when there is none yet."""
    answer = plane.api.request("GET", f"/api/v1/namespaces/{namespace}/secrets/prometheus-{name}")
    packed = answer.body.get("data", {}).get("prometheus.yaml.gz") if answer.status == 200 else None
    text = gzip.decompress(base64.b64decode(packed)).decode() if packed else "{}"
    # In a pod, the config reloader puts in what the pod's environment says.
    text = text.replace("$(SHARD)", str(shard)).replace("$(POD_NAME)", f"prometheus-{name}-0")
    return dict(yaml.load(text, yaml.CSafeLoader))


def rule_files(plane: ControlPlane, namespace: str, name: str) -> dict[str, str]:
    """Return the rule files of a Prometheus object by path below the rules' directory."""
    selector = f"prometheus-name%3D{name}"
    answer = plane.api.request("GET", f"/api/v1/namespaces/{namespace}/configmaps?labelSelector={selector}")
    maps = answer.body["items"] if answer.status == 200 else []
    return {
        f"{each['metadata']['name']}/{file}": content
        for each in maps
        for file, content in (each.get("data") or {}).items()
    }


def alertmanager_config(plane: ControlPlane, namespace: str, name: str) -> str:
    """Return the alertmanager.yaml of an Alertmanager object, empty when there is none yet."""
    path = f"/api/v1/namespaces/{namespace}/secrets/alertmanager-{name}-generated"
    answer = plane.api.request("GET", path)
    packed = answer.body.get("data", {}).get("alertmanager.yaml.gz") if answer.status == 200 else None
    return gzip.decompress(base64.b64decode(packed)).decode() if packed else ""


def localised(config: Mapping[str, Any], directory: Path, target: str, objects: Iterable[Manifest]) -> dict[str, Any]:
    """Return the configuration with rules below a directory and, in place of discovery, the pods of some workloads.

    Every pod is the same process, `target`. Targets carry the meta labels that discovery gives them: which are kept and
    what labels they get is for the generated relabelings to decide.
    """
    found = list(objects)
    jobs = []
    for job in config.get("scrape_configs", ()):
        if DISCOVERY not in job:  # a probe says itself what to ask
            jobs.append(job)
            continue
        (discovery,) = job[DISCOVERY]
        (namespace,) = discovery["namespaces"]["names"]
        here = [each for each in found if each["metadata"]["namespace"] == namespace]
        labels = _pods(here) if discovery["role"] == "pod" else _endpoints(here)
        static = [{"targets": [target], "labels": each} for each in labels]
        jobs.append({name: value for name, value in job.items() if name != DISCOVERY} | {"static_configs": static})
    files = [path.replace(RULES_DIRECTORY, f"{directory}/") for path in config.get("rule_files", ())]
    return {**config, "scrape_configs": jobs, "rule_files": files, "alerting": {}}


def _pods(objects: Iterable[Manifest], only: str | int | None = None) -> Iterator[dict[str, str]]:
    for workload in objects:
        if workload["kind"] == "Service":
            continue
        namespace, template = workload["metadata"]["namespace"], workload["spec"]["template"]
        for container in template["spec"]["containers"]:
            for port in container["ports"]:
                if only not in (None, port.get("name"), port["containerPort"]):
                    continue
                yield {
                    "__meta_kubernetes_namespace": namespace,
                    "__meta_kubernetes_pod_name": f"{workload['metadata']['name']}-0",
                    "__meta_kubernetes_pod_ready": "true",
                    "__meta_kubernetes_pod_phase": "Running",
                    "__meta_kubernetes_pod_container_name": container["name"],
                    "__meta_kubernetes_pod_container_port_name": port.get("name", ""),
                    "__meta_kubernetes_pod_container_port_number": str(port["containerPort"]),
                    **_labels("pod", template["metadata"]["labels"]),
                }


def _endpoints(objects: Iterable[Manifest]) -> Iterator[dict[str, str]]:
    found = list(objects)
    for service in (each for each in found if each["kind"] == "Service"):
        for port in service["spec"]["ports"]:
            labels = service["metadata"].get("labels") or {}
            for pod in _pods(_selected(service, found), port["targetPort"]):
                yield {
                    **pod,
                    "__meta_kubernetes_service_name": service["metadata"]["name"],
                    "__meta_kubernetes_endpoint_port_name": port["name"],
                    "__meta_kubernetes_endpointslice_port_name": port["name"],
                    "__meta_kubernetes_endpointslice_address_target_kind": "Pod",
                    "__meta_kubernetes_endpointslice_address_target_name": pod["__meta_kubernetes_pod_name"],
                    "__meta_kubernetes_endpoint_address_target_kind": "Pod",
                    "__meta_kubernetes_endpoint_address_target_name": pod["__meta_kubernetes_pod_name"],
                    **_labels("service", labels),
                }


def _selected(service: Manifest, objects: Iterable[Manifest]) -> Iterator[Manifest]:
    """Return the workloads whose pods a Service leads to."""
    for workload in objects:
        if workload["kind"] != "Service":
            labels = workload["spec"]["template"]["metadata"]["labels"]
            if service["spec"]["selector"].items() <= labels.items():
                yield workload


def _labels(kind: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels of an object as discovery gives them."""
    plain = {"".join(c if c.isalnum() else "_" for c in name): value for name, value in labels.items()}
    return {f"__meta_kubernetes_{kind}_label_{name}": value for name, value in plain.items()} | {
        f"__meta_kubernetes_{kind}_labelpresent_{name}": "true" for name in plain
    }
