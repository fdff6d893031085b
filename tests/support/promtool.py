"""Rule tests with Prometheus' own promtool, from compact cases.

A case says which series exist and, for some moments, which alerts fire: exactly these and no other one. Series get the
labels that scraping adds; `up` is 1 for every target unless the case says otherwise. Samples and evaluations start at 0.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from crm_monitoring.manifest import Manifest
from crm_monitoring.render import rules
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.resources import minimal, parsed

SCRAPED = {"namespace": "crm", "crm_monitoring": "crm", "job": "crm-api", "instance": "a"}
"""Labels that our scrape objects put on every series."""

TELLING = (
    "alertname",
    "scope",
    "volume",
    "channel",
    "api",
    "priority",
    "message_type",
    "slo",
    "direction",
    "metric",
    "check",
    "status",
)
"""Labels that tell alerts apart; the static ones are tested elsewhere."""

_SERIES = re.compile(r"(\w+)(?:\{(.*)\})?")
_MATCHER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Case:
    """One story about the CRM's metrics."""

    about: str
    """The alert that the story is about: it fires at one moment at least, or never."""
    series: Mapping[str, str]
    """Values in promtool's notation by series, which may leave out the labels of `scraped`."""
    firing: Mapping[str, Iterable[str]]
    """What fires, by moment: `CRMName label=value`, labels in any order."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Change to the smallest resource."""
    scraped: Mapping[str, str] = field(default_factory=lambda: SCRAPED)
    up: str = "1x6000"
    """Values of `up` for each instance that the series name; empty for none."""
    step: str = "1m"
    """Time between two samples and between two evaluations. Longer where a case spans days."""
    purposes: tuple[str, ...] = ()
    """The PrometheusRules that take part; all of them unless a case spans days."""
    values: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)
    """By moment and expression: values by series."""


def rule_objects(spec: Mapping[str, Any], settings: RenderSettings | None = None, **metadata: Any) -> list[Manifest]:
    """Return the PrometheusRules of the smallest resource with a change to its spec."""
    part = rules.part(parsed(minimal(spec, **metadata)), Observed(), {}, settings or RenderSettings())
    return list(part.children)


def rule_file(objects: Iterable[Manifest]) -> dict[str, Any]:
    """Return what Prometheus loads: the groups of all objects."""
    return {"groups": [group for item in objects for group in item["spec"]["groups"]]}


def documents(cases: Mapping[str, Case]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return a rule file and a promtool test file for each set of rules that the cases need."""
    groups: dict[tuple[str, tuple[str, ...], str], dict[str, Case]] = {}
    for name, case in cases.items():
        groups.setdefault((repr(case.spec), case.purposes, case.step), {})[name] = case
    return [_document(group) for group in groups.values()]


def _document(cases: Mapping[str, Case]) -> tuple[dict[str, Any], dict[str, Any]]:
    first = next(iter(cases.values()))
    objects = rule_objects(first.spec)
    if first.purposes:
        objects = [item for item in objects if item["metadata"]["name"].rpartition("-")[2] in first.purposes]
    tests = [_test(name, case) for name, case in cases.items()]
    return rule_file(objects), {"evaluation_interval": first.step, "tests": tests}


def _test(name: str, case: Case) -> dict[str, Any]:
    series = {_labelled(text, case.scraped): values for text, values in case.series.items()}
    instances = {dict(_MATCHER.findall(text)).get("instance", "a") for text in case.series} or {"a"}
    ups = {_labelled(f'up{{instance="{i}"}}', case.scraped): case.up for i in instances if case.up}
    every = {**ups, **series}
    return {
        "name": name,
        "interval": case.step,
        "input_series": [{"series": text, "values": values} for text, values in sorted(every.items())],
        "promql_expr_test": [
            *(_firing(moment, alerts) for moment, alerts in case.firing.items()),
            *(_value(moment, expr, samples) for (moment, expr), samples in case.values.items()),
        ],
    }


def _labelled(series: str, scraped: Mapping[str, str]) -> str:
    match = _SERIES.fullmatch(series)
    assert match, series
    labels = {**scraped, **dict(_MATCHER.findall(match.group(2) or ""))}
    return match.group(1) + "{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}"


def _firing(moment: str, alerts: Iterable[str]) -> dict[str, Any]:
    samples = []
    for alert in alerts:
        name, *labels = alert.split()
        pairs = ["alertname=" + name, *labels]
        quoted = ",".join(f'{label}="{value}"' for label, _, value in (pair.partition("=") for pair in pairs))
        samples.append({"labels": "{" + quoted + "}", "value": 1})
    expr = f'count by ({", ".join(TELLING)}) (ALERTS{{alertstate="firing"}})'
    return {"expr": expr, "eval_time": moment, "exp_samples": samples}


def _value(moment: str, expr: str, samples: Mapping[str, float]) -> dict[str, Any]:
    expected = [{"labels": labels, "value": value} for labels, value in samples.items()]
    return {"expr": expr, "eval_time": moment, "exp_samples": expected}


def write(directory: Path, name: str, rule_document: Mapping[str, Any], test_document: Mapping[str, Any]) -> Path:
    """Write a rule file and its test file; return the test file."""
    rules_path, tests_path = directory / f"{name}-rules.yaml", directory / f"{name}-test.yaml"
    rules_path.write_text(yaml.dump(rule_document, Dumper=yaml.CSafeDumper))
    whole = {"rule_files": [rules_path.name], "fuzzy_compare": True, **test_document}
    tests_path.write_text(yaml.dump(whole, Dumper=yaml.CSafeDumper))
    return tests_path


def run(promtool: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool and return its output."""
    return subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=280, check=False)
