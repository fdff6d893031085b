"""The documents say what is there."""

import re
from pathlib import Path

import pytest

from crm_monitoring.cli.group import COMMANDS
from rendered_examples import EXAMPLES

ROOT = EXAMPLES.parent
PACKAGE = ROOT / "operator" / "crm_monitoring"
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs/decisions").glob("*.md"),
    ]
)


CHART = ROOT / "charts" / "crm-monitoring-operator"
WRITTEN_BY_THE_READER = {"app.py"}
MADE_BY_MAKE = "dist/"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", _text(document))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.parent.name != "decisions"], ids=_named)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    beside = re.compile(r"`([a-z_0-9]+(?:/[A-Za-z_0-9*.-]+)*/?(?:\.py|\.md|\.yaml|/))`")
    missing = [name for name in beside.findall(_text(document)) if not _exists(name)]
    assert missing == []


def _exists(name: str) -> bool:
    if name in WRITTEN_BY_THE_READER or name.startswith(MADE_BY_MAKE):
        return True
    folders = (path for folder in (PACKAGE, ROOT / "tests") for path in folder.iterdir() if path.is_dir())
    places = (ROOT, PACKAGE, CHART, EXAMPLES / "quickstart", *folders)
    return any(list(place.glob(name.rstrip("/"))) for place in places)


def test_the_resource_in_the_readme_is_the_quickstart() -> None:
    (shown, *_) = re.findall(r"```yaml\n(.*?)```", _text(ROOT / "README.md"), re.DOTALL)
    assert shown == _text(EXAMPLES / "quickstart" / "crmmonitoring.yaml")


def test_the_objects_of_the_quickstart_are_named_in_the_readme() -> None:
    readme = _text(ROOT / "README.md")
    names = {path.stem.partition("-")[2] for path in (EXAMPLES / "quickstart" / "rendered").glob("*.yaml")}
    assert [name for name in sorted(names) if f"`{name}`" not in readme] == []


def test_the_readme_shows_every_command() -> None:
    readme = _text(ROOT / "README.md")
    assert [name for name in COMMANDS if f"crm-monitoring {name}" not in readme and name != "version"] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_target_of_make_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", _text(ROOT / "Makefile"), re.MULTILINE))
    named = {
        name for path in DOCUMENTS for name in re.findall(r"(?:`|^ {4})make ([a-z0-9-]+)", _text(path), re.MULTILINE)
    }
    assert named <= targets
