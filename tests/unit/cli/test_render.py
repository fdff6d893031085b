"""`render`: the compiler without a cluster."""

import base64
from pathlib import Path

import pytest
import yaml

from crm_monitoring.manifest import Manifest
from support.cli import names, objects, run, written
from support.resources import full, minimal, quickstart
from support.targets import service, workload

ROUTING_KEY = "R0UTINGKEYR0UTINGKEYR0UTINGKEY00"
PASSWORD = "pa55-that-nobody-may-see"


def secret(**changes: str) -> Manifest:
    values = {
        "pagerduty-routing-key": ROUTING_KEY,
        "slack-webhook-url": "https://slack.example.com/services/T0P5ECRET",
        "smtp-password": PASSWORD,
        "audit-url": "https://audit.example.com/T0P5ECRET",
        "heartbeat-url": "https://heartbeat.example.com/T0P5ECRET",
        **changes,
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "crm-alerting"}, "stringData": values}


@pytest.fixture
def resource(tmp_path: Path) -> Path:
    return written(tmp_path / "crm.yaml", minimal())


@pytest.fixture
def notifying(tmp_path: Path) -> Path:
    return written(tmp_path / "notifying.yaml", full({"metrics": None, "blackbox": None}))


def test_a_target_alone_becomes_rules_a_monitor_and_dashboards(resource: Path) -> None:
    result = run("render", "-f", resource)
    assert result.exit_code == 0
    assert {each.split()[0] for each in names(result)} == {"PrometheusRule", "ServiceMonitor", "ConfigMap"}


def test_the_output_is_the_same_each_time(notifying: Path) -> None:
    command = ("render", "-f", notifying, "--redacted", "--include-patch")
    assert run(*command).stdout == run(*command).stdout


def test_without_context_the_assumption_is_told_on_standard_error(resource: Path) -> None:
    result = run("render", "-f", resource)
    assert "the cluster was not looked at" in result.stderr
    assert "not looked at" not in result.stdout


def test_with_context_nothing_is_assumed_and_nothing_is_said(resource: Path, tmp_path: Path) -> None:
    context = written(tmp_path / "workload.yaml", workload(), service())
    result = run("render", "-f", resource, "--context", context)
    assert (result.stderr, result.exit_code) == ("", 0)


def test_what_does_not_fit_the_context_is_told_and_fails(resource: Path, tmp_path: Path) -> None:
    context = written(tmp_path / "workload.yaml", workload("another"), service())
    result = run("render", "-f", resource, "--context", context)
    assert result.exit_code == 1
    assert "ScrapeConfigured=False/TargetNotFound: spec.target: Deployment crm-api does not exist" in result.stderr
    assert "PrometheusRule crm-crm-stock" in names(result)


def test_context_of_another_namespace_is_not_looked_at(resource: Path, tmp_path: Path) -> None:
    context = written(tmp_path / "workload.yaml", workload(namespace="other"), service(namespace="other"))
    assert "TargetNotFound" in run("render", "-f", resource, "--context", context).stderr


def test_a_workload_beside_the_resource_is_not_context(tmp_path: Path) -> None:
    path = written(
        tmp_path / "all.yaml", minimal({"target": {"name": "crm-api"}}), workload(containers=[{"name": "x"}])
    )
    result = run("render", "-f", path)
    assert result.exit_code == 0
    assert f"{path}: ignored, because it is not CRMMonitoring: Deployment" in result.stderr


def test_an_incomplete_workload_in_the_context_is_one_message(resource: Path, tmp_path: Path) -> None:
    broken = workload()
    del broken["spec"]["template"]
    context = written(tmp_path / "workload.yaml", broken)
    result = run("render", "-f", resource, "--context", context)
    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr.startswith(f"Error: {context}:1: is not a complete Deployment")


def test_neither_owner_references_nor_the_owner_label_are_rendered(notifying: Path) -> None:
    result = run("render", "-f", notifying, "--redacted")
    assert "ownerReferences" not in result.stdout
    assert "owner-uid" not in result.stdout


def test_the_notification_secret_is_left_out_with_a_word_about_it(notifying: Path) -> None:
    result = run("render", "-f", notifying)
    assert result.exit_code == 0
    assert not any(each.startswith("Secret") for each in names(result))
    assert "Secret crm/alertmanager-crm is left out: it holds credentials" in result.stderr


def test_redacted_shows_the_shape_of_the_notification_secret(notifying: Path) -> None:
    shown = objects(run("render", "-f", notifying, "--redacted"))[-1]
    assert shown["metadata"]["annotations"] == {"monitoring.crm.io/redacted": "true"}
    receivers = yaml.safe_load(shown["stringData"]["alertmanager.yaml"])["receivers"]
    assert {"crm/crm/pagerduty", "crm/crm/slack", "crm/crm/email"} <= {each["name"] for each in receivers}


def test_secrets_are_checked_but_not_shown_unless_asked_for(notifying: Path, tmp_path: Path) -> None:
    secrets = written(tmp_path / "secrets.yaml", secret())
    result = run("render", "-f", notifying, "-n", "crm", "--secrets-from", secrets)
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert base64.b64encode(PASSWORD.encode()).decode() not in result.output


def test_show_secrets_gives_the_values(notifying: Path, tmp_path: Path) -> None:
    secrets = written(tmp_path / "secrets.yaml", secret())
    result = run("render", "-f", notifying, "-n", "crm", "--secrets-from", secrets, "--show-secrets")
    content = base64.b64decode(objects(result)[-1]["data"]["alertmanager.yaml"]).decode()
    assert PASSWORD in content
    assert ROUTING_KEY in content
    assert PASSWORD not in result.stderr


def test_redacted_hides_the_values_of_a_secret_file(notifying: Path, tmp_path: Path) -> None:
    secrets = written(tmp_path / "secrets.yaml", secret())
    result = run("render", "-f", notifying, "-n", "crm", "--secrets-from", secrets, "--redacted")
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert "T0P5ECRET" not in result.output


BAD_SECRETS = {
    "a value of the wrong shape": ({"pagerduty-routing-key": "T0P5ECRET"}, "SecretInvalid"),
    "a value that ends with a newline": ({"smtp-password": "T0P5ECRET\n"}, "ends with a newline"),
}


@pytest.mark.parametrize("case", BAD_SECRETS)
def test_a_bad_credential_is_told_without_its_value(case: str, notifying: Path, tmp_path: Path) -> None:
    change, wanted = BAD_SECRETS[case]
    secrets = written(tmp_path / "secrets.yaml", secret(**change))
    result = run("render", "-f", notifying, "-n", "crm", "--secrets-from", secrets, "--redacted")
    assert result.exit_code == 1
    assert wanted in result.stderr
    assert "T0P5ECRET" not in result.output


def test_a_secret_that_is_not_base64_is_one_message_without_its_value(notifying: Path, tmp_path: Path) -> None:
    secrets = written(tmp_path / "s.yaml", {**secret(), "stringData": {}, "data": {"smtp-password": "T0P5ECRET!"}})
    result = run("render", "-f", notifying, "--secrets-from", secrets)
    assert result.exit_code == 2
    assert result.stderr.endswith("s.yaml:1: data.smtp-password: is not base64; stringData takes plain text\n")


def test_a_secret_that_is_not_in_the_file_is_missing(notifying: Path, tmp_path: Path) -> None:
    secrets = written(tmp_path / "secrets.yaml", {**secret(), "metadata": {"name": "another"}})
    result = run("render", "-f", notifying, "-n", "crm", "--secrets-from", secrets)
    assert result.exit_code == 1
    assert "SecretMissing" in result.stderr


def test_resources_that_share_a_secret_are_merged(tmp_path: Path) -> None:
    path = written(tmp_path / "two.yaml", quickstart(name="a"), quickstart(name="b"))
    result = run("render", "-f", path, "--redacted")
    secrets = [each for each in objects(result) if each["kind"] == "Secret"]
    assert len(secrets) == 1
    routes = yaml.safe_load(secrets[0]["stringData"]["alertmanager.yaml"])["route"]["routes"]
    assert [route["receiver"] for route in routes] == ["crm/a/slack", "crm/b/slack"]


def test_the_patch_of_the_workload_is_added_only_when_asked_for(notifying: Path) -> None:
    without, patched = run("render", "-f", notifying), run("render", "-f", notifying, "--include-patch")
    assert "Deployment crm-api" not in names(without)
    assert "--include-patch adds them" in without.stderr
    assert "Deployment crm-api" in names(patched)
    assert "--server-side --field-manager=crm-monitoring-operator" in patched.stdout


def test_a_namespace_is_taken_from_the_resource_then_from_the_option_then_default(tmp_path: Path) -> None:
    body = minimal()
    del body["metadata"]["namespace"]
    own, none = written(tmp_path / "own.yaml", minimal()), written(tmp_path / "none.yaml", body)

    def namespaces(*arguments: str | Path) -> set[str]:
        return {each["metadata"]["namespace"] for each in objects(run("render", "-f", *arguments))}

    assert namespaces(own, "-n", "other") == {"crm"}
    assert namespaces(none, "-n", "other") == {"other"}
    assert namespaces(none) == {"default"}
    assert "none.yaml:1: metadata.namespace: is not given, so default is used" in run("render", "-f", none).stderr


def test_the_resource_can_come_from_standard_input() -> None:
    assert run("render", "-f", "-", stdin=yaml.safe_dump(minimal())).exit_code == 0


def test_a_list_as_kubectl_prints_it_is_read(tmp_path: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [minimal(name="a"), minimal(name="b")]}
    result = run("render", "-f", written(tmp_path / "list.yaml", listed))
    assert {"PrometheusRule a-crm-stock", "PrometheusRule b-crm-stock"} <= set(names(result))


def test_a_directory_is_read_without_its_subdirectories(tmp_path: Path) -> None:
    written(tmp_path / "a.yaml", minimal(name="a"))
    written(tmp_path / "b.yml", minimal(name="b"))
    written(tmp_path / "below" / "c.yaml", minimal(name="c"))
    (tmp_path / "notes.txt").write_text("not: [yaml")
    rules = {each for each in names(run("render", "-f", tmp_path)) if each.endswith("-crm-stock")}
    assert rules == {"PrometheusRule a-crm-stock", "PrometheusRule b-crm-stock"}


def test_settings_of_the_compiler_are_options(tmp_path: Path) -> None:
    path = written(tmp_path / "crm.yaml", minimal({"blackbox": {}}))
    without = run("render", "-f", path)
    assert (without.exit_code, "ProberMissing" in without.stderr) == (1, True)
    given = run(
        "render", "-f", path, "--prober", "prober:9115", "--cluster", "eu-1", "--runbook-base-url", "https://r.example"
    )
    assert given.exit_code == 0
    for text in ("prober:9115", "cluster: eu-1", "https://r.example/"):
        assert text in given.stdout


FAILURES = {
    "no file": ([], 2, "Missing option '-f'"),
    "a file that does not exist": (
        ["-f", "/nowhere/crm.yaml"],
        2,
        "Error: /nowhere/crm.yaml cannot be read: No such file",
    ),
    "an empty file": (["-f", "{dir}/empty.yaml"], 2, "there is no CRMMonitoring in"),
    "a directory without manifests": (["-f", "{dir}/bare"], 2, "bare holds no file that ends in .json, .yaml, .yml"),
    "only other kinds": (["-f", "{dir}/other.yaml"], 2, "there is no CRMMonitoring in"),
    "bytes that are no text": (["-f", "{dir}/bytes.yaml"], 2, "bytes.yaml is not UTF-8 text"),
    "broken YAML": (["-f", "{dir}/broken.yaml"], 1, "broken.yaml:1: line 2, column 1: did not find"),
    "values without a file to take them from": (["-f", "{dir}/crm.yaml", "--show-secrets"], 2, "needs --secrets-from"),
    "values shown and hidden": (["-f", "x", "--show-secrets", "--redacted"], 2, "exclude each other"),
    "a prober with a scheme": (
        ["-f", "{dir}/crm.yaml", "--prober", "http://p:1"],
        2,
        "must be host:port without a scheme",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_a_message_and_an_exit_code_and_no_output(case: str, tmp_path: Path) -> None:
    arguments, code, message = FAILURES[case]
    written(tmp_path / "crm.yaml", minimal())
    written(tmp_path / "other.yaml", workload())
    (tmp_path / "bare").mkdir()
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    (tmp_path / "broken.yaml").write_text("a: {b: 1")
    result = run("render", *[each.format(dir=tmp_path) for each in arguments])
    assert (result.stdout, result.exit_code) == ("", code)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_one_invalid_resource_keeps_everything_from_being_printed(tmp_path: Path) -> None:
    path = written(tmp_path / "two.yaml", minimal(name="good"), minimal({"target": {"kind": "Pod"}}, name="bad"))
    result = run("render", "-f", path)
    assert (result.stdout, result.exit_code) == ("", 1)
    assert f"{path}:2: spec.target.kind: must be Deployment or StatefulSet" in result.stderr
