"""The report says what the rows say, keeps what was not run, and is the same for the same rows."""

import json
from typing import Any

import reliability_report as report


def row(campaign: str, seconds: float | None = None, **more: Any) -> dict[str, Any]:
    base = {"campaign": campaign, "plan": "p", "converged": True, "seconds": seconds, "exits": 0, "tracebacks": 0}
    return {**base, "violations": {}, "seed": 1, **more}


ROWS = [
    *(row("crash", seconds) for seconds in (1.0, 2.0, 3.0, 4.0)),
    row("crash", converged=False, exits=1, tracebacks=2, violations={"O4": ["x", "y"], "O10": ["z"]}, seed=2),
    row("crash", 2.5, violations={"O4": ["x"]}),
]


def test_a_campaign_is_summed_up() -> None:
    assert report.summary(ROWS, "a machine") == {
        "plans": 6,
        "converged": 5,
        "exits": 1,
        "tracebacks": 2,
        "violations": {"O4": 2, "O10": 1},
        "recovery": [2.5, 4.0, 4.0],
        "seeds": [1, 2],
        "on": "a machine",
    }


def test_the_percentile_is_that_of_the_nearest_rank() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert [report.percentile(hundred, share) for share in (50, 95, 100)] == [50.0, 95.0, 100.0]
    assert report.percentile([7.0], 95) == 7.0


def test_a_campaign_that_was_not_run_keeps_its_figures() -> None:
    known = {"answers": report.summary([row("answers")]), "crash": report.summary([row("crash")])}
    figures = report.updated(known, ROWS)
    assert figures["answers"] == known["answers"]
    assert figures["crash"]["plans"] == 6


def test_the_table_has_a_row_a_campaign_and_names_the_command() -> None:
    table = report.table(report.updated({}, [*ROWS, row("answers")], "two cores"))
    lines = table.splitlines()
    assert lines[2] == "| answers | 1 | 1 | 0 | 0 | 0 | - | 1 | `make reliability ONLY=answers` |"
    assert lines[3].startswith("| crash | 6 | 5 | 1 | 2 | O4: 2, O10: 1 | 2.5 s / 4.0 s / 4.0 s | 1, 2 | ")
    assert "* crash: two cores." in lines


def test_the_document_is_current() -> None:
    figures = json.loads(report.FIGURES.read_text())
    assert report.DOCUMENT.read_text() == report.document(figures), "run: python tools/reliability_report.py"
