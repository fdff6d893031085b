"""What all commands have in common: help, exit codes, names of the program, completion."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from crm_monitoring import __version__
from crm_monitoring.api.crd import crd
from crm_monitoring.cli.group import COMMANDS, cli
from crm_monitoring.cli.main import NAMES
from support.cli import run, written
from support.resources import minimal


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_lists_its_exit_codes(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert re.search(r"Exit codes:\n +0  \w", result.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_an_unknown_option_with_exit_code_2(command: str) -> None:
    result = run(command, "--frobnicate")
    assert (result.stdout, result.exit_code) == ("", 2)
    assert "No such option" in result.stderr


def test_the_group_lists_every_command() -> None:
    text = run("--help").stdout
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_the_version_is_that_of_the_package() -> None:
    assert run("version").stdout == run("--version").stdout == f"{__version__}\n"


def test_the_crd_is_the_generated_one() -> None:
    assert yaml.safe_load(run("crd").stdout) == crd()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_a_script_that_completes_the_program(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_CRM_MONITORING_COMPLETE" in result.stdout


def test_commands_are_completed() -> None:
    env = {"_CRM_MONITORING_COMPLETE": "bash_complete", "COMP_WORDS": "crm-monitoring re", "COMP_CWORD": "1"}
    assert _completed(env) == ["plain,render"]


def test_options_of_a_command_are_completed() -> None:
    env = {"_CRM_MONITORING_COMPLETE": "bash_complete", "COMP_WORDS": "crm-monitoring render --show", "COMP_CWORD": "2"}
    assert _completed(env) == ["plain,--show-secrets"]


def _completed(env: dict[str, str]) -> list[str]:
    return CliRunner().invoke(cli, [], env=env, prog_name="crm-monitoring").stdout.split()


def test_as_a_plugin_the_usage_line_says_kubectl_crm() -> None:
    assert NAMES == {"kubectl-crm": "kubectl crm"}


def test_output_that_is_no_terminal_has_no_colour(tmp_path: Path) -> None:
    result = run("validate", "-f", written(tmp_path / "crm.yaml", minimal({"mode": "Watch"})))
    assert "\x1b" not in result.output


def test_no_color_in_the_environment_means_no_colour_on_a_terminal_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert cli.callback is not None
    with cli.make_context("crm-monitoring", ["version"]) as context:
        context.invoke(cli.callback)
        assert context.color is False
