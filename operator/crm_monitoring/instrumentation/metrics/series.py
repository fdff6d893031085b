"""Which label values become series: the contract's allow list, checked once per series and free afterwards."""

import logging
from collections.abc import Callable
from threading import Lock

from prometheus_client import Counter

from crm_monitoring.contract import labels
from crm_monitoring.contract.labels import OTHER, Label
from crm_monitoring.contract.metrics import Metric
from crm_monitoring.instrumentation.metrics.quick import Change

Companions = Callable[[tuple[str, ...]], None]
"""Makes the series that must exist as soon as the one with the given label values does."""

_MAX_LENGTH = 128
"""Characters of a label value. A longer one is a text that was passed by mistake."""

_ALIASES = {(labels.ERROR_TYPE.name, value): labels.AUTHENTICATION_ERROR for value in labels.AUTHENTICATION_ERRORS}
"""Spellings that become one series, the one that exists from the first request on, so that no increase is missed."""

_LOG = logging.getLogger(__name__)


class LabelGate:
    """The allow list of one collector. An open label has one set of values for all its metrics."""

    def __init__(self, rejected: Counter, *, strict: bool) -> None:
        """Count refusals in `rejected`; raise instead if `strict`."""
        self._rejected = rejected
        self._strict = strict
        self._seen: dict[str, set[str]] = {}
        self._warned: set[tuple[str, str]] = set()
        self._lock = Lock()

    def admit(self, metric: Metric, values: tuple[object, ...]) -> tuple[str, ...]:
        """Return the label values to use. One that is not allowed becomes `other`, is counted and warned of once.

        Raises ValueError for it if the gate is strict.
        """
        return tuple(self._admit(metric, label, value) for label, value in zip(metric.labels, values, strict=True))

    def _admit(self, metric: Metric, label: Label, value: object) -> str:
        text = str(value)
        if self._is_allowed(label, text):
            return _ALIASES.get((label.name, text), text)
        if text != OTHER:
            self._refuse(metric, label, text)
        return OTHER

    def _is_allowed(self, label: Label, text: str) -> bool:
        if label.values:
            return text in label.values
        # A lone surrogate would make every later scrape fail; an empty value means "no such label" to Prometheus.
        if not text or len(text) > _MAX_LENGTH or not text.isprintable():
            return False
        with self._lock:
            seen = self._seen.setdefault(label.name, set())
            if text not in seen and len(seen) < label.max_values:
                seen.add(text)
            return text in seen

    def _refuse(self, metric: Metric, label: Label, text: str) -> None:
        accepted = f"one of {', '.join(label.values)}" if label.values else f"at most {label.max_values} short texts"
        problem = f"{metric.name}: {label.name}={text[:40]!r} is not allowed; accepted: {accepted}"
        if self._strict:
            raise ValueError(problem)
        self._rejected.labels(metric.name, label.name).inc()
        if (metric.name, label.name) not in self._warned:
            self._warned.add((metric.name, label.name))
            _LOG.warning("%s. Recorded as %r; further ones are only counted", problem, OTHER)


class Series(dict[tuple[object, ...], Change]):
    """The series of one metric by the label values that callers pass: one dictionary look-up when already known.

    Only values that were admitted are remembered, so that a caller's mistake cannot fill the memory.
    """

    def __init__(
        self,
        metric: Metric,
        make: Callable[..., Change],
        gate: LabelGate,
        companions: Companions | None = None,
    ) -> None:
        """Make series with `make`, which returns what changes one."""
        super().__init__()
        self._metric = metric
        self._make = make
        self._gate = gate
        self._companions = companions

    def __missing__(self, key: tuple[object, ...]) -> Change:
        values = self._gate.admit(self._metric, key)
        change = self._make(*values)
        if self._companions is not None:
            self._companions(values)
        if OTHER not in values and all(isinstance(value, str | int) for value in key):
            self[key] = change
        return change
