"""The goldens of examples/: what the commands in each example's README print or write, one file per object."""

import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from click.testing import CliRunner, Result

from crm_monitoring.cli.group import cli
from crm_monitoring.manifest import Manifest, annotations_of
from crm_monitoring.render.merged import REDACTED_ANNOTATION

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROGRAM = "crm-monitoring"
OUTPUT, CREDENTIALS = "-o", "--show-secrets"
"""Options of a command that writes files, and of one whose output is nobody's golden."""


def cases() -> list[str]:
    """Return the names of the examples that are rendered: those whose README holds a command for it."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/README.md") if _command_lines(path))


def for_kubernetes() -> list[str]:
    """Return the names of the examples that become manifests."""
    return [case for case in cases() if OUTPUT not in commands(case)[0]]


def commands(case: str) -> list[list[str]]:
    """Return the arguments of each command in an example's README, with paths that hold wherever it runs."""
    return [
        [str(EXAMPLES.parent / word) if word.startswith("examples/") else word for word in shlex.split(line)[1:]]
        for line in _command_lines(EXAMPLES / case / "README.md")
    ]


def arguments(case: str) -> list[str]:
    """Return the arguments of the only command in an example's README."""
    (only,) = commands(case)
    return only


def rendered(case: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each golden of an example, from the root of the project, and its content without a notice."""
    for given in commands(case):
        if CREDENTIALS in given:
            continue
        found = _written(given) if OUTPUT in given else _printed(given)
        for path, content in found:
            yield f"examples/{case}/rendered/{path}", content


def outputs(notice: str) -> Iterator[tuple[str, str]]:
    """Yield every golden; manifests get a notice as their first line, files that are written have one of their own."""
    for case in cases():
        mark = f"# {notice}\n" if case in for_kubernetes() else ""
        for path, content in rendered(case):
            yield path, mark + content


def _printed(given: list[str]) -> Iterator[tuple[str, str]]:
    for text in re.split(r"^---\n", _run(given).stdout, flags=re.MULTILINE)[1:]:
        yield _path(yaml.load(text, yaml.CSafeLoader)), f"---\n{text}"


def _written(given: list[str]) -> Iterator[tuple[str, str]]:
    place = given.index(OUTPUT) + 1
    with tempfile.TemporaryDirectory() as directory:
        _run([*given[:place], directory, *given[place + 1 :]])
        for path in sorted(Path(directory).iterdir()):
            yield path.name, path.read_text(encoding="utf-8")


def _run(given: list[str]) -> Result:
    outcome = CliRunner().invoke(cli, given, catch_exceptions=False)
    if outcome.exit_code:
        raise ValueError(f"{PROGRAM} {shlex.join(given)} fails:\n{outcome.stderr}")
    return outcome


def _command_lines(readme: Path) -> list[str]:
    lines = readme.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith(f"    {PROGRAM} render ")]


def _path(manifest: Manifest) -> str:
    """Return the file of an object. What must not be applied as it is has a folder of its own."""
    kind, name = manifest["kind"].lower(), manifest["metadata"]["name"]
    if annotations_of(manifest).get(REDACTED_ANNOTATION):
        return f"redacted/{kind}-{name}.yaml"
    if kind in ("deployment", "statefulset"):
        return f"patch/{kind}-{name}.yaml"
    return f"{kind}-{name}.yaml"
