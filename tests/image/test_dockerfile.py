"""The Dockerfiles as their linter reads them, and what they may take into an image."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import COPIED, DOCKERFILES, ROOT


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_linter_has_nothing_to_say(name: str) -> None:
    linter = Path(sys.executable).with_name("hadolint")

    done = subprocess.run(
        [linter, "--failure-threshold=style", ROOT / name], capture_output=True, text=True, check=False
    )

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_the_context_holds_only_what_the_dockerfiles_copy() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}

    assert "*" in lines
    context = {path.partition("/")[0] if path.startswith("requirements/") else path for path in allowed}
    assert context == {*COPIED, "wheelhouse"} - {*DOCKERFILES, ".dockerignore"}
    copies = [
        line
        for name in DOCKERFILES
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY")
    ]
    assert {word for line in copies if "--from" not in line for word in line.split()[1:-1]} == {
        *(allowed - {"wheelhouse"}),
        "wheelhous[e]",
    }


def test_the_sample_is_built_from_the_versions_that_it_is_tested_with() -> None:
    sample, tested = (
        set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8"), re.M))
        for name in ("sample", "dev")
    )

    assert sample <= tested
