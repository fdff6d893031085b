"""Every example of the product document runs and does what the document says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.seed_example import EXAMPLES, RUNS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", RUNS)
def test_the_example_works(name: str, tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("CRM_")}
    environ["PYTHONPATH"] = os.pathsep.join(str(ROOT / folder) for folder in ("operator", "tests"))
    command = [sys.executable, "-m", "support.seed_example", name, str(tmp_path)]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.endswith("ok\n")


def test_no_example_is_left_out() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*RUNS, "metrics_endpoint"}


def test_an_example_that_fails_is_noticed(tmp_path: Path) -> None:
    """The judgement of the alerting example fails where its channel cannot be delivered to for lack of a setting."""
    environ = os.environ | {
        "CRM_ALERT_EMAIL_TO": "nobody",
        "PYTHONPATH": f"{ROOT / 'operator'}{os.pathsep}{ROOT / 'tests'}",
    }
    command = [sys.executable, "-m", "support.seed_example", "alerting", str(tmp_path)]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "CRM_ALERT_EMAIL_TO: must be e-mail addresses" in done.stderr
