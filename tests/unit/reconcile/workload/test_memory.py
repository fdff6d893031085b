"""What the annotation remembers, and what of it is believed."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.reconcile.workload.memory import ANNOTATION, LARGEST, Memory
from crm_monitoring.reconcile.workload.slots import Slot
from support.recorded import recorded

PROBE = Slot("api", "readinessProbe")
MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
FULL = Memory(
    "crm",
    "uid",
    "Remove",
    MOMENT,
    {PROBE: {"exec": {"command": ["true"]}}, Slot.env("api", "CRM_LOG_LEVEL"): None},
    {PROBE: (MOMENT,)},
)


def said(text: str) -> Memory:
    return Memory.of(recorded({}, annotations={ANNOTATION: text}))


def test_what_is_written_is_read_again() -> None:
    assert said(FULL.text()) == FULL


def test_same_memory_same_bytes() -> None:
    assert said(FULL.text()).text() == FULL.text()


NONSENSE = {
    "no JSON": "{",
    "a list": "[]",
    "deeply nested": "[" * 20000,
    "other types everywhere": json.dumps(
        {"resource": 1, "uid": [], "deletionPolicy": {}, "changed": 5, "originals": [], "takes": "x"}
    ),
    "slots and times that are none": json.dumps(
        {"changed": "yesterday", "originals": {"api/image": "x", "": {}}, "takes": {"api/readinessProbe": ["x", 1]}}
    ),
    "a time without a zone": json.dumps({"changed": "2026-01-01T12:00:00"}),
    "an original of the wrong shape": json.dumps({"originals": {"api/readinessProbe": {"image": "evil"}}}),
    "too large": json.dumps({"resource": "crm", "padding": "x" * LARGEST}),
}


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_counts_as_absent(text: str) -> None:
    assert said(text) == Memory()


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["originals", "takes", "changed", "uid", "api/readinessProbe", "exec"]), x
            )
        ),
    ).map(json.dumps)
)
def test_no_text_at_all_is_an_error(text: str) -> None:
    assert said(text).fits
