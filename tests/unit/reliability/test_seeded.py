"""The seeded bugs can be put into the package as it is today, and each leaves Python that compiles."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.reliability.seeded import BUGS, PACKAGE, Bug, Change, seed


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_changes_the_package_as_it_is_today(bug: Bug) -> None:
    for change in bug:
        before = (PACKAGE / change.file).read_text(encoding="utf-8")
        after = change.of(before)
        assert after != before
        compile(after, change.file, "exec")


def test_a_process_with_a_bug_runs_from_a_copy(tmp_path: Path) -> None:
    change = Change("__init__.py", '__version__ = "', '__version__ = "with a bug ')
    program = seed([change], tmp_path)
    told = subprocess.check_output([sys.executable, *program, "version"], text=True, stderr=subprocess.STDOUT)
    assert "with a bug" in told
    assert "with a bug" not in (PACKAGE / change.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "a = 1\n" * 2], ids=["gone", "twice"])
def test_a_text_that_is_not_there_once_is_an_error(content: str) -> None:
    with pytest.raises(LookupError, match="instead of once"):
        Change("x.py", "a = 1\n", "a = 2\n").of(content)
