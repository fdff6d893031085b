"""What the image is, and that it runs with nothing: no network, no writable file, no capability, no user of its own."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import crm_monitoring
from support.kinds import install_ours, install_theirs
from support.live import Tenant
from support.resources import minimal
from testbed import role
from testbed.controlplane import ControlPlane
from testbed.docker import Engine

from .conftest import ROOT

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

BARE = ("--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
QUICKSTART = ROOT / "examples" / "quickstart"

ACCOUNT_FILES = "/var/run/secrets/kubernetes.io/serviceaccount"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(engine: Engine, image: str) -> Run:
    """Return a function that runs the image with nothing: (*command, options=())."""

    def run(*command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return engine.run("run", *BARE, *options, image, *command, check=False)

    return run


@pytest.fixture
def config(engine: Engine, image: str) -> dict[str, Any]:
    """Return what the image says of itself."""
    found: dict[str, Any] = json.loads(engine.run("image", "inspect", image).stdout)[0]["Config"]
    return found


def python(run: Run, program: str, *options: str) -> str:
    """Return what a program prints that the image's Python runs."""
    done = run("-c", program, options=("--entrypoint=python", *options))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_says_which_version_it_is(run: Run) -> None:
    done = run("version")

    assert (done.stdout, done.returncode) == (f"{crm_monitoring.__version__}\n", 0)


def test_its_labels_say_what_it_is(config: dict[str, Any]) -> None:
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}

    assert labels.pop("description")
    assert labels == {
        "title": "crm-monitoring-operator",
        "licenses": "Apache-2.0",
        "version": crm_monitoring.__version__,
        "revision": "test",
    }


@pytest.mark.parametrize("user", ["65532:65532", "1000700000:0"], ids=["its own", "one that the cluster chose"])
def test_it_needs_no_user_in_the_password_file(run: Run, user: str) -> None:
    assert python(run, "import os; print(f'{os.getuid()}:{os.getgid()}')", f"--user={user}") == user
    assert python(run, "import getpass; print(getpass.getuser())", f"--user={user}") == "crm-monitoring"
    assert run("version", options=(f"--user={user}",)).returncode == 0


def test_its_user_is_a_number_other_than_root(config: dict[str, Any]) -> None:
    assert config["User"] == "65532:65532"


MISSING = {
    "no cluster at all": ((), "Error: kubeconfig: ~/.kube/config cannot be used as a kubeconfig file\n"),
    "a pod without the token of its account": (
        ("--env=KUBERNETES_SERVICE_HOST=192.0.2.1",),
        "Error: serviceAccount: the token of the service account cannot be read\n",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_the_operator_says_in_one_line_what_it_misses(run: Run, case: str) -> None:
    options, message = MISSING[case]

    done = run(options=options)

    assert (done.stdout + done.stderr, done.returncode) == (message, 2)


def test_it_renders_the_quickstart_to_the_files_beside_it(run: Run) -> None:
    words = ["render", "-f", "crmmonitoring.yaml", "--context", "workload.yaml"]

    done = run(*words, options=(f"--volume={QUICKSTART}:/given:ro", "--workdir=/given"))

    assert done.returncode == 0, done.stderr
    written = [path.read_text(encoding="utf-8").partition("\n")[2] for path in (QUICKSTART / "rendered").glob("*.yaml")]
    assert sorted(re.findall(r"(?ms)^---\n.*?(?=^---\n|\Z)", done.stdout)) == sorted(written)


def test_nothing_can_be_installed_into_it(run: Run) -> None:
    absent = python(
        run, "import importlib.util as u; print([m for m in ('pip', 'ensurepip', 'setuptools') if u.find_spec(m)])"
    )
    named = python(
        run,
        "import os; print([os.path.join(d, f) for d, _, names in os.walk('/') if not d.startswith('/proc')"
        " for f in names if f.startswith('pip') and (f.endswith('.whl') or d.endswith('/bin'))])",
    )

    assert (absent, named) == ("[]", "[]")


def test_its_packages_are_those_that_are_pinned(run: Run) -> None:
    found = python(
        run, "import importlib.metadata as m; print(*sorted(f'{d.name}=={d.version}' for d in m.distributions()))"
    )

    pinned = re.findall(r"^(\S+==\S+) ", (ROOT / "requirements" / "operator.txt").read_text(encoding="utf-8"), re.M)
    ours = f"crm-monitoring=={crm_monitoring.__version__}"
    assert sorted(map(_normal, found.split())) == sorted(map(_normal, [*pinned, ours]))


def test_it_holds_only_what_the_dockerfile_copies(run: Run) -> None:
    found = python(
        run,
        "import os; print([f for d, _, names in os.walk('/') if not d.startswith(('/proc', '/sys')) for f in names"
        " if f in ('secret.yaml', 'left-over.pyc', 'Dockerfile') or (f.endswith('.whl') and 'test' not in d)])",
    )

    assert found == "[]"


def test_no_file_can_be_changed(run: Run) -> None:
    done = run("-c", "open('/opt/venv/left', 'w')", options=("--entrypoint=python",))

    assert "Read-only file system" in done.stderr


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
    """Run the operator in its image with what a pod of it has; it sees nothing but the loopback addresses of this machine."""
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
    said = engine.run("logs", name)
    print(said.stdout + said.stderr)  # noqa: T201 - shown when the test failed
    engine.run("rm", "--force", name)


@pytest.mark.integration
def test_it_makes_a_resource_ready_and_ends_when_it_is_told_to(
    engine: Engine, control_plane: ControlPlane, container: str, namespace: str
) -> None:
    install_theirs(control_plane)
    install_ours(control_plane)
    tenant = Tenant(control_plane, namespace)
    tenant.deploy()

    tenant.monitor(minimal())
    tenant.ready(within=120)
    engine.run("stop", "--time=20", container)

    assert engine.run("inspect", "--format={{.State.ExitCode}}", container).stdout == "0\n"
    said = [json.loads(line) for line in engine.run("logs", container).stdout.splitlines()]
    assert said[0]["event"] == "operator_starting"
    assert not [line for line in said if line["level"] in ("ERROR", "CRITICAL")]


def _normal(pin: str) -> str:
    name, _, version = pin.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"
