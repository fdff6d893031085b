"""Make docs/reliability.md: the hand-written part, and a table of what the campaigns found.

The figures are kept in docs/reliability.json, so that a campaign can be run alone and the others' figures stay. With
no rows in dist/reliability the document is made from that file again: same input, same bytes.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_suffix(".md")
ROWS = ROOT / "dist" / "reliability"
FIGURES = ROOT / "docs" / "reliability.json"
DOCUMENT = ROOT / "docs" / "reliability.md"
PLACE = "<!-- figures -->"

Row = Mapping[str, Any]
"""One line of a file in dist/reliability, as tests/support/reliability/record.py writes it."""

_COLUMNS = (
    "campaign",
    "plans",
    "converged",
    "exits",
    "tracebacks",
    "violations",
    "recovery p50 / p95 / max",
    "seeds",
    "command",
)


def rows(directory: Path) -> list[Row]:
    """Return the rows of all campaigns in a directory."""
    return [
        json.loads(line)
        for path in sorted(directory.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def summary(plans: Sequence[Row], on: str = "") -> dict[str, Any]:
    """Return the figures of one campaign. `on` says when and where it was run."""
    seconds = sorted(row["seconds"] for row in plans if row["seconds"] is not None)
    violations = Counter(oracle for row in plans for oracle in row["violations"])
    return {
        "plans": len(plans),
        "converged": sum(bool(row["converged"]) for row in plans),
        "exits": sum(row["exits"] for row in plans),
        "tracebacks": sum(row["tracebacks"] for row in plans),
        "violations": {oracle: violations[oracle] for oracle in sorted(violations, key=lambda name: int(name[1:]))},
        "recovery": [percentile(seconds, share) for share in (50, 95, 100)] if seconds else [],
        "seeds": sorted({row["seed"] for row in plans}),
        "on": on,
    }


def percentile(ordered: Sequence[float], share: int) -> float:
    """Return the value that `share` percent of a sorted sequence do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def updated(figures: Mapping[str, Any], plans: Iterable[Row], on: str = "") -> dict[str, Any]:
    """Return the figures with those of the campaigns that have rows replaced."""
    campaigns: dict[str, list[Row]] = {}
    for row in plans:
        campaigns.setdefault(row["campaign"], []).append(row)
    return {**figures, **{name: summary(those, on) for name, those in campaigns.items()}}


def table(figures: Mapping[str, Any]) -> str:
    """Return the figures as a table, a row a campaign."""
    lines = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
    for name in sorted(figures):
        each = figures[name]
        found = ", ".join(f"{oracle}: {times}" for oracle, times in each["violations"].items()) or "0"
        recovery = " / ".join(f"{value:.1f} s" for value in each["recovery"]) or "-"
        seeds = ", ".join(map(str, each["seeds"][:3])) + (", …" if len(each["seeds"]) > 3 else "")
        command = f"`make reliability ONLY={name}`"
        counts = (each["plans"], each["converged"], each["exits"], each["tracebacks"])
        lines.append(_line([name, *map(str, counts), found, recovery, seeds, command]))
    runs = [f"* {name}: {each['on']}." for name, each in sorted(figures.items()) if each["on"]]
    return "\n".join([*lines, *(["", "Run on:", "", *runs] if runs else [])])


def document(figures: Mapping[str, Any]) -> str:
    """Return the whole document."""
    return TEMPLATE.read_text(encoding="utf-8").replace(PLACE, table(figures))


def main(arguments: Sequence[str]) -> int:
    """Write the figures and the document; return 1 when a plan failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", default="", help="when and on which machine the campaigns were run, for the document")
    parser.add_argument("--rows", type=Path, default=ROWS, help="where the rows are")
    given = parser.parse_args(arguments)
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    found = rows(given.rows)
    figures = updated(known, found, given.on)
    FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    DOCUMENT.write_text(document(figures), encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)}: {len(found)} plans of {len({row['campaign'] for row in found})} campaigns")
    return int(any(not row["converged"] or row["exits"] or row["tracebacks"] or row["violations"] for row in found))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
