"""Run the stories of tests/e2e where pods run.

E2E_KUBECONFIG, E2E_IMAGE and E2E_SAMPLE_IMAGE: a cluster that exists, and the images of the operator and of the sample
CRM, which its nodes can pull. Otherwise a cluster of kind, made for this run and removed after it, with images built here.
KIND_NODE_IMAGE overrides kind's node image. E2E_PROMETHEUS_OPERATOR_IMAGE overrides the image of prometheus-operator; on
kind it is loaded when the Docker engine has it. `none`: the cluster has its own. Arguments go to pytest.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed import binaries, building
from testbed.errors import ToolMissing

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Return pytest's exit code, or 2 when there is no cluster to run in."""
    try:
        if os.environ.get("E2E_KUBECONFIG"):
            for name in ("E2E_IMAGE", "E2E_SAMPLE_IMAGE"):
                if not os.environ.get(name):
                    raise ToolMissing(name, "it is not set", "name the image that the cluster's nodes can pull")
            return _stories({}, arguments)
        with _kind() as environment:
            return _stories(environment, arguments)
    except ToolMissing as problem:
        print(problem, file=sys.stderr)
        return 2


def _stories(environment: dict[str, str], arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "e2e", "tests/e2e", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode


@contextmanager
def _kind() -> Iterator[dict[str, str]]:
    """Make a cluster with our images in it; give the variables that lead the stories there."""
    kind = str(binaries.find("kind"))
    name = f"crm-e2e-{os.getpid()}"
    image, sample = (f"crm-monitoring-{part}:e2e-{os.getpid()}" for part in ("operator", "sample"))
    theirs = os.environ.get("E2E_PROMETHEUS_OPERATOR_IMAGE", "")
    with tempfile.TemporaryDirectory(prefix="crm-e2e-") as directory:
        kubeconfig = Path(directory) / "kubeconfig"
        node = os.environ.get("KIND_NODE_IMAGE")
        create = [kind, "create", "cluster", "--name", name, "--kubeconfig", str(kubeconfig), "--wait", "180s"]
        try:
            _step("kind create cluster", [*create, *(["--image", node] if node else [])], Path(directory))
            _step("build the operator's image", ["make", "image", f"IMAGE={image}"], Path(directory))
            _step("build the sample's image", ["make", "sample-image", f"SAMPLE_IMAGE={sample}"], Path(directory))
            for one in (image, sample, *([theirs] if _is_here(theirs) else [])):
                _step(f"load {one}", [kind, "load", "docker-image", one, "--name", name], Path(directory))
            yield {"E2E_KUBECONFIG": str(kubeconfig), "E2E_IMAGE": image, "E2E_SAMPLE_IMAGE": sample}
        finally:
            subprocess.run([kind, "delete", "cluster", "--name", name], check=False, capture_output=True)


def _is_here(image: str) -> bool:
    """Return whether the Docker engine has an image."""
    return (
        bool(image)
        and not subprocess.run(["docker", "image", "inspect", image], check=False, capture_output=True).returncode
    )


def _step(label: str, command: list[str], directory: Path) -> None:
    try:
        building.run_watched(label, command, wanted="a cluster", log=directory / "log", cwd=ROOT)
    except ToolMissing as problem:
        hint = "start a Docker engine that reaches a registry or has kind's node image (KIND_NODE_IMAGE names another)"
        raise ToolMissing("a cluster", f"{label}: {problem.why}", f"{hint}; or set E2E_KUBECONFIG") from problem


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
