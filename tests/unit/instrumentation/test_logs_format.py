"""The lines: fields, order, levels, context."""

import asyncio
import logging
import re
import sys

import pytest

from crm_monitoring.contract import logs as contract
from crm_monitoring.instrumentation.logging_config import (
    CRMLogger,
    correlation,
    get_crm_logger,
)
from crm_monitoring.instrumentation.testing import assert_logged, capture_logs

SEED = {
    "level": "INFO",
    "logger": "event_planning_agent_v2.crm.orchestrator",
    "message": "Communication sent",
    "module": "test_logs_format",
    "function": "process_communication_request",
    "component": "CRMAgentOrchestrator",
    "event": "communication_sent",
    "plan_id": "abc-123",
    "client_id": "xyz-789",
    "communication_id": "comm-456",
    "channel": "email",
    "message_type": "budget_summary",
    "status": "delivered",
}


@pytest.fixture
def logger() -> CRMLogger:
    return get_crm_logger("event_planning_agent_v2.crm.orchestrator", component="CRMAgentOrchestrator")


def test_a_line_has_the_fields_of_the_product_in_their_order(logger: CRMLogger) -> None:
    def process_communication_request() -> int:
        logger.communication_sent(
            status="delivered",
            message_type="budget_summary",
            channel="email",
            communication_id="comm-456",
            client_id="xyz-789",
            plan_id="abc-123",
        )
        return sys._getframe().f_lineno - 1

    with capture_logs() as entries:
        last = process_communication_request()
    (entry,) = entries
    assert list(entry) == [*contract.BASE_FIELDS, *contract.CORRELATION_FIELDS, *contract.DOMAIN_FIELDS]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["timestamp"])
    assert last - 8 <= entry["line"] <= last
    assert {name: value for name, value in entry.items() if name not in ("timestamp", "line")} == SEED


def test_further_fields_follow_in_the_order_in_which_they_were_given(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.info("Working", zebra=1, status="sent", apple=2)
    assert list(entries[0]) == [*contract.BASE_FIELDS, "status", "zebra", "apple"]


def test_a_plain_message_has_message_and_event_too(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.info("Processing request", plan_id="plan-123", client_id="client-456")
    assert_logged(entries, message="Processing request", event="log", plan_id="plan-123", client_id="client-456")


@pytest.mark.parametrize("event", contract.ALL, ids=lambda event: event.name)
def test_every_event_of_the_contract_has_a_method_that_logs_at_its_level(
    logger: CRMLogger, event: contract.LogEvent
) -> None:
    with capture_logs() as entries:
        getattr(logger, event.name)(plan_id="p")
    assert_logged(entries, event=event.name, level=event.level.value, message=event.message, plan_id="p")
    assert entries[0]["function"] == "test_every_event_of_the_contract_has_a_method_that_logs_at_its_level"


def test_events_below_the_level_are_not_written(logger: CRMLogger) -> None:
    with capture_logs("WARNING") as entries:
        for event in contract.ALL:
            getattr(logger, event.name)()
        logger.info("no")
        logger.log(logging.DEBUG, "no")
    written = {entry["event"] for entry in entries}
    assert written == {event.name for event in contract.ALL if event.level.value in ("WARNING", "ERROR", "CRITICAL")}


def test_fields_of_an_event_that_are_none_are_left_out(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.delivery_confirmed(channel="email", delivery_time_seconds=None)
    assert "delivery_time_seconds" not in entries[0]
    assert entries[0]["channel"] == "email"


def test_bound_fields_are_on_every_line_of_the_bound_logger_and_on_no_other(logger: CRMLogger) -> None:
    bound = logger.bind(plan_id="p", channel="sms")
    with capture_logs() as entries:
        bound.info("one")
        bound.unbind("channel").info("two", client_id="c")
        logger.info("three")
    assert [(e.get("plan_id"), e.get("channel"), e.get("client_id")) for e in entries] == [
        ("p", "sms", None),
        ("p", None, "c"),
        (None, None, None),
    ]
    assert [e["component"] for e in entries] == ["CRMAgentOrchestrator"] * 3


def test_without_a_component_the_last_part_of_the_name_is_written() -> None:
    with capture_logs() as entries:
        get_crm_logger("crm.agents.email").info("x")
    assert entries[0]["component"] == "email"


def test_correlation_nests_ends_and_gives_way_to_what_a_call_says(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        with correlation(plan_id="p", client_id="c"):
            with correlation(communication_id="m", client_id="c2"):
                logger.info("inner", plan_id="own")
            logger.info("outer")
        logger.info("outside")
    found = [[e.get(name) for name in contract.CORRELATION_FIELDS] for e in entries]
    assert found == [["own", "c2", "m"], ["p", "c", None], [None, None, None]]


async def test_correlation_is_the_tasks_own(logger: CRMLogger) -> None:
    async def work(plan: str) -> None:
        with correlation(plan_id=plan):
            await asyncio.sleep(0)
            logger.info("working", expected=plan)

    with capture_logs() as entries:
        await asyncio.gather(*(work(f"plan-{number}") for number in range(20)))
    assert all(entry["plan_id"] == entry["expected"] for entry in entries)
    assert len(entries) == 20


def test_a_field_cannot_replace_what_the_program_determines(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.info("true", level="DEBUG", line=-1, timestamp="never", message="false")
    assert_logged(entries, level="INFO", message="true", level_="DEBUG", line_=-1, timestamp_="never", message_="false")


def test_arguments_are_put_into_the_message_and_kept_when_they_do_not_fit(logger: CRMLogger) -> None:
    with capture_logs() as entries:
        logger.info("%d of %d", 1, 2)
        logger.info("no place", 3)  # noqa: PLE1205
    assert [entry["message"] for entry in entries] == ["1 of 2", "no place"]
    assert entries[1]["positional_args"] == ["3"]
