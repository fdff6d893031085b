"""The log of the whole process: configuration, the standard library, the console, failures."""

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from crm_monitoring.contract import logs as contract
from crm_monitoring.instrumentation.logging_config import (
    CRMLogger,
    configure_crm_logging,
    get_crm_logger,
)
from crm_monitoring.instrumentation.logs.outputs import StreamOutput
from crm_monitoring.instrumentation.logs.pipeline import PIPELINE, Pipeline
from crm_monitoring.instrumentation.logs.rendering import json_renderer
from crm_monitoring.instrumentation.logs.stdlib import PipelineHandler
from crm_monitoring.instrumentation.redaction import Redactor


def fail() -> None:
    raise ValueError("bad value")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Configure the log of the process to a text stream, and put back what was there."""
    root = logging.getLogger()
    former, level = list(root.handlers), root.level
    stream = io.StringIO()
    with PIPELINE.redirected(logging.INFO, []):
        configure_crm_logging("INFO", stream=stream)
        yield stream
    root.handlers[:] = former
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_loggers_of_the_standard_library_write_the_same_lines(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("Took %d s", 3, extra={"channel": "email", "attempt": 2})
    (line,) = lines(stream)
    assert list(line) == [*contract.BASE_FIELDS, "channel", "attempt"]
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "some.library", "Took 3 s")
    assert (line["module"], line["component"], line["event"]) == ("test_logs_process", "library", "log")


def test_an_exception_of_the_standard_library_is_bounded_as_well(stream: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("some.library").exception("Failed")
    assert lines(stream)[0]["exception_type"] == "ValueError"
    assert stream.getvalue().count("\n") == 1


def test_arguments_that_do_not_fit_do_not_cost_the_line(stream: io.StringIO) -> None:
    record = logging.LogRecord("some.library", logging.WARNING, __file__, 1, "Took %d s", ("three",), None)
    PipelineHandler(PIPELINE).handle(record)
    assert lines(stream)[0]["message"] == "Took %d s"


def test_the_level_holds_for_all_loggers_and_for_those_made_before(stream: io.StringIO) -> None:
    early = get_crm_logger("early")
    configure_crm_logging("error", stream=stream)
    early.warning("no")
    logging.getLogger("some.library").warning("no")
    early.error("yes")
    assert [line["message"] for line in lines(stream)] == ["yes"]


def test_a_server_that_prints_by_itself_stops_doing_so(stream: io.StringIO) -> None:
    server = logging.getLogger("uvicorn.access")
    server.propagate = False
    own = io.StringIO()
    server.addHandler(logging.StreamHandler(own))
    configure_crm_logging("INFO", stream=stream)
    server.info('"%s %s" %d', "GET", "/x?token=abc123", 200)
    assert own.getvalue() == ""
    assert lines(stream)[0]["message"] == '"GET /x?token=***" 200'


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'LOUD' is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL"):
        configure_crm_logging("LOUD")


def test_without_json_a_person_reads_it_on_one_line_without_control_characters(stream: io.StringIO) -> None:
    configure_crm_logging("INFO", enable_json=False, stream=stream)
    get_crm_logger("crm.x", component="C").info("Hello\x1b[31m\nInjected", plan_id="p", password="hunter2")
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "plan_id=p" in text
    assert "hunter2" not in text


def test_a_stream_that_fails_costs_the_line_and_not_the_caller() -> None:
    stream = io.StringIO()
    stream.close()
    pipeline = Pipeline(logging.INFO, [(json_renderer(Redactor()), (StreamOutput(stream),))])
    CRMLogger.named("x", pipeline).info("lost")
    assert pipeline.lines_lost == 1


def test_lines_of_several_threads_do_not_mix(stream: io.StringIO, tmp_path: Any) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        configure_crm_logging("INFO", stream=file)
        logger = get_crm_logger("x")

        def work(name: int) -> None:
            for _ in range(200):
                logger.info("x" * 200, number=name)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        configure_crm_logging("INFO", stream=stream)
    written = (tmp_path / "log").read_bytes().splitlines()
    assert len([orjson.loads(line) for line in written]) == 800
