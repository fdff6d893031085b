"""`validate`: everything that is wrong, at once."""

import json
from pathlib import Path
from typing import Any

from support.cli import run, written
from support.resources import full, minimal
from support.targets import service, workload

ADVISED = {"workload": {"probes": {"liveness": {"path": "/api/crm/health"}}}}
"""A spec that is valid and rarely meant."""


def test_every_problem_of_every_document_is_told_with_its_place(tmp_path: Path) -> None:
    path = written(
        tmp_path / "crm.yaml",
        minimal({"target": {"kind": "Pod"}, "metrics": {"intervall": "5s"}}, name="a"),
        workload(),
        minimal({"mode": "Watch"}, name="b"),
    )
    result = run("validate", "-f", path)
    assert result.exit_code == 1
    assert [line.split(": ")[:2] for line in result.stdout.splitlines()] == [
        [f"{path}:1", "spec.metrics.intervall"],
        [f"{path}:1", "spec.target.kind"],
        [f"{path}:3", "spec.mode"],
    ]
    assert "resources: 2, problems: 3, warnings: 0" in result.stderr


def test_a_valid_resource_gives_no_output(tmp_path: Path) -> None:
    result = run("validate", "-f", written(tmp_path / "crm.yaml", full()))
    assert (result.stdout, result.exit_code) == ("", 0)


def test_warnings_are_told_and_fail_only_when_strict(tmp_path: Path) -> None:
    path = written(tmp_path / "crm.yaml", minimal(ADVISED))
    lax, strict = run("validate", "-f", path), run("validate", "-f", path, "--strict")
    assert lax.stdout == strict.stdout
    assert lax.stdout.startswith(f"{path}:1: warning: spec.workload.probes.liveness.path: tests dependencies")
    assert (lax.exit_code, strict.exit_code) == (0, 1)


def test_with_context_what_does_not_fit_the_cluster_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "crm.yaml", minimal({"metrics": {"port": "prometheus"}}))
    context = written(tmp_path / "context" / "workload.yaml", workload(), service())
    without, given = run("validate", "-f", path), run("validate", "-f", path, "--context", context)
    assert (without.exit_code, without.stdout) == (0, "")
    assert given.exit_code == 1
    assert given.stdout.startswith(f"{path}:1: ScrapeConfigured=False/PortNotFound: spec.metrics.port: ")


def test_a_resource_with_a_shared_secret_for_everything_is_valid_in_context(tmp_path: Path) -> None:
    one = {"name": "all", "key": "value"}
    spec: dict[str, Any] = {
        "metrics": {
            "scheme": "https",
            "tls": {"caSecretRef": one},
            "bearerTokenSecretRef": {"name": "all", "key": "token"},
        },
        "notifications": {"receivers": [{"name": "ops", "webhook": {"urlSecretRef": {"name": "all", "key": "url"}}}]},
    }
    path = written(tmp_path / "crm.yaml", minimal(spec))
    context = written(tmp_path / "context" / "workload.yaml", workload(), service())
    assert run("validate", "-f", path, "--context", context).exit_code == 0


def test_the_same_name_twice_is_a_problem_across_files(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a.yaml", minimal()), written(tmp_path / "b.yaml", minimal())
    result = run("validate", "-f", first, "-f", second)
    assert (
        result.stdout
        == f"{second}:1: metadata.name: is the name of the resource at {first}:1, too; rename one of them\n"
    )


def test_json_holds_the_same_for_programs(tmp_path: Path) -> None:
    path = written(tmp_path / "crm.yaml", minimal({"target": {"kind": "Pod"}}), minimal(ADVISED, name="other"))
    result = run("validate", "-f", path, "-o", "json")
    answer = json.loads(result.stdout)
    assert (answer["valid"], result.exit_code) == (False, 1)
    wrong, fine = answer["resources"]
    assert {name: wrong[name] for name in ("file", "document", "namespace", "name")} == {
        "file": str(path),
        "document": 1,
        "namespace": "crm",
        "name": "crm",
    }
    assert wrong["problems"] == [{"path": "spec.target.kind", "message": "must be Deployment or StatefulSet"}]
    assert (fine["problems"], fine["findings"]) == ([], [])
    assert fine["warnings"][0]["path"] == "spec.workload.probes.liveness.path"


def test_broken_yaml_is_a_problem_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "crm.yaml").write_text("kind: CRMMonitoring\n---\nkind: [\n")
    result = run("validate", "-f", tmp_path / "crm.yaml", "-o", "json")
    messages = [problem["message"] for each in json.loads(result.stdout)["resources"] for problem in each["problems"]]
    assert result.exit_code == 1
    assert messages[-1] == "line 4, column 1: did not find expected node content"
    assert "must be monitoring.crm.io/v1alpha1" in messages
