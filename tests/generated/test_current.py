"""Generated files in the checkout are what the generator makes now."""

from pathlib import Path

import generate


def test_every_generated_file_is_current() -> None:
    assert generate.stale() == [], "run: make generate"


def test_every_generated_file_says_so_in_its_first_line() -> None:
    for path, content in generate.outputs():
        assert generate.NOTICE in content.splitlines()[0], path


def test_a_changed_file_is_stale_and_is_written_again(tmp_path: Path) -> None:
    paths = [path for path, _ in generate.outputs()]
    assert generate.write(tmp_path) == paths
    assert generate.stale(tmp_path) == []

    (tmp_path / paths[0]).write_text("edited")

    assert generate.stale(tmp_path) == [paths[0]]
    assert generate.write(tmp_path) == [paths[0]]
    assert generate.stale(tmp_path) == []
