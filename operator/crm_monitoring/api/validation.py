"""What must hold of a resource beyond its schema: rules between fields, PromQL, templates, time zones.

The API server checks the rules that CEL can say when a resource is written. Everything is checked here again, for the
command line and for what only Python can see.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from crm_monitoring.api import templates, timezones
from crm_monitoring.api.messages import shown
from crm_monitoring.api.parsing import parse
from crm_monitoring.api.promql_check import always_fires, faults
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.alerts import CustomAlert, Override
from crm_monitoring.api.v1alpha1.notifications import MuteTiming
from crm_monitoring.errors import InvalidSpec, Problem
from crm_monitoring.manifest import CRM_MONITORING

_ROOT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: problems keep the resource from being compiled, warnings do not. Both are sorted by path."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def validate(resource: CRMMonitoring) -> Verdict:
    """Return the verdict on a parsed resource; recommendations are looked at only when nothing is wrong."""
    blocks = tuple(_blocks("", resource))
    problems = {problem for path, block in blocks for problem in _problems(path, block)}
    if problems:
        return Verdict(tuple(sorted(problems)))
    return Verdict(warnings=tuple(sorted({warning for path, block in blocks for warning in _warnings(path, block)})))


def load(body: Mapping[str, Any]) -> CRMMonitoring:
    """Return the parsed and valid resource; raise InvalidSpec with everything that is wrong with it at once.

    Blocks that do not parse are left out before the rules of the others are checked.
    """
    return load_and_judge(body)[0]


def load_and_judge(body: Mapping[str, Any]) -> tuple[CRMMonitoring, Verdict]:
    """Return what `load` does, and the verdict with its warnings."""
    problems = list(_wrong_kind(body))
    try:
        resource = parse(body)
    except InvalidSpec as error:
        problems += [*error.problems, *_problems_elsewhere(body, error.problems)]
    else:
        verdict = validate(resource)
        problems += verdict.problems
        if not problems:
            return resource, verdict
    raise InvalidSpec(problems)


def _problems(path: str, block: BaseModel) -> Iterator[Problem]:
    """Yield the broken rules of one block."""
    for rule in getattr(block, "rules", ()):
        if not rule.holds(block):
            yield Problem(_join(path, rule.field), rule.message)
    yield from _duplicates(path, block)
    for kind, check in _PYTHON_ONLY:
        if isinstance(block, kind):
            yield from (Problem(_join(path, field), message) for field, message in check(block))


def _warnings(path: str, block: BaseModel) -> Iterator[Problem]:
    for advice in getattr(block, "advice", ()):
        if not advice.holds(block):
            yield Problem(_join(path, advice.field), advice.message)
    if isinstance(block, CustomAlert) and always_fires(block.expr):
        yield Problem(_join(path, "expr"), "a comparison with bool has a value at all times, so the alert always fires")


def _duplicates(path: str, block: BaseModel) -> Iterator[Problem]:
    """Yield the lists whose entries, or whose entries' keys, are not unique although the schema asks for it."""
    for name, field in type(block).model_fields.items():
        extra = field.json_schema_extra
        if not isinstance(extra, dict) or "x-kubernetes-list-type" not in extra:
            continue
        keys = extra.get("x-kubernetes-list-map-keys")
        key = str(keys[0]) if isinstance(keys, list) else ""
        values = [getattr(item, key) if key else item for item in getattr(block, name)]
        for index, value in enumerate(values):
            if value in values[:index]:
                where = f"{_join(path, field.alias or name)}[{index}]"
                yield Problem(where, f"has the same {key} as an entry before it" if key else "is there twice")


def _custom_alert(alert: CustomAlert) -> Iterator[tuple[str, str]]:
    for fault in faults(alert.expr):
        yield "expr", f"alert {alert.alert}: {fault}"
    for field in ("summary", "description"):
        yield from _template(field, getattr(alert, field) or "")


def _annotations(override: Override) -> Iterator[tuple[str, str]]:
    for name, text in override.annotations.items():
        yield from _template(f"annotations.{shown(name)}", text)


def _template(field: str, text: str) -> Iterator[tuple[str, str]]:
    for position in templates.refused(text):
        yield field, f"has a template that is not accepted (at character {position}); use {templates.ACCEPTED}"


def _time_zone(timing: MuteTiming) -> Iterator[tuple[str, str]]:
    if timing.location not in timezones.NAMES:
        close = get_close_matches(timing.location, timezones.NAMES, n=1) or ["Europe/Berlin"]
        yield "location", f"is not a time zone of the IANA database, such as {close[0]} or UTC"


_PYTHON_ONLY: tuple[tuple[type[BaseModel], Callable[[Any], Iterable[tuple[str, str]]]], ...] = (
    (CustomAlert, _custom_alert),
    (Override, _annotations),
    (MuteTiming, _time_zone),
)
"""Checks that CEL cannot say, by the block they look at; each yields fields and messages."""


def _wrong_kind(body: Mapping[str, Any]) -> Iterator[Problem]:
    for field, wanted in (("apiVersion", CRM_MONITORING.api_version), ("kind", CRM_MONITORING.name)):
        if body.get(field) != wanted:
            yield Problem(field, f"must be {wanted}")
    for field in body:
        if field not in _ROOT_FIELDS:
            yield Problem(shown(str(field)), f"is not a field here; there are {', '.join(_ROOT_FIELDS)}")


def _problems_elsewhere(body: Mapping[str, Any], known: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the broken rules of the blocks that do parse."""
    spec, metadata = body.get("spec"), body.get("metadata")
    if not isinstance(spec, Mapping):
        return ()
    broken = {problem.path.split(".")[1].partition("[")[0] for problem in known if problem.path.startswith("spec.")}
    rest = {name: block for name, block in spec.items() if name not in broken and block is not None}
    rest.setdefault("target", {"name": "unknown"})
    sound = not any(problem.path.startswith("metadata") for problem in known)
    try:
        return validate(parse({"metadata": metadata if sound else {"name": "unknown"}, "spec": rest})).problems
    except InvalidSpec:
        return ()  # a block under a name that is not shown; what is known already must do


def _blocks(path: str, value: object) -> Iterator[tuple[str, BaseModel]]:
    """Yield every block of the resource with its path."""
    if isinstance(value, BaseModel):
        yield path, value
        for name, field in type(value).model_fields.items():
            yield from _blocks(_join(path, field.alias or name), getattr(value, name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _blocks(f"{path}[{index}]", item)


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path and field else path or field
