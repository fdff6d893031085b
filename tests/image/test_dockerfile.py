"""The Dockerfile as its linter reads it, and what it may take into an image."""

import subprocess
import sys
from pathlib import Path

from .conftest import COPIED, ROOT


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")

    done = subprocess.run(
        [linter, "--failure-threshold=style", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_the_context_holds_only_what_the_dockerfile_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}

    assert "*" in lines
    assert {path.partition("/")[0] for path in allowed} == {*COPIED, "wheelhouse"} - {"Dockerfile", ".dockerignore"}
    copies = [
        line for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines() if line.startswith("COPY")
    ]
    assert {word for line in copies if "--from" not in line for word in line.split()[1:-1]} == {
        *(allowed - {"wheelhouse"}),
        "wheelhous[e]",
    }
