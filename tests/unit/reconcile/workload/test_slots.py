"""What is in a slot and where it differs from what is wanted."""

from typing import Any

import pytest

from crm_monitoring.reconcile.workload.slots import (
    Place,
    Slot,
    desired_slots,
    differing,
    is_original,
    leaves_of,
    only,
    place_of,
    stored,
)
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import READINESS
from support.recorded import recorded

PROBE = Slot("api", "readinessProbe")
LEVEL = Slot.env("api", "CRM_LOG_LEVEL")
SHORT = {"httpGet": {"path": "/a", "port": 80}}


def test_a_slot_survives_being_written_down() -> None:
    for slot in (PROBE, LEVEL):
        assert Slot.parse(str(slot)) == slot


@pytest.mark.parametrize("text", ["api/image", "api/env/", "api/env/A B", "/readinessProbe", "a/b/readinessProbe", ""])
def test_any_other_text_is_no_slot(text: str) -> None:
    assert Slot.parse(text) is None


def test_what_a_resource_asks_for_is_sorted_into_slots() -> None:
    fields = WorkloadFields("api", {"readinessProbe": READINESS}, {"B": "2", "A": "1"})

    assert list(desired_slots(fields)) == [Slot.env("api", "A"), Slot.env("api", "B"), PROBE]
    assert desired_slots(None) == {}


DIFFERENCES: dict[str, tuple[Slot, dict[str, Any], dict[str, Any], set[tuple[str, ...]]]] = {
    "the same": (PROBE, READINESS, READINESS, set()),
    "defaults are filled in on the live side": (
        PROBE,
        SHORT,
        {
            "httpGet": {"path": "/a", "port": 80, "scheme": "HTTP"},
            "initialDelaySeconds": 0,
            "periodSeconds": 10,
            "timeoutSeconds": 1,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        set(),
    ),
    "a field that is not wanted may have any value": (PROBE, {**SHORT, "successThreshold": 2}, SHORT, set()),
    "another path": (PROBE, {"httpGet": {"path": "/b", "port": 80}}, SHORT, {("httpGet", "path")}),
    "a port by name is not the port by number": (
        PROBE,
        {"httpGet": {"path": "/a", "port": "80"}},
        SHORT,
        {("httpGet", "port")},
    ),
    "another handler": (
        PROBE,
        {"tcpSocket": {"port": 80}},
        {"httpGet": {"path": "/", "port": 80}},
        {("httpGet", "port"), ("tcpSocket", "port")},
    ),
    "an empty handler of another type": (PROBE, {**SHORT, "exec": {}}, SHORT, {("exec",)}),
    "the same value": (LEVEL, {"name": "X", "value": "1"}, {"name": "X", "value": "1"}, set()),
    "another value": (LEVEL, {"name": "X", "value": "2"}, {"name": "X", "value": "1"}, {("value",)}),
    "no value is the empty value": (LEVEL, {"name": "X"}, {"name": "X", "value": ""}, set()),
    "a value from elsewhere": (
        LEVEL,
        {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "X", "value": "1"},
        {("value",), ("valueFrom", "fieldRef", "fieldPath")},
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_slot_differs_in(case: tuple[Slot, dict[str, Any], dict[str, Any], set[tuple[str, ...]]]) -> None:
    slot, live, wanted, expected = case

    assert differing(slot, live, wanted) == expected


def test_a_slot_is_found_by_the_name_of_its_container() -> None:
    live = recorded({"env": [{"name": "A"}, {"name": "CRM_LOG_LEVEL", "value": "INFO"}]})

    assert place_of(live, LEVEL) == Place(
        "/spec/template/spec/containers/0", 1, has_env=True, value={"name": "CRM_LOG_LEVEL", "value": "INFO"}
    )
    assert place_of(live, PROBE) == Place("/spec/template/spec/containers/0")
    assert place_of(live, Slot("web", "readinessProbe")) is None


def test_a_variable_that_is_listed_twice_is_noticed_and_the_last_one_counts() -> None:
    live = recorded({"env": [{"name": "CRM_LOG_LEVEL", "value": "A"}, {"name": "CRM_LOG_LEVEL", "value": "B"}]})

    place = place_of(live, LEVEL)

    assert place is not None
    assert place.twice
    assert place.value == {"name": "CRM_LOG_LEVEL", "value": "B"}


def test_part_of_a_value_keeps_the_name_of_a_variable() -> None:
    assert only({"name": "X", "value": "1"}, frozenset()) == {"name": "X"}
    assert only(SHORT, frozenset({("httpGet", "path")})) == {"httpGet": {"path": "/a"}}


def test_a_delay_of_zero_is_not_owned() -> None:
    assert ("initialDelaySeconds",) not in leaves_of(stored(PROBE, READINESS))
    assert stored(PROBE, {**READINESS, "initialDelaySeconds": 5})["initialDelaySeconds"] == 5


ORIGINALS: dict[str, tuple[Slot, object, bool]] = {
    "an empty slot": (PROBE, None, True),
    "a probe": (PROBE, {"exec": {"command": ["true"]}, "periodSeconds": 3}, True),
    "a probe with two handlers": (PROBE, {"exec": {}, "httpGet": {}}, False),
    "a probe without a handler": (PROBE, {"periodSeconds": 3}, False),
    "a text": (PROBE, "exec", False),
    "a variable": (LEVEL, {"name": "CRM_LOG_LEVEL", "value": "x"}, True),
    "a variable of another name": (LEVEL, {"name": "PATH", "value": "x"}, False),
    "a variable with two sources": (LEVEL, {"name": "CRM_LOG_LEVEL", "value": "x", "valueFrom": {}}, False),
}


@pytest.mark.parametrize("case", ORIGINALS.values(), ids=ORIGINALS)
def test_what_may_be_restored(case: tuple[Slot, object, bool]) -> None:
    slot, value, expected = case

    assert is_original(slot, value) is expected
