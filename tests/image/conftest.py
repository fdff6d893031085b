"""The images, built as anybody builds them, without a network. No engine, no test: see `engine`."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import crm_monitoring
from support.skipping import NOT_TESTED
from testbed import wheelhouse
from testbed.docker import Engine
from testbed.errors import ToolMissing

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = ("Dockerfile", "examples/sample-crm/Dockerfile")
COPIED = (
    *DOCKERFILES,
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements",
    "operator",
    "examples/sample-crm/sample_crm",
)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Return a Docker engine. Where none can be had the tests are skipped, also in CI, and the end of the run says so.

    An engine is a property of the machine (root, kernel), not a component that the project can build; many CI runners
    are containers that cannot have one.
    """
    try:
        with Engine() as engine:
            yield engine
    except ToolMissing as problem:
        pytest.skip(NOT_TESTED + str(problem))


@dataclass(frozen=True)
class Build:
    """An engine, and what both images are built from."""

    engine: Engine
    context: Path
    arguments: dict[str, str]

    def image(self, name: str, dockerfile: str, **arguments: str) -> str:
        """Build an image without a network; return its tag."""
        tag = f"{name}:test-{self.context.parent.name}"
        pairs = {**self.arguments, **arguments}.items()
        given = [part for key, value in pairs for part in ("--build-arg", f"{key}={value}")]
        words = ("--network=none", *given, "--tag", tag, "--file", str(self.context / dockerfile))
        self.engine.run("build", *words, self.context)
        return tag


@pytest.fixture(scope="session")
def build(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a context with what the Dockerfiles copy, a directory of wheels, and files that must stay outside."""
    (default,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M)
    try:
        base, python = engine.base(default)
        wheels = wheelhouse.cached(python)
    except ToolMissing as problem:
        pytest.skip(NOT_TESTED + str(problem))
    context = tmp_path_factory.mktemp("context")
    for name in COPIED:
        place, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.copytree(place, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, target)
    shutil.copytree(wheels, context / "wheelhouse")
    for left in ("operator", "examples/sample-crm/sample_crm"):
        (context / left / "left-over.pyc").touch()
    for left in (".", "examples/sample-crm"):
        (context / left / "secret.yaml").touch()
    return Build(engine, context, {"BASE_IMAGE": base, "PIP_NO_INDEX": "1"})


@pytest.fixture(scope="session")
def image(build: Build) -> Iterator[str]:
    """Build the operator's image; it is removed at the end."""
    version = crm_monitoring.__version__
    tag = build.image("crm-monitoring-operator", "Dockerfile", VERSION=version, REVISION="test")
    yield tag
    build.engine.run("image", "rm", "--force", tag, check=False)


@pytest.fixture(scope="session")
def sample_image(build: Build) -> Iterator[str]:
    """Build the image of the sample CRM; it is removed at the end."""
    tag = build.image("crm-monitoring-sample", "examples/sample-crm/Dockerfile")
    yield tag
    build.engine.run("image", "rm", "--force", tag, check=False)
