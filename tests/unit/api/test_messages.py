"""Problems are sentences a person can act on, all at once, and they never repeat what was given."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from crm_monitoring.api.parsing import parse
from crm_monitoring.api.validation import load, validate
from crm_monitoring.errors import InvalidSpec, Problem
from crm_monitoring.manifest import Manifest
from support.resources import EMAIL, PAGERDUTY, SLACK, full, minimal, parsed, quickstart

SENTENCES: dict[str, tuple[Manifest, str]] = {
    "a missing field is described": (
        minimal({"target": {"name": None}}),
        "spec.target.name: is required. Name of the workload, for example crm-api. It may be created later.",
    ),
    "a misspelt field is corrected": (
        minimal({"metrics": {"scrapeTimeOut": "1s"}}),
        "spec.metrics.scrapeTimeOut: is not a field here; did you mean scrapeTimeout?",
    ),
    "a field in snake case is corrected": (
        minimal({"metrics": {"sample_limit": 1}}),
        "spec.metrics.sample_limit: is not a field here; did you mean sampleLimit?",
    ),
    "an unlike field is answered with all of them": (
        minimal({"target": {"xyz": 1}}),
        "spec.target.xyz: is not a field here; there are container, kind, name, service",
    ),
    "a pattern is put in words": (
        minimal({"metrics": {"interval": "15"}}),
        "spec.metrics.interval: must be a time such as 15s, 10m or 1h30m",
    ),
    "a number asks for quotes": (
        minimal({"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": 100}}}}),
        "spec.alerts.overrides.CRMQueueSizeHigh.threshold: must be text; put numbers, dates, true and false in quotes",
    ),
    "a port says both of its forms": (
        minimal({"metrics": {"port": True}}),
        "spec.metrics.port: must be a port number from 1 to 65535, or the name of a port such as metrics (at most 15 characters)",
    ),
    "a choice is listed": (
        minimal({"mode": "DryRun"}),
        "spec.mode: must be Enforce or Observe",
    ),
    "a limit is named": (
        minimal({"metrics": {"sampleLimit": 1}}),
        "spec.metrics.sampleLimit: must be at least 100",
    ),
    "a block is asked for": (
        minimal({"target": "crm-api"}),
        "spec.target: must be a map of fields",
    ),
    "a wrong key of a map is put in words": (
        minimal({"alerts": {"severityMap": {"warning": "low"}}}),
        "spec.alerts.severityMap: has a key that must be critical, high, medium or low",
    ),
    "an expression names its alert": (
        minimal({"alerts": {"custom": [{"alert": "Mine", "expr": "up @ 1 > 0", "summary": "x"}]}}),
        "spec.alerts.custom[0].expr: alert Mine: must not use @; an alert looks at now (at character 4)",
    ),
    "a template says what is accepted": (
        minimal({"alerts": {"custom": [{"alert": "Mine", "expr": "up == 0", "summary": "{{ .Value }}"}]}}),
        "spec.alerts.custom[0].summary: has a template that is not accepted (at character 1); use {{ $value }}, "
        "{{ $labels.name }}, {{ humanize $value }} and {{ $value | humanizePercentage }}",
    ),
    "a misspelt time zone is corrected": (
        quickstart(
            {"notifications": {"muteTimings": [{"name": "n", "weekdays": ["monday"], "location": "Europe/Berln"}]}}
        ),
        "spec.notifications.muteTimings[0].location: is not a time zone of the IANA database, such as Europe/Berlin or UTC",
    ),
    "another kind is refused": (
        {**minimal(), "kind": "Deployment"},
        "kind: must be CRMMonitoring",
    ),
    "a stray field beside the spec is refused": (
        {**minimal(), "data": {}},
        "data: is not a field here; there are apiVersion, kind, metadata, spec, status",
    ),
    "a number beyond 64 bits is refused": (
        minimal({"metrics": {"sampleLimit": 2**70}}),
        "spec.metrics.sampleLimit: must be a number of at most 64 bits, or valid UTF-8 text",
    ),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_problem_says_what_is_wrong_and_what_would_be_accepted(sentence: str) -> None:
    body, message = SENTENCES[sentence]

    assert [str(problem) for problem in problems(body)] == [message]


def test_all_problems_are_reported_at_once_even_when_one_block_does_not_parse() -> None:
    body = minimal({
        "metrics": {"interval": "fast", "port": 0},
        "slos": [{"name": "a", "sli": "DeliveryTime", "objective": "1%"}],
        "workload": {},
    })  # fmt: skip

    assert {problem.path for problem in problems({**body, "kind": "X"})} == {
        "kind",
        "spec.metrics.interval",
        "spec.metrics.port",
        "spec.slos[0].objective",
        "spec.slos[0].threshold",
        "spec.workload",
    }


def test_a_broken_target_does_not_hide_the_rest() -> None:
    assert {problem.path for problem in problems(minimal({"target": {"name": "A"}, "workload": {}}))} == {
        "spec.target.name",
        "spec.workload",
    }


def test_one_wrong_entry_of_a_list_is_one_problem() -> None:
    assert [
        problem.path for problem in problems(quickstart({"notifications": {"receivers": [{**SLACK, "name": "A"}]}}))
    ] == ["spec.notifications.receivers[0].name"]


CANARY = 'xoxb-13579-Canary/"{{'


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from leaves(below, (*path, name))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from leaves(below, (*path, index))
    else:
        yield path


def test_no_problem_repeats_a_value() -> None:
    refused = 0
    for path in leaves(full()["spec"]):
        body = full()
        block = body["spec"]
        for step in path[:-1]:
            block = block[step]
        block[path[-1]] = CANARY
        found = refusal(body)
        refused += found is not None
        assert "Canary" not in f"{found} {found!r}", path

    assert refused > 70


@pytest.mark.parametrize("path", [(), ("alerts", "extraLabels"), ("alerts", "severityMap"), ("objectLabels",)])
def test_no_problem_repeats_a_name_that_looks_like_a_credential(path: tuple[str, ...]) -> None:
    body = full()
    block = body["spec"]
    for step in path:
        block = block[step]
    block["https://hooks.example.com/T0/B0/Canary"] = {"Canary": "Canary"}

    assert "Canary" not in " ".join(map(str, problems(body)))


UNENCRYPTED_MAIL = {**EMAIL, "email": {**EMAIL["email"], "requireTls": False}}

WARNINGS: dict[str, tuple[Manifest, tuple[str, ...]]] = {
    "nothing to say": (full(), ()),
    "severities that nobody takes": (quickstart(), ("spec.notifications.receivers", "spec.notifications.receivers")),
    "a short group interval": (
        full({"notifications": {"groupInterval": "10s"}}),
        ("spec.notifications.groupInterval",),
    ),
    "reminders longer than Alertmanager remembers": (
        full({"notifications": {"repeatInterval": "121h"}}),
        ("spec.notifications.repeatInterval",),
    ),
    "a liveness probe on dependencies": (
        full({"workload": {"probes": {"liveness": {"path": "/api/crm/health"}}}}),
        ("spec.workload.probes.liveness.path",),
    ),
    "metrics that move away from Prometheus": (
        full({"workload": {"env": {"metricsPath": "/other", "metricsPort": 9000}}, "metrics": {"port": 8000}}),
        ("spec.workload.env.metricsPath", "spec.workload.env.metricsPort"),
    ),
    "an own alert that always fires": (
        full({"alerts": {"custom": [{"alert": "Mine", "expr": "(crm_queue_size > bool 1)", "summary": "x"}]}}),
        ("spec.alerts.custom[0].expr",),
    ),
    "a mail password without encryption": (
        full({"notifications": {"receivers": [PAGERDUTY, SLACK, UNENCRYPTED_MAIL]}}),
        ("spec.notifications.receivers[2].email.requireTls",),
    ),
}


@pytest.mark.parametrize("sentence", WARNINGS)
def test_a_warning_is_no_problem(sentence: str) -> None:
    body, paths = WARNINGS[sentence]

    verdict = validate(load(body))

    assert verdict.problems == ()
    assert tuple(warning.path for warning in verdict.warnings) == paths


def test_without_a_receiver_for_a_severity_the_warning_names_it() -> None:
    warnings = validate(parsed(quickstart())).warnings

    assert [warning.message.split(" alerts")[0] for warning in warnings] == [
        "no receiver takes critical",
        "no receiver takes low",
    ]


def test_parsing_does_not_change_what_it_is_given() -> None:
    body = full({"workload": {"env": {"logFile": None}}})
    before = deepcopy(body)

    parse(body)

    assert body == before


def problems(body: Manifest) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSpec) as caught:
        load(body)
    return caught.value.problems


def refusal(body: Manifest) -> InvalidSpec | None:
    try:
        load(body)
    except InvalidSpec as error:
        return error
    return None


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


UNWRITABLE: dict[str, tuple[Any, str]] = {
    "half of a surrogate pair": (
        {"slos": [{"name": "\ud800"}]},
        "spec.slos[0].name: must be a number of at most 64 bits, or valid UTF-8 text",
    ),
    "half of a surrogate pair in a key": (
        {"objectLabels": {"\ud800": "a"}},
        "spec.objectLabels: has a key that must be valid UTF-8 text",
    ),
    "lists within lists within lists": (
        {"environment": nested(900)},
        f"spec.environment{'[0]' * 31}: must not be nested that deep; no field here is",
    ),
}


@pytest.mark.parametrize("sentence", UNWRITABLE)
def test_what_is_no_json_that_we_read_is_refused_with_its_path(sentence: str) -> None:
    change, problem = UNWRITABLE[sentence]
    body = minimal()

    body["spec"] |= change

    assert [str(found) for found in problems(body)] == [problem]
