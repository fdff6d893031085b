"""The log: one JSON object a line, the CRM's field names in their order, and no text of an exception of a library."""

import io
import json
import logging
import warnings

import pytest
import structlog

from crm_monitoring.contract.logs import BASE_FIELDS
from crm_monitoring.controller import logs


@pytest.fixture
def log():
    """Configure logging into memory; restore what was there."""
    root, stream = logging.getLogger(), io.StringIO()
    before = (root.handlers[:], root.level, structlog.get_config())
    levels = {name: logging.getLogger(name).level for name in ("kopf", "aiohttp.access", "asyncio")}
    logger = logs.configure("INFO", "json", stream)
    logger.lines = lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    yield logger
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(**before[2])


def test_fields_come_in_the_order_of_the_crm_and_ours_behind_them(log):
    log.info("Resource reconciled", event_name="reconciled", namespace="shop", generation=3)
    (line,) = log.lines()
    assert tuple(line)[: len(BASE_FIELDS)] == BASE_FIELDS
    assert (line["level"], line["message"], line["event"]) == ("INFO", "Resource reconciled", "reconciled")
    assert (line["component"], line["namespace"], line["generation"]) == ("operator", "shop", 3)
    assert line["function"] == "test_fields_come_in_the_order_of_the_crm_and_ours_behind_them"


def test_lines_of_libraries_look_the_same(log):
    logging.getLogger("somebody").warning("about %s", "something", extra={"detail": 7})
    (line,) = log.lines()
    assert tuple(line)[: len(BASE_FIELDS)] == BASE_FIELDS
    assert (line["logger"], line["component"], line["event"]) == ("somebody", "library", "log")
    assert (line["message"], line["detail"]) == ("about something", 7)


def fail():
    raise RuntimeError("token=SECRETVALUE123")


def test_an_exception_of_a_library_loses_its_text_and_keeps_class_and_place(log):
    try:
        fail()
    except RuntimeError as error:
        logging.getLogger("kopf.reactor").exception(f"Watcher has failed: {error}")
    (line,) = log.lines()
    assert "SECRETVALUE123" not in json.dumps(line)
    assert line["message"] == "Watcher has failed: RuntimeError"
    assert line["exception"] == "RuntimeError"
    assert line["frames"][-1].endswith(" fail")


def test_what_kopf_puts_on_its_records_is_left_out(log):
    body = {"k8s_ref": {"name": "crm"}, "k8s_skip": True, "settings": object()}
    logging.getLogger("kopf.activities").warning("seen", extra=body)
    (line,) = log.lines()
    assert not body.keys() & line.keys()


def test_what_is_not_json_is_shown_by_its_class_alone(log):
    log.info("odd", thing=object(), raw=b"SECRETVALUE123")
    (line,) = log.lines()
    assert (line["thing"], line["raw"]) == ("object", "bytes")


def test_warnings_of_python_are_lines_too(log):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("something is deprecated", DeprecationWarning, stacklevel=1)
    (line,) = log.lines()
    assert (line["logger"], line["level"]) == ("py.warnings", "WARNING")


def test_chatter_of_libraries_is_left_out_and_their_warnings_are_not(log):
    logging.getLogger("kopf.objects").info("chatter")
    logging.getLogger("aiohttp.access").info("chatter")
    log.debug("chatter")
    logging.getLogger("kopf.objects").warning("heard")
    assert [line["message"] for line in log.lines()] == ["heard"]
