"""What must be true of any resource whatsoever, offline: it is refused in words, or compiled safely and always alike."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.validation import load_and_judge
from crm_monitoring.errors import InvalidSpec, Problem
from crm_monitoring.manifest import CONFIG_MAP, PROMETHEUS_RULE, Manifest
from crm_monitoring.render.compiler import render
from crm_monitoring.render.merged import check, merge
from support.reliability.generate import Generator
from support.reliability.hostile import PASTED
from support.reliability.mutate import mutated
from support.reliability.oracles import Violations
from support.reliability.worlds import FORMS, OBSERVED, SETTINGS, secrets
from support.resources import NAME

NEAR_VALID_OF_TEN = 6
"""How many of ten generated resources are mutated."""

LONGEST_PROBLEM = 2_000

_ACCEPTED = re.compile(
    r"\b(must|needs|use|required|remove|did you mean|there are|such as|is not PromQL|as an entry before it|is there twice)\b"
)
"""Words of a message in which a person finds what would be accepted."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One generated resource. `str` of it says how to get it again, and what was done to it."""

    number: int
    body: Manifest
    mutations: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"sample({self.number}): {'; '.join(self.mutations) or 'valid'}"


@dataclass(slots=True)
class Judged:
    """What became of a sample, and everything that should not have."""

    problems: tuple[Problem, ...] = ()
    """Why it was refused; empty when it was compiled."""
    rules: tuple[Mapping[str, Any], ...] = ()
    """The specs of its PrometheusRules."""
    routing: bytes = field(default=b"", repr=False)
    """Its alertmanager.yaml; empty when it has none."""
    output: bytes = field(default=b"", repr=False)
    """All that was compiled."""
    violations: Violations = field(default_factory=dict)
    exceptions: list[str] = field(default_factory=list)
    """Exceptions that are not of the error tree."""

    def violate(self, oracle: str, *sentences: str) -> None:
        """Note what an oracle found."""
        if sentences:
            self.violations.setdefault(oracle, []).extend(sentences)


def sample(number: int) -> Sample:
    """Return the generated resource of a number: valid, or near-valid."""
    generator = Generator(number)
    name = generator.random.choice((NAME,) * 8 + ("a" * 40, "a.b-c", "9"))
    body = generator.resource(name=name)
    if number % 10 < NEAR_VALID_OF_TEN:
        return Sample(number, *mutated(generator, body))
    return Sample(number, body)


def judge(one: Sample) -> Judged:
    """Refuse or compile a sample. Whatever it is, nothing but what the error tree promises may happen."""
    judged = Judged()
    try:
        resource, verdict = load_and_judge(one.body)
        _compile(judged, one, resource, " ".join(map(str, verdict.warnings)))
    except InvalidSpec as error:
        judged.problems = error.problems
        judged.violate("O4", *_of_refusal(error.problems))
    except Exception as error:
        judged.exceptions.append(f"{type(error).__name__}: {error}")
    return judged


def _of_refusal(problems: tuple[Problem, ...]) -> Iterator[str]:
    if not problems:
        yield "refused without a problem"
    for problem in problems:
        if not problem.path:
            yield f"a problem without a path: {problem}"
        if not _ACCEPTED.search(problem.message) or problem.message.startswith("is not accepted"):
            yield f"does not say what would be accepted: {problem}"
        if PASTED in str(problem):
            yield f"repeats what was given: {problem}"
        if len(str(problem)) > LONGEST_PROBLEM:
            yield f"{len(str(problem))} characters about {problem.path[:80]}"


def _compile(judged: Judged, one: Sample, resource: CRMMonitoring, said: str) -> None:
    first = _Compiled(one, resource)
    again = _Compiled(one, load_and_judge(_turned(one.body))[0])
    if (first.output, first.routing) != (again.output, again.routing):
        judged.violate("O1", "gives other bytes when its fields come in another order")
    readable = first.output.decode() + first.told + said
    judged.violate("O5", *(f"holds a credential ({form})" for form in FORMS if form in readable))
    judged.rules, judged.routing, judged.output = first.rules, first.routing, first.output + first.routing


class _Compiled:
    """What the compiler makes of a sample, in the form in which it is looked at."""

    def __init__(self, one: Sample, resource: CRMMonitoring) -> None:
        random = Generator(f"world of {one.number}").random
        observed = random.choice([OBSERVED["as asked"]] * 4 + list(OBSERVED.values()))
        bundle = render(resource, observed, secrets(random), random.choice(SETTINGS))
        self.output = orjson.dumps(bundle.children)
        for child in bundle.children:
            if child["kind"] == CONFIG_MAP.name:
                assert all(map(orjson.loads, child["data"].values()))
        self.rules = tuple(child["spec"] for child in bundle.children if child["kind"] == PROMETHEUS_RULE.name)
        unfit = check(bundle.fragment) if bundle.fragment else []
        self.routing = merge([bundle.fragment]) if bundle.fragment and not unfit else b""
        self.told = " ".join([repr(bundle.findings), repr(bundle.warnings), repr(bundle.fragment), *unfit])


def _turned(value: Any) -> Any:
    """Return the same value with the fields of every map in the opposite order."""
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(list(value))}
    return [_turned(item) for item in value] if isinstance(value, list) else value
