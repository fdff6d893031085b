"""`operator`: from options and environment to settings."""

import dataclasses
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from crm_monitoring.cli.operator import command, exit_code_of, settings_of
from crm_monitoring.controller import logs
from crm_monitoring.controller.settings import Settings
from crm_monitoring.controller.shard import Shard
from crm_monitoring.render.settings import RenderSettings
from support.cli import run

NOT_OPTIONS = {"namespaces": "namespaces", "lease_timing": "lease_duration_seconds", "render": "cluster"}
"""Settings whose option has another name, with that of one that belongs to them."""


def settings(*arguments: str, env: dict[str, str] | None = None) -> Settings:
    """Return what a command line gives, without running the operator."""
    found: list[Settings] = []

    def keep(**given: Any) -> None:
        found.append(settings_of(**given))

    wrapped = command.callback
    assert wrapped is not None
    other = click.Command(
        "operator",
        params=command.params,
        callback=_with_render_settings(keep),
        context_settings=command.context_settings,
    )
    outcome = CliRunner().invoke(other, list(arguments), env=env, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return found[0]


def _with_render_settings(keep: Any) -> Any:
    def callback(*, cluster: str, prober: str, runbook_base_url: str, **others: Any) -> None:
        keep(settings=RenderSettings(cluster, prober, runbook_base_url), **others)

    return callback


def test_every_setting_has_an_option() -> None:
    options = {parameter.name for parameter in command.params}
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert {NOT_OPTIONS.get(name, name) for name in fields} <= options
    assert {field.name for field in dataclasses.fields(Settings().render)} <= options


def test_without_options_the_defaults_hold_but_for_the_identity() -> None:
    given = settings()
    assert dataclasses.replace(given, identity=Settings().identity) == Settings()


def test_the_identity_is_another_each_time() -> None:
    assert settings().identity != settings().identity


OPTIONS: dict[str, tuple[list[str], str, Any]] = {
    "a number": (["--poll-seconds", "5"], "poll_seconds", 5.0),
    "a switch": (["--no-leader-election"], "leader_election", False),
    "a list": (["-n", "a", "--namespace", "b", "-n", "a"], "namespaces", ("a", "b")),
    "a level in small letters": (["--log-level", "debug"], "log_level", "DEBUG"),
    "a shard": (["--shard", "2/3"], "shard", Shard(2, 3)),
    "an identity": (["--identity", "me"], "identity", "me"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options(case: str) -> None:
    arguments, field, wanted = OPTIONS[case]
    assert getattr(settings(*arguments), field) == wanted


ENVIRONMENT: dict[str, tuple[dict[str, str], str, Any]] = {
    "a number": ({"CRM_OPERATOR_POLL_SECONDS": "5"}, "poll_seconds", 5.0),
    "a switch": ({"CRM_OPERATOR_LEADER_ELECTION": "false"}, "leader_election", False),
    "a list": ({"CRM_OPERATOR_NAMESPACES": "a b"}, "namespaces", ("a", "b")),
    "a shard": ({"CRM_OPERATOR_SHARD": "2/3"}, "shard", Shard(2, 3)),
    "an address": ({"CRM_OPERATOR_HOST": "127.0.0.1"}, "host", "127.0.0.1"),
}


@pytest.mark.parametrize("case", ENVIRONMENT)
def test_environment(case: str) -> None:
    env, field, wanted = ENVIRONMENT[case]
    assert getattr(settings(env=env), field) == wanted


def test_options_win_over_the_environment() -> None:
    assert settings("--port", "1", env={"CRM_OPERATOR_PORT": "2"}).port == 1


def test_settings_of_the_compiler_are_settings_of_the_operator() -> None:
    given = settings("--cluster", "eu-1", env={"CRM_OPERATOR_PROBER": "prober:9115"})
    assert (given.render.cluster, given.render.prober) == ("eu-1", "prober:9115")


def test_all_wrong_settings_are_told_at_once() -> None:
    result = run(
        "operator",
        "--port",
        "70000",
        "--poll-seconds",
        "0",
        "-n",
        "Bad_Name",
        "--lease-retry-seconds",
        "9",
        "--shard",
        "4/3",
    )
    assert result.exit_code == 2
    assert [line.partition(":")[0] for line in result.stderr.removeprefix("Error: ").splitlines()] == [
        "--lease-duration-seconds",
        "--namespace",
        "--poll-seconds",
        "--port",
        "--shard",
    ]


def test_a_kubeconfig_that_cannot_be_used_is_one_message() -> None:
    result = run("operator", "--kubeconfig", "/nowhere/config", "--host", "127.0.0.1", "--port", "0")
    assert result.exit_code == 2
    assert result.stderr == "Error: kubeconfig: /nowhere/config cannot be used as a kubeconfig file\n"


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
current-context: nobody
"""


def test_a_port_that_is_taken_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "crm_monitoring", "operator", "--kubeconfig", "config", "--host", "127.0.0.1"],
            cwd=tmp_path,
            env={**os.environ, "CRM_OPERATOR_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == f"Error: --host and --port: cannot listen on 127.0.0.1:{port}\n"


def test_a_crash_is_logged_by_its_class_and_place_without_its_text() -> None:
    async def broken() -> int:
        raise RuntimeError("T0P5ECRET")

    stream = io.StringIO()
    code = exit_code_of(broken, Settings(), logs.configure("INFO", "json", stream))

    line = json.loads(stream.getvalue())
    assert (code, line["error"], line["event"]) == (1, "RuntimeError", "operator_crashed")
    assert line["frames"][-1].endswith(" broken")
    assert "T0P5ECRET" not in stream.getvalue()
