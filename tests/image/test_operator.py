"""The operator in its image with what a pod of it has: the files of its account, and variables."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.kinds import install_ours, install_theirs
from support.live import Tenant
from support.resources import minimal
from testbed import role
from testbed.controlplane import ControlPlane
from testbed.docker import Engine

from .test_image import BARE

pytestmark = [pytest.mark.image, pytest.mark.integration, pytest.mark.timeout(900)]

ACCOUNT_FILES = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture
def account(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Path:
    """Return a directory with what a pod finds of its account, with the operator's role."""
    config = json.loads(role.grant(control_plane, "operator", namespace, (namespace,)).read_text(encoding="utf-8"))
    directory = tmp_path / "account"
    directory.mkdir()
    (directory / "token").write_text(config["users"][0]["user"]["token"], encoding="utf-8")
    (directory / "namespace").write_text(namespace, encoding="utf-8")
    (directory / "ca.crt").write_bytes(control_plane.certificate_authority.read_bytes())
    directory.chmod(0o755)
    return directory


@pytest.fixture
def container(engine: Engine, image: str, control_plane: ControlPlane, account: Path, namespace: str) -> Iterator[str]:
    """Run the operator; it sees nothing but the loopback addresses of this machine."""
    server = urlsplit(control_plane.url)
    variables = {
        "KUBERNETES_SERVICE_HOST": server.hostname,
        "KUBERNETES_SERVICE_PORT": server.port,
        "CRM_OPERATOR_NAMESPACES": namespace,
        "CRM_OPERATOR_HOST": "127.0.0.1",
        "CRM_OPERATOR_PORT": 0,
    }
    given = [f"--env={name}={value}" for name, value in variables.items()]
    bare = [flag for flag in BARE if flag not in ("--rm", "--network=none")]
    command = ["run", "--detach", "--network=host", *bare, *given, f"--volume={account}:{ACCOUNT_FILES}:ro", image]
    name = engine.run(*command).stdout.strip()
    yield name
    engine.run("rm", "--force", name)


def test_it_makes_a_resource_ready_and_ends_when_it_is_told_to(
    engine: Engine, control_plane: ControlPlane, container: str, namespace: str
) -> None:
    install_theirs(control_plane)
    install_ours(control_plane)
    tenant = Tenant(control_plane, namespace)
    tenant.deploy()

    tenant.monitor(minimal())
    tenant.ready(within=60)
    engine.run("stop", "--time=20", container)

    assert engine.run("inspect", "--format={{.State.ExitCode}}", container).stdout == "0\n"
    said = [json.loads(line) for line in engine.run("logs", container).stdout.splitlines()]
    assert said[0]["event"] == "operator_starting"
    assert not [line for line in said if line["level"] in ("ERROR", "CRITICAL")]
