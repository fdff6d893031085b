"""Run the stories of tests/e2e where pods run.

E2E_KUBECONFIG and E2E_IMAGE: a cluster that exists, and the operator's image, which its nodes can pull.
Otherwise a cluster of kind, made for this run and removed after it, with the image built here.
KIND_NODE_IMAGE overrides kind's node image. Arguments go to pytest.
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
            if not os.environ.get("E2E_IMAGE"):
                raise ToolMissing("E2E_IMAGE", "it is not set", "name the image that the cluster's nodes can pull")
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
    """Make a cluster with our image in it; give the variables that lead the stories there."""
    kind = str(binaries.find("kind"))
    name = f"crm-e2e-{os.getpid()}"
    image = f"crm-monitoring-operator:e2e-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="crm-e2e-") as directory:
        kubeconfig = Path(directory) / "kubeconfig"
        node = os.environ.get("KIND_NODE_IMAGE")
        create = [kind, "create", "cluster", "--name", name, "--kubeconfig", str(kubeconfig), "--wait", "180s"]
        try:
            _step("kind create cluster", [*create, *(["--image", node] if node else [])], Path(directory))
            _step("build the image", ["make", "image", f"IMAGE={image}"], Path(directory))
            _step("load the image", [kind, "load", "docker-image", image, "--name", name], Path(directory))
            yield {"E2E_KUBECONFIG": str(kubeconfig), "E2E_IMAGE": image}
        finally:
            subprocess.run([kind, "delete", "cluster", "--name", name], check=False, capture_output=True)


def _step(label: str, command: list[str], directory: Path) -> None:
    try:
        building.run_watched(label, command, wanted="a cluster", log=directory / "log", cwd=ROOT)
    except ToolMissing as problem:
        hint = "start a Docker engine that reaches a registry or has kind's node image (KIND_NODE_IMAGE names another)"
        raise ToolMissing("a cluster", f"{label}: {problem.why}", f"{hint}; or set E2E_KUBECONFIG") from problem


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
