"""The offline commands start fast and need nothing of what the operator needs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import written
from support.resources import minimal

HEAVY = ("aiohttp", "kopf", "kubernetes", "prometheus_client", "structlog")
"""Packages of the operator and of the in-app library."""

LIGHT_COMMANDS = {
    "render": ["render", "-f", "crm.yaml", "--redacted"],
    "validate": ["validate", "-f", "crm.yaml", "--strict"],
    "crd": ["crd"],
    "completion": ["completion", "fish"],
    "version": ["version"],
    "the list of commands": ["--help"],
}

THIRD_PARTY = "import click, orjson, promql_parser, pydantic.main, yaml"
FLOORS = 6.0
"""Most CPU of one `render`, in multiples of importing the packages that it cannot do without. Measured: about 3."""

_SCRIPT = """
import sys
blocked, arguments = sys.argv[1].split(","), sys.argv[2:]
for name in blocked:
    sys.modules[name] = None
from crm_monitoring.cli.group import cli
code = cli(arguments, standalone_mode=False)
print("imported:", [name for name in blocked if sys.modules[name] is not None], file=sys.stderr)
sys.exit(code)
"""

PROGRAM = Path(sys.executable).with_name("crm-monitoring")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "crm.yaml", minimal())
    return tmp_path


def _python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("case", LIGHT_COMMANDS)
def test_a_light_command_works_where_the_heavy_packages_cannot_be_imported(case: str, folder: Path) -> None:
    done = _python("-c", _SCRIPT, ",".join(HEAVY), *LIGHT_COMMANDS[case], cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", LIGHT_COMMANDS)
def test_a_light_command_imports_no_heavy_package_where_they_are_installed(case: str, folder: Path) -> None:
    watched = _SCRIPT.replace("sys.modules[name] = None", "sys.modules.pop(name, None)").replace(
        "if sys.modules[name] is not None", "if name in sys.modules"
    )
    done = _python("-c", watched, ",".join(HEAVY), *LIGHT_COMMANDS[case], cwd=folder)
    assert done.stderr.splitlines()[-1] == "imported: []"


@pytest.mark.parametrize("command", ["operator", "diff"])
def test_a_command_whose_packages_are_missing_says_which_extra_brings_them(command: str, folder: Path) -> None:
    done = _python("-c", _SCRIPT, "aiohttp,kubernetes", command, "--help", cwd=folder)
    assert done.returncode != 0
    assert "pip install 'crm-monitoring[operator]'" in done.stderr


def test_without_the_extra_for_the_command_line_the_program_says_so(folder: Path) -> None:
    script = "import sys; sys.modules['click'] = None; import crm_monitoring.cli.main"
    done = _python("-c", script, cwd=folder)
    assert done.returncode == 1
    assert (
        done.stderr == "crm-monitoring: Python package click is missing; pip install 'crm-monitoring[cli]' brings it\n"
    )


def test_rendering_one_file_costs_little_more_than_its_packages(folder: Path) -> None:
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "pycache"), "PYTHONDONTWRITEBYTECODE": ""}

    def cpu_seconds(*command: str | Path) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    floor = (sys.executable, "-c", THIRD_PARTY)
    render = (PROGRAM, "render", "-f", "crm.yaml")
    cpu_seconds(*render)
    assert min(cpu_seconds(*render) for _ in range(3)) < FLOORS * min(cpu_seconds(*floor) for _ in range(3))


def test_exit_codes_reach_the_shell(folder: Path) -> None:
    written(folder / "bad.yaml", minimal({"mode": "Watch"}))
    codes = {
        file: subprocess.run([PROGRAM, "validate", "-f", file], cwd=folder, check=False, capture_output=True).returncode
        for file in ("crm.yaml", "bad.yaml", "absent.yaml")
    }
    assert codes == {"crm.yaml": 0, "bad.yaml": 1, "absent.yaml": 2}


def test_the_plugin_names_itself_as_kubectl_calls_it(folder: Path) -> None:
    done = subprocess.run(
        [PROGRAM.with_name("kubectl-crm"), "render", "--help"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("Usage: kubectl crm render ")


def test_a_reader_that_closes_early_is_no_traceback(folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{PROGRAM}' render -f crm.yaml | head -1"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "---\n"
    assert "Traceback" not in done.stderr
