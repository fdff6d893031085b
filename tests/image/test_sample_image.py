"""The image of the sample CRM: it serves health and metrics with nothing, and holds what is pinned."""

import json
import re
from collections.abc import Iterator

import pytest

import crm_monitoring
from support.live import eventually
from testbed.docker import Engine

from .conftest import ROOT

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

BARE = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
ASK = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
FILES = (
    "import os; print([f for d, _, names in os.walk('/') if not d.startswith(('/proc', '/sys')) for f in names"
    " if f in ('secret.yaml', 'left-over.pyc', 'Dockerfile') or (f.endswith('.whl') and 'test' not in d)])"
)
PACKAGES = "import importlib.metadata as m; print(*sorted(f'{d.name}=={d.version}' for d in m.distributions()))"


@pytest.fixture(scope="module")
def container(engine: Engine, sample_image: str) -> Iterator[str]:
    """Run the sample with nothing; it is alone in a network of its own."""
    name = engine.run("run", "--detach", *BARE, sample_image, "--rate", "20").stdout.strip()
    yield name
    engine.run("rm", "--force", name)


def ask(engine: Engine, container: str, address: str) -> str:
    """Return what the sample answers on one of its addresses; empty while it does not."""
    return engine.run("exec", container, "python", "-c", ASK, address, check=False).stdout.strip()


def test_it_answers_the_probes(engine: Engine, container: str) -> None:
    base = "http://127.0.0.1:8080/api/crm/health"

    for path in ("/readiness", "/liveness"):
        assert json.loads(eventually(lambda path=path: ask(engine, container, base + path), within=30))  # type: ignore[misc]


def test_it_counts_what_it_sends(engine: Engine, container: str) -> None:
    def counted() -> bool:
        text = ask(engine, container, "http://127.0.0.1:8000/metrics")
        return bool(re.search(r"^crm_communications_total\{.*\} [1-9]", text, re.M))

    assert eventually(counted, within=30)


def test_it_runs_as_nobody_in_particular(engine: Engine, sample_image: str) -> None:
    (found,) = json.loads(engine.run("image", "inspect", sample_image).stdout)

    assert found["Config"]["User"] == "65532:65532"


def test_it_holds_only_what_the_dockerfile_copies(engine: Engine, container: str) -> None:
    assert engine.run("exec", container, "python", "-c", FILES).stdout.strip() == "[]"


def test_its_packages_are_those_that_are_pinned(engine: Engine, container: str) -> None:
    found = engine.run("exec", container, "python", "-c", PACKAGES).stdout.split()

    pins = (ROOT / "requirements" / "sample.txt").read_text(encoding="utf-8")
    pinned = [*re.findall(r"^(\S+==\S+) ", pins, re.M), f"crm-monitoring=={crm_monitoring.__version__}"]
    assert sorted(map(_normal, found)) == sorted(map(_normal, pinned))


def _normal(pin: str) -> str:
    name, _, version = pin.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"
