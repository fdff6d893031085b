"""Help for the tests of a CRM: see what was recorded and logged, with messages that say what was there instead.

Works with any test framework; nothing here is needed at run time.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from crm_monitoring.contract.logs import Level
from crm_monitoring.instrumentation.logs.pipeline import PIPELINE
from crm_monitoring.instrumentation.logs.rendering import json_renderer
from crm_monitoring.instrumentation.logs.stdlib import PipelineHandler
from crm_monitoring.instrumentation.metrics.collector import (
    MetricsCollector,
    default_collector,
    replace_default_collector,
)
from crm_monitoring.instrumentation.redaction import Redactor

_SHOWN = 10
"""Series or log entries that a failure message shows."""


@contextmanager
def isolated_metrics(*, strict: bool = True) -> Iterator[MetricsCollector]:
    """Use a fresh registry for the default collector within the block, and yield that collector.

    `strict` makes a label value that is not allowed and a measurement that is impossible raise ValueError, where
    production corrects and counts them.
    """
    collector = MetricsCollector(CollectorRegistry(), strict=strict)
    former = replace_default_collector(collector)
    try:
        yield collector
    finally:
        replace_default_collector(former)


def metric_value(registry: CollectorRegistry | None, name: str, **labels: object) -> float:
    """Return the value of one series, 0 if it does not exist yet. None means the default collector's registry.

    Name it as a query does: `crm_communications_total`, `crm_delivery_time_seconds_count`. Raises LookupError for a
    name that the registry does not know, and for label names that no series of it has: either would read as 0 forever.
    """
    used = default_collector().registry if registry is None else registry
    wanted = {label: str(value) for label, value in labels.items()}
    value = used.get_sample_value(name, wanted)
    if value is not None:
        return value
    samples = _samples(used, name)
    if samples and not any(set(sample.labels) == set(wanted) for sample in samples):
        raise LookupError(f"no series of {name} has exactly the labels {sorted(wanted)}; there are:\n{_list(samples)}")
    if not samples and not _knows(used, name):
        known = sorted(sample.name for family in used.collect() for sample in family.samples)
        raise LookupError(f"no metric is called {name}; there are: {', '.join(dict.fromkeys(known)) or 'none'}")
    return 0.0


class MetricsCapture:
    """Values at the beginning of a block, and now."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._before = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in registry.collect()
            for sample in family.samples
        }

    def before(self, name: str, **labels: object) -> float:
        """Return the value at the beginning of the block, 0 if the series did not exist."""
        return self._before.get((name, frozenset((label, str(value)) for label, value in labels.items())), 0.0)

    def after(self, name: str, **labels: object) -> float:
        """Return the value now. Raises LookupError as `metric_value` does."""
        return metric_value(self._registry, name, **labels)

    def increase(self, name: str, **labels: object) -> float:
        """Return by how much the value has grown since the beginning. Raises LookupError as `metric_value` does."""
        return self.after(name, **labels) - self.before(name, **labels)


@contextmanager
def capture_metrics(registry: CollectorRegistry | None = None) -> Iterator[MetricsCapture]:
    """Compare values after with values before the block. None means the default collector's registry."""
    yield MetricsCapture(default_collector().registry if registry is None else registry)


@contextmanager
def assert_metric_increased(
    name: str, by: float | None = None, *, registry: CollectorRegistry | None = None, **labels: object
) -> Iterator[None]:
    """Fail with AssertionError unless the series grows within the block: by exactly `by` if given.

    None as registry means the default collector's. An exception of the block itself comes through unchanged.
    """
    used = default_collector().registry if registry is None else registry
    with capture_metrics(used) as metrics:
        yield
    increase = metrics.increase(name, **labels)
    if (increase == by) if by is not None else increase > 0:
        return
    series = f"{name}{_braces(labels)}"
    wanted = "grow" if by is None else f"grow by {by:g}"
    raise AssertionError(
        f"{series} should {wanted}; it went from {metrics.before(name, **labels):g} to "
        f"{metrics.after(name, **labels):g}. Series of {name}:\n{_list(_samples(used, name))}"
    )


@contextmanager
def capture_logs(level: str = "DEBUG") -> Iterator[list[dict[str, Any]]]:
    """Collect the lines of the block as dictionaries, exactly as they would be written, instead of writing them.

    Lines of the standard library's loggers are collected, too. Raises ValueError for a level that does not exist.
    """
    lowest = logging.getLevelNamesMapping()[Level(level).value]
    entries: list[dict[str, Any]] = []
    root = logging.getLogger()
    former_level, former_handlers = root.level, list(root.handlers)
    if not any(isinstance(handler, PipelineHandler) for handler in former_handlers):
        root.addHandler(PipelineHandler(PIPELINE))
    root.setLevel(lowest)
    try:
        with PIPELINE.redirected(lowest, [(json_renderer(Redactor()), (_Entries(entries),))]):
            yield entries
    finally:
        root.setLevel(former_level)
        root.handlers[:] = former_handlers


def assert_logged(entries: Sequence[dict[str, Any]], **fields: object) -> dict[str, Any]:
    """Return the first entry that has all the fields with these values; fail with AssertionError if there is none."""
    for entry in entries:
        if all(name in entry and entry[name] == value for name, value in fields.items()):
            return entry
    closest = sorted(entries, key=lambda entry: -sum(entry.get(name) == value for name, value in fields.items()))
    shown = "\n".join(f"  {_differences(entry, fields)}" for entry in closest[:_SHOWN]) or "  nothing was logged"
    raise AssertionError(f"no entry has {_plainly(fields)}; closest first:\n{shown}")


class _Entries:
    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._entries = entries

    def write(self, line: bytes) -> None:
        self._entries.append(orjson.loads(line))

    def close(self) -> None:
        """Hold nothing."""


def _samples(registry: CollectorRegistry, name: str) -> list[Sample]:
    return [sample for family in registry.collect() for sample in family.samples if sample.name == name]


def _knows(registry: CollectorRegistry, name: str) -> bool:
    """Tell whether a metric could have a series of the name: one with labels has none before it is used."""
    suffixes = ("", "_total", "_bucket", "_count", "_sum", "_info")
    return any(f"{family.name}{suffix}" == name for family in registry.collect() for suffix in suffixes)


def _list(samples: Sequence[Sample]) -> str:
    lines = [f"  {sample.name}{_braces(sample.labels)} {sample.value:g}" for sample in samples[:_SHOWN]]
    if len(samples) > _SHOWN:
        lines.append(f"  and {len(samples) - _SHOWN} more")
    return "\n".join(lines) or "  none"


def _braces(labels: Any) -> str:
    return "{" + ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}" if labels else ""


def _plainly(fields: dict[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in fields.items())


def _differences(entry: dict[str, Any], fields: dict[str, object]) -> str:
    wrong = {name: entry.get(name, "(absent)") for name in fields if name not in entry or entry[name] != fields[name]}
    return f"{entry['level']} {entry['message']!r}: {_plainly(wrong)}"
