"""Rows are written at once and read again, and a plan in which anything was wrong is a failure."""

from pathlib import Path

import pytest

from support.reliability.record import Recorder, read


def test_a_row_is_on_disk_as_soon_as_it_is_added(tmp_path: Path) -> None:
    recorder = Recorder("crash", seed=7, directory=tmp_path / "rows")
    first = recorder.add("create", converged=True, seconds=1.234567, violations={"O1": []})
    second = recorder.add("delete", converged=False, exits=1, violations={"O7": ["line 1: bad"]})
    Recorder("answers", directory=tmp_path / "rows").add("a", converged=True)

    assert [row.campaign for row in read(tmp_path / "rows")] == ["answers", "crash", "crash"]
    assert read(tmp_path / "rows")[1:] == [first, second]
    assert first.seconds == 1.23
    assert not first.violations


def test_without_a_directory_nothing_is_written(tmp_path: Path) -> None:
    Recorder("crash").add("create", converged=True)
    assert not list(tmp_path.iterdir())


FAILURES: dict[str, dict[str, object]] = {
    "it did not converge": {"converged": False},
    "the process ended 1 times by itself": {"converged": True, "exits": 1},
    "O4: Ready too early": {"converged": True, "violations": {"O4": ["Ready too early"]}},
    "[crash] plan (seed 3)": {"converged": True, "tracebacks": 1},
}


@pytest.mark.parametrize(("said", "outcome"), FAILURES.items(), ids=FAILURES.keys())
def test_what_was_wrong_is_told_with_the_plan_and_the_seed(said: str, outcome: dict[str, object]) -> None:
    recorder = Recorder("crash", seed=3)
    recorder.add("good", converged=True, seconds=0.5)
    recorder.add("plan", **outcome)  # type: ignore[arg-type]
    assert [row.plan for row in recorder.failures()] == ["plan"]
    assert said in recorder.told()
    assert "[crash] plan (seed 3)" in recorder.told()
