"""Whatever is logged, a line of bounded size comes out: odd values, exceptions."""

import io
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.instrumentation.logging_config import (
    CRMLogger,
    get_crm_logger,
)
from crm_monitoring.instrumentation.logs.outputs import StreamOutput
from crm_monitoring.instrumentation.logs.pipeline import Pipeline
from crm_monitoring.instrumentation.logs.rendering import json_renderer
from crm_monitoring.instrumentation.redaction import Redactor
from crm_monitoring.instrumentation.testing import assert_logged, capture_logs


@pytest.fixture
def logger() -> CRMLogger:
    return get_crm_logger("crm.x", component="X")


class Status(StrEnum):
    SENT = "sent"


@dataclass
class Opaque:
    number: int = 1


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE

VALUES: dict[str, tuple[object, object]] = {
    "an enumeration": (Status.SENT, "sent"),
    "an identifier": (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "a time": (datetime(2025, 10, 27, tzinfo=UTC), "2025-10-27T00:00:00+00:00"),
    "a number that JSON has": (1.5, 1.5),
    "a number that JSON lacks": (float("nan"), None),
    "a large number": (2**70, str(2**70)),
    "a tuple": ((1, "a"), [1, "a"]),
    "a map with keys of another type": ({1: 2}, {"1": 2}),
    "half a character": ("\ud800", "\\ud800"),
    "an object": (Opaque(), "Opaque(number=1)"),
    "an object that breaks": (Broken(), "<Broken>"),
    "bytes": (b"x", "b'x'"),
    "an exception": (ValueError("bad"), "bad"),
}


@pytest.mark.parametrize("what", VALUES)
def test_any_value_becomes_json(logger: CRMLogger, what: str) -> None:
    value, written = VALUES[what]
    with capture_logs() as entries:
        logger.info("x", value=value)
    assert entries[0]["value"] == written


def test_a_cycle_ends(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.info("x", value=CYCLE)
    assert entries[0]["message"] == "x"


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.builds(Broken)
)


@given(value=st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner)))
def test_no_value_costs_a_line(value: object) -> None:
    stream = io.StringIO()
    pipeline = Pipeline(logging.INFO, [(json_renderer(Redactor()), (StreamOutput(stream),))])
    CRMLogger.named("x", pipeline).info("kept", value=value)
    assert orjson.loads(stream.getvalue())["message"] == "kept"
    assert pipeline.lines_lost == 0


@pytest.mark.parametrize("fields", [{"text": "x" * 100_000}, {f"f{n}": "y" * 5_000 for n in range(40)}])
def test_a_line_stays_short_enough_for_container_runtimes(logger: CRMLogger, fields: dict[str, str]) -> None:
    stream = io.StringIO()
    pipeline = Pipeline(logging.INFO, [(json_renderer(Redactor()), (StreamOutput(stream),))])
    CRMLogger.named("x", pipeline).info("long", plan_id="p", **fields)
    assert len(stream.getvalue()) <= 16_384
    assert orjson.loads(stream.getvalue())["plan_id"] == "p"


def fail(depth: int = 0) -> None:
    credential = "hunter2-in-a-local-variable"
    if depth:
        fail(depth - 1)
    raise ValueError("bad value" + credential[:0])


def test_an_exception_has_class_message_place_and_cause_and_no_local_variables(logger: CRMLogger) -> None:
    def chain() -> None:
        try:
            fail()
        except ValueError as error:
            raise KeyError("key") from error

    with capture_logs() as entries:
        try:
            chain()
        except KeyError:
            logger.exception("Failed", channel="email")
    entry = assert_logged(entries, level="ERROR", exception_type="KeyError", channel="email")
    text = entry["exception"]
    assert text.startswith("KeyError: 'key'\n")
    assert "caused by ValueError: bad value" in text
    assert re.search(r"test_logs_values\.py:\d+ in fail", text)
    assert "hunter2" not in text


def test_a_deep_exception_is_bounded_to_its_innermost_frames(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        try:
            fail(500)
        except ValueError as error:
            logger.error("Failed", exc_info=error)
    text = entries[0]["exception"]
    assert text.count(" in fail") == 20
    assert "482 outer frames" in text or "483 outer frames" in text


def test_the_members_of_a_group_are_shown(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.error("Failed", exc_info=ExceptionGroup("several", [ValueError("one"), TypeError("two")]))
    assert "in the group: ValueError: one" in entries[0]["exception"]
    assert "in the group: TypeError: two" in entries[0]["exception"]


def test_exception_info_without_an_exception_adds_nothing(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.error("Failed", exc_info=True)
    assert "exception" not in entries[0]
