"""The examples: documentation, input and expected output of the compiler in one."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import generate
import rendered_examples
from crm_monitoring.api.conditions import ConditionType
from crm_monitoring.cli.group import cli
from crm_monitoring.manifest import CRM_MONITORING, SECRET, kind_of
from rendered_examples import EXAMPLES

CASES = rendered_examples.cases()
FOR_KUBERNETES = rendered_examples.for_kubernetes()
INVALID = sorted((EXAMPLES / "invalid").glob("*.yaml"))
RESOURCES = [
    path
    for case in CASES
    for path in sorted((EXAMPLES / case).glob("*.yaml"))
    if "\nkind: CRMMonitoring\n" in path.read_text()
]
Tool = Callable[[str], Path]


def _written(case: str) -> dict[str, str]:
    files = (path for path in (EXAMPLES / case / "rendered").rglob("*") if path.is_file())
    return {str(path.relative_to(EXAMPLES.parent)): path.read_text(encoding="utf-8") for path in files}


def _objects(case: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for text in _written(case).values()]


def _named(path: Path) -> str:
    return path.stem


def test_every_example_that_is_promised_is_there() -> None:
    wanted = {"quickstart", "full", "two-crms", "shared-alertmanager", "kube-prometheus-stack", "observe", "argo-cd"}
    assert wanted <= set(FOR_KUBERNETES)
    assert set(CASES) - set(FOR_KUBERNETES) == {"plain-prometheus"}


@pytest.mark.parametrize("case", CASES)
def test_an_example_renders_to_the_files_beside_it_and_no_others(case: str) -> None:
    wanted = dict(rendered_examples.outputs(generate.NOTICE))
    now = {path: content for path, content in wanted.items() if path.startswith(f"examples/{case}/")}
    assert _written(case) == now, "run: make generate (and delete files that are not made any more)"


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_example_is_valid_without_a_warning(path: Path) -> None:
    outcome = CliRunner().invoke(cli, ["validate", "--strict", "-f", str(path)])
    assert (outcome.stdout, outcome.exit_code) == ("", 0)


@pytest.mark.parametrize("case", FOR_KUBERNETES)
def test_rendered_objects_belong_to_nobody_and_say_so_by_having_no_uid(case: str) -> None:
    for item in _objects(case):
        assert "ownerReferences" not in item["metadata"]
        assert "monitoring.crm.io/owner-uid" not in item["metadata"].get("labels", {})


@pytest.mark.parametrize("case", CASES)
def test_no_credential_of_an_example_is_in_what_is_rendered(case: str) -> None:
    assert not any("FAKE" in text or "fake-password" in text for text in _written(case).values())


@pytest.mark.parametrize("case", FOR_KUBERNETES)
def test_promtool_accepts_the_rules_of_an_example(case: str, tool: Tool, tmp_path: Path) -> None:
    for item in _objects(case):
        if item["kind"] == "PrometheusRule":
            path = tmp_path / f"{item['metadata']['name']}.yaml"
            path.write_text(yaml.safe_dump(item["spec"]), encoding="utf-8")
    done = subprocess.run(
        [tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *sorted(tmp_path.glob("*.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", [case for case in FOR_KUBERNETES if any(kind_of(o) == SECRET for o in _objects(case))])
def test_amtool_accepts_the_redacted_file_of_an_example(case: str, tool: Tool, tmp_path: Path) -> None:
    (secret,) = (item for item in _objects(case) if kind_of(item) == SECRET)
    path = tmp_path / "alertmanager.yaml"
    path.write_text(secret["stringData"]["alertmanager.yaml"], encoding="utf-8")
    done = subprocess.run([tool("amtool"), "check-config", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", FOR_KUBERNETES)
def test_the_dashboards_of_an_example_are_json(case: str) -> None:
    texts = [text for item in _objects(case) if item["kind"] == "ConfigMap" for text in item["data"].values()]
    assert texts
    assert all(json.loads(text)["title"] for text in texts)


def test_the_secrets_of_the_full_example_have_the_shape_that_the_compiler_asks_for() -> None:
    given = [*rendered_examples.arguments("full"), "--secrets-from", str(EXAMPLES / "full" / "secrets.yaml")]
    outcome = CliRunner().invoke(cli, given)
    assert outcome.exit_code == 0, outcome.stderr


def test_the_next_step_of_the_quickstart_is_the_same_resource_with_notifications_and_the_alertmanager_that_loads_them() -> (
    None
):
    folder = EXAMPLES / "quickstart"
    first = yaml.safe_load((folder / "crmmonitoring.yaml").read_text(encoding="utf-8"))
    then, alertmanager = yaml.safe_load_all((folder / "notifications.yaml").read_text(encoding="utf-8"))
    assert then["metadata"] == first["metadata"]
    assert {name: value for name, value in then["spec"].items() if name != "notifications"} == first["spec"]

    given = ["render", "-f", str(folder / "notifications.yaml"), "--context", str(folder / "workload.yaml")]
    outcome = CliRunner().invoke(cli, [*given, "--secrets-from", str(folder / "secrets.yaml"), "--show-secrets"])

    assert outcome.exit_code == 0, outcome.stderr
    (secret,) = (item for item in yaml.safe_load_all(outcome.stdout) if item["kind"] == SECRET.name)
    assert secret["metadata"]["name"] == f"alertmanager-{alertmanager['metadata']['name']}"
    assert secret["metadata"]["namespace"] == alertmanager["metadata"]["namespace"]


def test_the_secrets_of_the_plain_example_have_the_shape_that_the_compiler_asks_for(tmp_path: Path) -> None:
    (given,) = (command for command in rendered_examples.commands("plain-prometheus") if "--show-secrets" in command)
    outcome = CliRunner().invoke(cli, [*given[:-1], str(tmp_path)])
    assert outcome.exit_code == 0, outcome.stderr
    assert "fake-password" in (tmp_path / "alertmanager.yml").read_text(encoding="utf-8")


def test_the_files_of_the_plain_example_are_accepted_by_promtool_and_amtool(tool: Tool) -> None:
    folder = EXAMPLES / "plain-prometheus" / "rendered"
    commands: tuple[list[str | Path], ...] = (
        [tool("promtool"), "check", "config", "--lint=all", "--lint-fatal", folder / "prometheus.yml"],
        [tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", folder / "rules.yml"],
        [tool("amtool"), "check-config", folder / "alertmanager.yml"],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_health_check_for_argo_cd_reads_conditions_that_exist() -> None:
    text = (EXAMPLES / "argo-cd" / "argocd" / "argocd-cm.yaml").read_text(encoding="utf-8")
    ((name, script),) = yaml.safe_load(text)["data"].items()
    assert name == f"resource.customizations.health.{CRM_MONITORING.group}_{CRM_MONITORING.name}"
    used = set(re.findall(r'is_true\("(\w+)"\)|found\.(\w+)', script))
    assert {first or second for first, second in used} == {"Ready", "Stalled", "Reconciling"}
    assert {"Ready", "Stalled", "Reconciling"} <= {each.value for each in ConditionType}
    assert set(re.findall(r'status = "(\w+)"', script)) == {"Progressing", "Degraded", "Healthy", "Suspended"}


def test_the_quickstart_has_eight_lines_and_only_a_target() -> None:
    text = (EXAMPLES / "quickstart" / "crmmonitoring.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 8
    assert yaml.safe_load(text)["spec"] == {"target": {"name": "crm-api"}}


@pytest.mark.parametrize("path", INVALID, ids=_named)
def test_an_invalid_example_is_refused_with_the_message_beside_it(path: Path) -> None:
    outcome = CliRunner().invoke(cli, ["validate", "-f", str(path)])
    said = outcome.stdout.replace(f"{path.parent}/", "")
    assert said == path.with_suffix(".expected.txt").read_text(encoding="utf-8")
    assert outcome.exit_code == 1


@pytest.mark.parametrize("path", INVALID, ids=_named)
def test_nothing_of_an_invalid_example_is_rendered(path: Path) -> None:
    outcome = CliRunner().invoke(cli, ["render", "-f", str(path)])
    assert (outcome.stdout, outcome.exit_code) == ("", 1)


def test_a_credential_that_is_put_into_a_resource_is_not_repeated() -> None:
    path = EXAMPLES / "invalid" / "credential-in-the-resource.yaml"
    for command in ("validate", "render"):
        outcome = CliRunner().invoke(cli, [command, "-f", str(path)])
        assert "FAKE" not in outcome.output


def test_every_command_in_a_readme_of_the_examples_names_files_that_exist() -> None:
    for readme in EXAMPLES.glob("*/README.md"):
        for line in readme.read_text(encoding="utf-8").splitlines():
            words = shlex.split(line) if line.startswith("    crm-monitoring ") else []
            missing = [word for word in words if word.startswith("examples/") and not (EXAMPLES.parent / word).exists()]
            assert missing == [], readme


def test_each_resource_of_the_examples_is_in_the_namespace_that_its_workload_is_in() -> None:
    for path in EXAMPLES.glob("*/crmmonitoring.yaml"):
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            assert (item["kind"], item["metadata"]["namespace"]) == (CRM_MONITORING.name, "crm")
