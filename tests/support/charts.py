"""Our chart, as Helm renders it and as Helm installs it."""

import os
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from testbed import binaries

CHART = Path(__file__).resolve().parents[2] / "charts" / "crm-monitoring-operator"
SCENARIOS = {path.name.removesuffix("-values.yaml"): path for path in sorted(CHART.glob("ci/*-values.yaml"))}
HELMS = {"Helm 3": "helm3", "Helm 4": "helm"}
NAMESPACE = "crm-monitoring"
RELEASE = "crm-monitoring-operator"
THEIR_KINDS = "monitoring.coreos.com/v1"
NOT_BUILT_IN = frozenset({"PrometheusRule", "ServiceMonitor"})
"""Kinds that no schema of Kubernetes knows."""

Manifest = dict[str, Any]


def helm(
    *arguments: str | Path, binary: str = "helm", kubeconfig: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run Helm; fail with what it says unless `check` is false."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)}
    command = [str(binaries.find(binary)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done


def render(
    *flags: str | Path, kinds: Sequence[str] = (THEIR_KINDS,), namespace: str = NAMESPACE, binary: str = "helm"
) -> list[Manifest]:
    """Return the objects of the chart. `flags` are Helm's, such as --set; `kinds` what the cluster serves besides."""
    return _parsed(_rendered(tuple(map(str, flags)), tuple(kinds), namespace, binary))


def scenario(name: str, binary: str = "helm") -> list[Manifest]:
    """Return the objects of the chart with the values of ci/<name>-values.yaml."""
    return render("--values", SCENARIOS[name], binary=binary)


def objects(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def the(manifests: Sequence[Manifest], kind: str) -> Manifest:
    """Return the only object of a kind that is no test hook."""
    (found,) = [found for found in objects(manifests, kind) if "-test" not in found["metadata"]["name"]]
    return found


def pod_of(manifests: Sequence[Manifest]) -> Manifest:
    """Return the pod of the Deployment, or of the first one, as a Pod of its own."""
    template = objects(manifests, "Deployment")[0]["spec"]["template"]
    metadata = {**template["metadata"], "name": "operator"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@lru_cache(maxsize=128)
def _rendered(flags: tuple[str, ...], kinds: tuple[str, ...], namespace: str, binary: str) -> str:
    known = [part for kind in kinds for part in ("--api-versions", kind)]
    return helm("template", RELEASE, CHART, "--namespace", namespace, *known, *flags, binary=binary).stdout


def _parsed(text: str) -> list[Manifest]:
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
