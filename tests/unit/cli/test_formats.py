"""`render --format prometheus|grafana`: files in a directory."""

import json
import stat
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from support.cli import run, written
from support.resources import RECEIVERS, SLACK, full, minimal

NOTIFYING = {"notifications": {"receivers": list(RECEIVERS)}}
PASSWORD = "pa55-that-nobody-may-see"


@pytest.fixture
def resource(tmp_path: Path) -> Path:
    return written(tmp_path / "crm.yaml", minimal())


@pytest.fixture
def notifying(tmp_path: Path) -> Path:
    return written(tmp_path / "notifying.yaml", minimal(NOTIFYING))


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    values = {
        "pagerduty-routing-key": "R0UTINGKEYR0UTINGKEYR0UTINGKEY00",
        "slack-webhook-url": "https://slack.example.com/services/T0P5ECRET",
        "smtp-password": PASSWORD,
        "audit-url": "https://audit.example.com/T0P5ECRET",
    }
    metadata = {"name": "crm-alerting", "namespace": "crm"}
    return written(
        tmp_path / "s.yaml", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "not" / "there" / "yet"


def prometheus(resource: Path, out: Path, *more: str | Path) -> Result:
    return run("render", "-f", resource, "--format", "prometheus", "-o", out, *more)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_prometheus_gets_its_files_and_standard_output_nothing(resource: Path, out: Path) -> None:
    result = prometheus(resource, out)
    assert (result.stdout, result.exit_code) == ("", 0)
    assert names(out) == ["prometheus.yml", "rules.yml", "scrape_config.yml"]
    assert f"{out}/rules.yml written" in result.stderr


def test_files_are_the_same_each_time(notifying: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert prometheus(notifying, tmp_path / name, "--redacted").exit_code == 0
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_targets_and_alertmanagers_are_those_that_are_given(resource: Path, out: Path) -> None:
    prometheus(resource, out, "--target", "a:8000", "--target", "[::1]:8000", "--alertmanager", "am:9093")
    jobs = yaml.safe_load((out / "scrape_config.yml").read_text())["scrape_configs"]
    alerting = yaml.safe_load((out / "prometheus.yml").read_text())["alerting"]
    assert jobs[0]["static_configs"] == [{"targets": ["a:8000", "[::1]:8000"]}]
    assert alerting["alertmanagers"] == [{"static_configs": [{"targets": ["am:9093"]}]}]


def test_the_alertmanagers_file_is_left_out_with_a_word(notifying: Path, out: Path) -> None:
    result = prometheus(notifying, out)
    assert result.exit_code == 0
    assert "alertmanager.yml" not in names(out)
    assert "alertmanager.yml is left out: it holds credentials" in result.stderr


def test_values_are_checked_and_not_written_unless_asked_for(notifying: Path, secrets: Path, out: Path) -> None:
    result = prometheus(notifying, out, "--secrets-from", secrets)
    assert result.exit_code == 0
    assert "alertmanager.yml" not in names(out)
    assert not any(PASSWORD in path.read_text() for path in out.iterdir())


def test_redacted_writes_the_shape_and_says_so(notifying: Path, secrets: Path, out: Path) -> None:
    assert prometheus(notifying, out, "--secrets-from", secrets, "--redacted").exit_code == 0
    text = (out / "alertmanager.yml").read_text()
    assert "Credentials are replaced by placeholders" in text
    assert PASSWORD not in text
    assert "T0P5ECRET" not in text
    assert {"crm/crm/pagerduty", "crm/crm/slack"} <= {each["name"] for each in yaml.safe_load(text)["receivers"]}


def test_shown_values_are_in_a_file_that_only_its_owner_can_read(notifying: Path, secrets: Path, out: Path) -> None:
    result = prometheus(notifying, out, "--secrets-from", secrets, "--show-secrets")
    path = out / "alertmanager.yml"
    assert result.exit_code == 0
    assert PASSWORD in path.read_text()
    assert PASSWORD not in result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_private_once_it_holds_values(
    notifying: Path, secrets: Path, out: Path
) -> None:
    prometheus(notifying, out, "--redacted")
    (out / "alertmanager.yml").chmod(0o644)
    prometheus(notifying, out, "--secrets-from", secrets, "--show-secrets")
    assert stat.S_IMODE((out / "alertmanager.yml").stat().st_mode) == 0o600


def test_one_resource_with_a_missing_secret_keeps_the_whole_routing_from_being_written(
    secrets: Path, out: Path, tmp_path: Path
) -> None:
    other = {"notifications": {"receivers": [{**SLACK, "slack": {"webhookUrlSecretRef": {"name": "no", "key": "no"}}}]}}
    path = written(tmp_path / "two.yaml", minimal(NOTIFYING, name="a"), minimal(other, name="b"))
    result = prometheus(path, out, "--secrets-from", secrets, "--show-secrets")
    assert result.exit_code == 1
    assert "SecretMissing" in result.stderr
    assert names(out) == ["prometheus.yml", "rules.yml", "scrape_config.yml"]


def test_several_resources_share_the_files(tmp_path: Path, out: Path) -> None:
    path = written(tmp_path / "two.yaml", minimal(NOTIFYING, name="a"), minimal(NOTIFYING, name="b"))
    assert prometheus(path, out, "--redacted").exit_code == 0
    routes = yaml.safe_load((out / "alertmanager.yml").read_text())["route"]["routes"]
    assert len(routes) == 2
    assert len(yaml.safe_load((out / "scrape_config.yml").read_text())["scrape_configs"]) == 2


def test_grafana_gets_one_file_a_dashboard(resource: Path, out: Path) -> None:
    result = run("render", "-f", resource, "--format", "grafana", "-o", out)
    assert (result.stdout, result.exit_code) == ("", 0)
    assert names(out) == ["crm_crm_business.json", "crm_crm_operations.json", "crm_crm_overview.json"]
    assert all(json.loads(path.read_text())["__inputs"] for path in out.iterdir())


def test_own_files_are_overwritten(resource: Path, out: Path, tmp_path: Path) -> None:
    for form in ("prometheus", "grafana"):
        run("render", "-f", resource, "--format", form, "-o", out)
    changed = written(tmp_path / "crm.yaml", minimal({"metrics": {"interval": "40s"}, "environment": "staging"}))
    for form in ("prometheus", "grafana"):
        assert run("render", "-f", changed, "--format", form, "-o", out).exit_code == 0
    assert "40s" in (out / "scrape_config.yml").read_text()
    assert "staging" in (out / "crm_crm_overview.json").read_text()
    assert not [name for name in names(out) if name.endswith(".new")]


def test_a_file_of_somebody_else_stops_everything_before_anything_is_written(resource: Path, out: Path) -> None:
    out.mkdir(parents=True)
    for name in ("rules.yml", "prometheus.yml"):
        (out / name).write_text("theirs: true\n")
    result = prometheus(resource, out)
    assert result.exit_code == 2
    assert f"{out}/rules.yml, {out}/prometheus.yml" in result.stderr
    assert "--force" in result.stderr
    assert names(out) == ["prometheus.yml", "rules.yml"]
    assert (out / "rules.yml").read_text() == "theirs: true\n"


def test_force_overwrites_files_of_somebody_else(resource: Path, out: Path) -> None:
    out.mkdir(parents=True)
    (out / "rules.yml").write_text("theirs: true\n")
    assert prometheus(resource, out, "--force").exit_code == 0
    assert "theirs" not in (out / "rules.yml").read_text()


def test_a_directory_that_cannot_be_made_is_one_message(resource: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = prometheus(resource, tmp_path / "file" / "below")
    assert result.exit_code == 2
    assert "cannot be written: Not a directory" in result.stderr


def test_an_invalid_resource_writes_nothing(tmp_path: Path, out: Path) -> None:
    result = prometheus(written(tmp_path / "bad.yaml", minimal({"target": {"kind": "Pod"}})), out)
    assert result.exit_code == 1
    assert not out.exists()


def test_what_cannot_be_rendered_is_told_and_fails(tmp_path: Path, out: Path) -> None:
    result = prometheus(written(tmp_path / "crm.yaml", minimal({"blackbox": {}})), out)
    assert result.exit_code == 1
    assert "spec.blackbox is left out" in result.stderr


WRONG_USAGE: dict[str, tuple[list[str], str]] = {
    "several files for standard output": (
        ["--format", "prometheus", "-o", "-"],
        "--format prometheus writes several files: name a directory with -o DIR",
    ),
    "files without a directory": (["--format", "grafana"], "name a directory with -o DIR"),
    "a directory for manifests": (["-o", "x"], "--output is for --format prometheus and grafana"),
    "a target for manifests": (["--target", "a:1"], "--target is for --format prometheus"),
    "a target for dashboards": (["--format", "grafana", "-o", "x", "--target", "a:1"], "--target is for"),
    "a cluster to look at for files": (
        ["--format", "prometheus", "-o", "x", "--context", "y"],
        "--context is for --format kubernetes",
    ),
    "a patch for files": (["--format", "grafana", "-o", "x", "--include-patch"], "--include-patch is for"),
    "credentials for dashboards": (["--format", "grafana", "-o", "x", "--redacted"], "--redacted is for"),
    "a format that does not exist": (["--format", "helm"], "'helm' is not one of"),
    "a target with a scheme": (["--format", "prometheus", "-o", "x", "--target", "http://a:1"], "must be host:port"),
    "a target without a port": (["--format", "prometheus", "-o", "x", "--target", "a"], "must be host:port"),
    "an impossible port": (["--format", "prometheus", "-o", "x", "--alertmanager", "a:70000"], "must be host:port"),
}


@pytest.mark.parametrize("case", WRONG_USAGE)
def test_wrong_usage_is_told_and_writes_nothing(case: str, resource: Path) -> None:
    arguments, message = WRONG_USAGE[case]
    result = run("render", "-f", resource, *arguments)
    assert (result.stdout, result.exit_code) == ("", 2)
    assert message in result.stderr
    assert not Path("x").exists()


def test_targets_are_refused_where_nobody_could_say_whose_they_are(tmp_path: Path, out: Path) -> None:
    path = written(tmp_path / "two.yaml", minimal(name="a"), minimal(name="b"))
    result = prometheus(path, out, "--target", "a:8000")
    assert result.exit_code == 2
    assert "--target needs exactly one resource that is scraped; there are 2" in result.stderr
    assert not out.exists()


def test_every_block_becomes_files_without_a_trace_of_kubernetes_secrets(tmp_path: Path, out: Path) -> None:
    path = written(tmp_path / "full.yaml", full())
    result = prometheus(path, out, "--prober", "p:9115", "--target", "a:8000", "--redacted")
    assert result.exit_code == 0
    assert not any("SecretRef" in each.read_text() for each in out.iterdir())
