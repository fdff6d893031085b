"""Documents name tests, files and values that exist."""

import ast
import re
from pathlib import Path

import pytest

import chart_values

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    "SECURITY.md",
    "charts/crm-monitoring-operator/README.md",
    *(f"docs/{name}.md" for name in ("install", "upgrade", "workload-owners", "threat-model", "operator-runbooks")),
]

every_document = pytest.mark.parametrize("name", DOCUMENTS)


def functions(path: Path) -> set[str]:
    """Return the names of the functions in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@every_document
def test_every_test_that_is_named_exists(name: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / name).read_text(encoding="utf-8"))

    assert [path for path, _ in named if not (ROOT / path).is_file()] == []
    assert [(path, test) for path, test in named if test and test not in functions(ROOT / path)] == []


@every_document
def test_every_link_leads_to_a_file(name: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / name).read_text(encoding="utf-8"))

    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


@every_document
def test_every_value_that_is_named_exists(name: str) -> None:
    exist = {value.path for value in chart_values.values()}
    blocks = {path.partition(".")[0] for path in exist if "." in path}
    named = re.findall(rf"`((?:{'|'.join(blocks)})\.\w+)(?::[^`]*)?`", (ROOT / name).read_text(encoding="utf-8"))

    assert [path for path in named if path not in exist] == []


def test_every_threat_has_a_test_that_shows_what_holds() -> None:
    rows = re.findall(r"^\| (T\d+) \|(.*)$", (ROOT / "docs/threat-model.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert [number for number, _ in rows] == [f"T{number}" for number in range(1, 24)]
    assert [number for number, row in rows if "`tests/" not in row] == []
