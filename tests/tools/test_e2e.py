"""`make e2e` up to the cluster: kind, make and docker are stand-ins that write down what they are told."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.pins import TOOLS

ROOT = TOOLS.parent
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$TOLD"
case "$(basename "$0") $*" in $REFUSES) echo refused >&2; exit 1;; esac
"""

Run = Callable[..., tuple[subprocess.CompletedProcess[str], list[list[str]]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs `python -m e2e` to the point where stories are collected: what it said and told."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("kind", "make", "docker"):
        (programs / name).write_text(STAND_IN, encoding="utf-8")
        (programs / name).chmod(0o755)

    def run(refuses: str = "-", **given: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
        told = tmp_path / "told"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("E2E_")},
            "PATH": f"{programs}:{os.environ['PATH']}",
            "KUBEBUILDER_ASSETS": str(programs),
            "PYTHONPATH": "tools",
            "TOLD": str(told),
            "REFUSES": refuses,
            **given,
        }
        command = [sys.executable, "-m", "e2e", "--collect-only", "-p", "no:cacheprovider"]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
        return done, [line.split() for line in lines]

    return run


def verbs(told: list[list[str]]) -> list[str]:
    """Return program and verb of each command."""
    return [" ".join(words[:3]) if words[0] == "kind" else " ".join(words[:2]) for words in told]


def test_both_images_are_built_and_loaded_into_a_cluster_that_goes_at_the_end(run: Run) -> None:
    done, told = run(KIND_NODE_IMAGE="node:1")

    assert done.returncode == 0, done.stderr
    assert "test_stories.py" in done.stdout
    assert verbs(told) == [
        "kind create cluster",
        "make image",
        "make sample-image",
        "kind load docker-image",
        "kind load docker-image",
        "kind delete cluster",
    ]
    assert told[0][-2:] == ["--image", "node:1"]
    operator, sample = told[1][-1].partition("=")[2], told[2][-1].partition("=")[2]
    assert operator.startswith("crm-monitoring-operator:e2e-")
    assert sample.startswith("crm-monitoring-sample:e2e-")
    assert [words[3] for words in told[3:5]] == [operator, sample]
    assert len({words[words.index("--name") + 1] for words in told if words[0] == "kind"}) == 1


def test_an_image_of_prometheus_operator_is_loaded_when_the_engine_has_it(run: Run) -> None:
    _, told = run(E2E_PROMETHEUS_OPERATOR_IMAGE="mirror.example.com/prometheus-operator:1")
    assert [words[3] for words in told if words[:2] == ["kind", "load"]][2:] == [
        "mirror.example.com/prometheus-operator:1"
    ]


def test_one_that_the_engine_lacks_is_left_to_the_nodes(run: Run) -> None:
    done, told = run("docker*", E2E_PROMETHEUS_OPERATOR_IMAGE="mirror.example.com/prometheus-operator:1")

    assert done.returncode == 0, done.stderr
    assert verbs(told).count("kind load docker-image") == 2


REFUSALS = {
    "kind create*": "kind create cluster",
    "make sample*": "build the sample's image",
    "kind load*": "load crm-",
}


@pytest.mark.parametrize("refuses", REFUSALS)
def test_a_step_that_fails_is_named_with_what_helps_and_no_cluster_stays(run: Run, refuses: str) -> None:
    done, told = run(refuses)

    assert done.returncode == 2
    assert REFUSALS[refuses] in done.stderr
    assert "KIND_NODE_IMAGE" in done.stderr
    assert verbs(told)[-1] == "kind delete cluster"


@pytest.mark.parametrize("missing", ["E2E_IMAGE", "E2E_SAMPLE_IMAGE"])
def test_a_cluster_that_exists_needs_both_images(run: Run, missing: str, tmp_path: Path) -> None:
    given = {"E2E_KUBECONFIG": str(tmp_path / "config"), "E2E_IMAGE": "a:1", "E2E_SAMPLE_IMAGE": "b:1"}
    del given[missing]

    done, told = run(**given)

    assert (done.returncode, told) == (2, [])
    assert missing in done.stderr
