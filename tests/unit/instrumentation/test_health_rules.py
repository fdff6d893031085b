"""The rules of health, and how an answer is read."""

from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from crm_monitoring.contract.health import COMPONENTS
from crm_monitoring.instrumentation.health.asking import verdict
from crm_monitoring.instrumentation.health.status import ComponentHealth, HealthStatus, Status, overall

H, D, U = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY

RULES: dict[str, tuple[dict[str, Status], Status]] = {
    "nothing to check is healthy": ({}, H),
    "all healthy is healthy": (dict.fromkeys(COMPONENTS, H), H),
    "an unhealthy database is unhealthy": ({"email_agent": H, "database": U}, U),
    "a degraded database degrades": ({"email_agent": H, "database": D}, D),
    "an unhealthy cache degrades": ({"email_agent": H, "database": H, "cache": U}, D),
    "one unhealthy agent of two degrades": ({"email_agent": U, "messaging_agent": H}, D),
    "both agents unhealthy is unhealthy": ({"email_agent": U, "messaging_agent": U}, U),
    "one unhealthy and one degraded agent degrades": ({"email_agent": U, "messaging_agent": D}, D),
    "the only agent unhealthy is unhealthy": ({"messaging_agent": U, "database": H}, U),
    "an unhealthy component of the CRM's own degrades": ({"template_store": U}, D),
    "an unhealthy critical component is unhealthy": ({"ledger": U}, U),
}


@pytest.mark.parametrize("case", RULES)
def test_rule(case: str) -> None:
    statuses, expected = RULES[case]
    assert overall(statuses, critical=("database", "ledger")) is expected


class Word(Enum):
    DOWN = "down"
    UP = "up"


ANSWERS: dict[str, tuple[Any, Status]] = {
    "None: no exception was raised": (None, H),
    "True": (True, H),
    "False": (False, U),
    "the word of our own contract": ("degraded", D),
    "a word in capitals": ("HEALTHY", H),
    "what Redis says": (b"PONG", H),
    "a word that nobody knows": ("disconnected", U),
    "an enumeration": (Word.DOWN, U),
    "a mapping with a status": ({"status": "ok", "url": "postgres://u:p@db"}, H),
    "a mapping with healthy": ({"healthy": False}, U),
    "a mapping with neither": ({"pool": 3}, U),
    "an object with a status": (SimpleNamespace(status="unhealthy"), U),
    "an object with an enumeration": (SimpleNamespace(status=Word.UP), H),
    "a row": ((1,), H),
    "no row": ((), U),
    "an object that has every attribute": (MagicMock(), H),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answer(case: str) -> None:
    answer, expected = ANSWERS[case]
    assert verdict(answer) is expected


NOON = datetime(2025, 10, 27, 10, 30, 0, 987654, UTC)


def status(include_details: bool) -> HealthStatus:
    component = ComponentHealth(H, "Cache operational", NOON)
    return HealthStatus(H, "2.0.0", NOON, 3600.5, {"cache": component}, include_details)


def test_the_answer_has_the_documented_shape() -> None:
    assert status(include_details=True).to_dict() == {
        "status": "healthy",
        "version": "2.0.0",
        "timestamp": "2025-10-27T10:30:00Z",
        "uptime_seconds": 3600.5,
        "components": {
            "cache": {
                "status": "healthy",
                "message": "Cache operational",
                "last_check": "2025-10-27T10:30:00Z",
                "metadata": {},
            }
        },
    }


def test_without_details_a_component_is_its_status() -> None:
    assert status(include_details=False).to_dict()["components"] == {"cache": {"status": "healthy"}}


@pytest.mark.parametrize(("given", "code"), [(H, 200), (D, 200), (U, 503)])
def test_only_unhealthy_is_503(given: Status, code: int) -> None:
    assert HealthStatus(given, "1", NOON, 1.0, {}).http_status == code
