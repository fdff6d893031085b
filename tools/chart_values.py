"""The table of values in the chart's README, made from the comments in values.yaml."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "crm-monitoring-operator"
PATH = "charts/crm-monitoring-operator/README.md"
BEGIN, END = "<!-- values -->\n", "<!-- end of values -->\n"


@dataclass(frozen=True, slots=True)
class Value:
    """One key of values.yaml: its path such as image.tag, its default, and the comment above it."""

    path: str
    default: object
    description: str


def values(chart: Path = CHART) -> list[Value]:
    """Return every documented key in the order of the file, and every key without children."""
    text = (chart / "values.yaml").read_text(encoding="utf-8")
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "values.yaml is a map"
    return list(_walk(root, text.splitlines(), ""))


def content(notice: str, chart: Path = CHART) -> str:
    """Return the README with its present prose and the table as it should be."""
    prose = (chart / "README.md").read_text(encoding="utf-8")
    _, _, body = prose.partition("\n")
    before, _, rest = body.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"<!-- The table of values is {notice}: its source is values.yaml -->\n{before}{BEGIN}{_table(chart)}{END}{after}"


def _table(chart: Path) -> str:
    rows = (f"| `{value.path}` | `{json.dumps(value.default)}` | {value.description} |" for value in values(chart))
    return "\n".join(["| value | default | what it does |", "| --- | --- | --- |", *rows]) + "\n"


def _walk(node: yaml.MappingNode, lines: list[str], above: str) -> Iterator[Value]:
    for key, value in node.value:
        path = f"{above}{key.value}"
        description = _comment_above(lines, key.start_mark.line)
        if not description and isinstance(value, yaml.MappingNode) and value.value:
            yield from _walk(value, lines, f"{path}.")
        else:
            yield Value(path, _plain(value), description)


def _comment_above(lines: list[str], line: int) -> str:
    comment: list[str] = []
    for text in reversed(lines[:line]):
        if not text.lstrip().startswith("# "):
            break
        comment.insert(0, text.lstrip().removeprefix("# "))
    return " ".join(comment)


def _plain(node: yaml.Node) -> object:
    return yaml.safe_load(yaml.serialize(node))
