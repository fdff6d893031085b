"""The image, built as anybody builds it, without a network. No engine, no test: see `engine`."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import crm_monitoring
from support.skipping import NOT_TESTED
from testbed import wheelhouse
from testbed.docker import Engine
from testbed.errors import ToolMissing

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", "requirements", "operator")


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


@pytest.fixture(scope="session")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the image from the Dockerfile and a directory of wheels; it is removed at the end."""
    (default,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M)
    try:
        base, python = engine.base(default)
        wheels = wheelhouse.cached(python)
    except ToolMissing as problem:
        pytest.skip(NOT_TESTED + str(problem))
    context = tmp_path_factory.mktemp("context")
    for name in COPIED:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, context)
    shutil.copytree(wheels, context / "wheelhouse")
    (context / "operator" / "left-over.pyc").touch()
    (context / "secret.yaml").touch()
    tag = f"crm-monitoring-operator:test-{context.parent.name}"
    arguments = {"BASE_IMAGE": base, "PIP_NO_INDEX": "1", "VERSION": crm_monitoring.__version__, "REVISION": "test"}
    given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    engine.run("build", "--network=none", *given, "--tag", tag, context)
    yield tag
    engine.run("image", "rm", "--force", tag, check=False)
