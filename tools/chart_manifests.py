"""Print the chart's objects for `kubectl apply --server-side`, without Helm's own labels, in a namespace of their own."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from crm_monitoring.render.documents import dump
from testbed import binaries

CHART = Path(__file__).resolve().parent.parent / "charts" / "crm-monitoring-operator"
NAMESPACE = "crm-monitoring"
NAME = "crm-monitoring-operator"
HELMS_OWN = ("app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy")

Manifest = dict[str, Any]


def content(image: str, flags: Sequence[str] = ()) -> str:
    """Return the objects for an image; `flags` are Helm's, such as --set. Raises CalledProcessError."""
    where = ["--namespace", NAMESPACE, "--skip-tests"]
    command = [str(binaries.find("helm")), "template", NAME, str(CHART), *where, *_image(image), *flags]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return dump([_namespace(), *map(_without_helm, _parsed(text))])


def _image(image: str) -> Iterator[str]:
    """Split an image into the values of the chart; all in front of the last slash counts as the registry."""
    name, _, digest = image.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, ""
    registry, slash, repository = path.rpartition("/")
    values = {"registry": registry, "repository": repository if slash else path, "tag": tag, "digest": digest}
    for key, value in values.items():
        yield from ("--set-string", f"image.{key}={value}")


def _namespace() -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _parsed(text: str) -> Iterator[Manifest]:
    return (document for document in yaml.load_all(text, yaml.CSafeLoader) if document)


def _without_helm(manifest: Manifest) -> Manifest:
    for owner in (manifest, manifest.get("spec", {}).get("template", {})):
        metadata = owner.get("metadata", {})
        for part in ("labels", "annotations"):
            for key in HELMS_OWN:
                metadata.get(part, {}).pop(key, None)
            if part in metadata and not metadata[part]:
                del metadata[part]
    return manifest


if __name__ == "__main__":
    sys.stdout.write(content(sys.argv[1], sys.argv[2:]))
