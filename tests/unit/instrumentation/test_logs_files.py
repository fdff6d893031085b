"""The log file: rotation, several processes, failures."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from crm_monitoring.instrumentation.logging_config import configure_crm_logging
from crm_monitoring.instrumentation.logs.outputs import FileOutput
from crm_monitoring.instrumentation.logs.pipeline import PIPELINE


def lines(folder: Path) -> list[bytes]:
    return [line for path in folder.glob("crm.log*") for line in path.read_bytes().splitlines()]


def test_a_file_is_renamed_before_it_would_grow_over_its_size(tmp_path: Path) -> None:
    output = FileOutput(str(tmp_path / "crm.log"), max_bytes=100, backups=2)
    for number in range(10):
        output.write(b"%039d\n" % number)
    output.close()
    kept = {path.name: path.read_bytes().split() for path in tmp_path.iterdir()}
    assert {name: [int(line) for line in found] for name, found in kept.items()} == {
        "crm.log": [8, 9],
        "crm.log.1": [6, 7],
        "crm.log.2": [4, 5],
    }


def test_without_backups_the_file_starts_anew(tmp_path: Path) -> None:
    output = FileOutput(str(tmp_path / "crm.log"), max_bytes=50, backups=0)
    for number in range(3):
        output.write(b"%039d\n" % number)
    output.close()
    assert [path.name for path in tmp_path.iterdir()] == ["crm.log"]
    assert int((tmp_path / "crm.log").read_bytes()) == 2


def test_a_file_that_exists_is_continued(tmp_path: Path) -> None:
    (tmp_path / "crm.log").write_bytes(b"before\n")
    output = FileOutput(str(tmp_path / "crm.log"), max_bytes=1000, backups=1)
    output.write(b"after\n")
    output.close()
    assert (tmp_path / "crm.log").read_bytes() == b"before\nafter\n"


def test_folders_are_made_and_the_file_is_not_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "var" / "log" / "crm.log"
    FileOutput(str(path), max_bytes=1000, backups=1).close()
    assert path.stat().st_mode & 0o007 == 0


WRITER = """
import sys
from crm_monitoring.instrumentation.logs.outputs import FileOutput

output = FileOutput(sys.argv[1], max_bytes=20_000, backups=50)
for number in range(500):
    output.write(b"%s-%045d\\n" % (sys.argv[2].encode(), number))
output.close()
"""


def test_several_processes_lose_no_line(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "crm.log"), name],
            env={**os.environ, "PYTHONPATH": "operator"},
        )
        for name in ("a", "b", "c")
    ]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    found = lines(tmp_path)
    assert len(found) == len(set(found)) == 1500
    assert len(list(tmp_path.iterdir())) > 1


def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    output = FileOutput(str(tmp_path / "crm.log"), max_bytes=100, backups=1)
    output.close()
    output.close()
    with pytest.raises(ValueError, match="closed"):
        output.write(b"late\n")


def test_a_file_that_cannot_be_opened_is_reported_and_done_without(tmp_path: Path) -> None:
    root = logging.getLogger()
    former, level = list(root.handlers), root.level
    (tmp_path / "file").touch()
    stream = io.StringIO()
    with PIPELINE.redirected(logging.INFO, []):
        configure_crm_logging(stream=stream, log_file=str(tmp_path / "file" / "crm.log"))
    root.handlers[:] = former
    root.setLevel(level)
    line = orjson.loads(stream.getvalue())
    assert line["level"] == "WARNING"
    assert line["log_file"].endswith("file/crm.log")


def test_the_file_receives_the_log_besides_the_stream(tmp_path: Path) -> None:
    root = logging.getLogger()
    former, level = list(root.handlers), root.level
    stream = io.StringIO()
    with PIPELINE.redirected(logging.INFO, []):
        configure_crm_logging(stream=stream, log_file=str(tmp_path / "crm.log"))
        logging.getLogger("x").warning("both")
        PIPELINE.reconfigure(logging.INFO, [])
    root.handlers[:] = former
    root.setLevel(level)
    assert (tmp_path / "crm.log").read_text() == stream.getvalue()
    assert orjson.loads(stream.getvalue())["message"] == "both"


@pytest.mark.parametrize("sizes", [{"max_bytes": 0}, {"backups": -1}])
def test_sizes_that_make_no_sense_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        configure_crm_logging(**sizes)  # type: ignore[arg-type]
