"""The goldens of examples/: what the command in each example's README prints, one file per object."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import yaml
from click.testing import CliRunner

from crm_monitoring.cli.group import cli
from crm_monitoring.manifest import Manifest, annotations_of
from crm_monitoring.render.merged import REDACTED_ANNOTATION

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROGRAM = "crm-monitoring"


def cases() -> list[str]:
    """Return the names of the examples that are rendered: those whose README holds a command for it."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/README.md") if _command_lines(path))


def arguments(case: str) -> list[str]:
    """Return the arguments of the command in an example's README, with paths that hold wherever it runs."""
    (line,) = _command_lines(EXAMPLES / case / "README.md")
    _, *given = shlex.split(line)
    return [str(EXAMPLES.parent / word) if word.startswith("examples/") else word for word in given]


def rendered(case: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each golden of an example, from the root of the project, and its content without a notice."""
    outcome = CliRunner().invoke(cli, arguments(case), catch_exceptions=False)
    if outcome.exit_code:
        raise ValueError(f"examples/{case} does not render:\n{outcome.stderr}")
    for text in re.split(r"^---\n", outcome.stdout, flags=re.MULTILINE)[1:]:
        yield f"examples/{case}/rendered/{_path(yaml.load(text, yaml.CSafeLoader))}", f"---\n{text}"


def outputs(notice: str) -> Iterator[tuple[str, str]]:
    """Yield every golden with a notice in its first line."""
    for case in cases():
        for path, content in rendered(case):
            yield path, f"# {notice}\n{content}"


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
