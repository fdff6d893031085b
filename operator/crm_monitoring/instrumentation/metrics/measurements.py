"""Which measurements can be true."""

import logging
from math import inf

from prometheus_client import Counter

from crm_monitoring.contract.metrics import Metric

_LOG = logging.getLogger(__name__)


class MeasurementGate:
    """Keeps impossible measurements of one collector out of its series."""

    def __init__(self, rejected: Counter, *, strict: bool) -> None:
        """Count refusals in `rejected`; raise instead if `strict`."""
        self._rejected = rejected
        self._strict = strict
        self._warned: set[str] = set()

    def possible(self, metric: Metric, value: float, highest: float = inf) -> float | None:
        """Return the value if it is a number from 0 to `highest`, else the nearest one, None where there is none.

        A refused value is counted and warned of once per metric; a strict gate raises ValueError for it.
        """
        try:
            if 0.0 <= value <= highest and value != inf:
                return value
            nearest = 0.0 if value < 0.0 else highest if inf > value > highest else None
        except TypeError:
            nearest = None
        problem = f"{metric.name}: {value!r:.40} is not a number from 0 to {highest:g}"
        if self._strict:
            raise ValueError(problem)
        self._rejected.labels(metric.name).inc()
        if metric.name not in self._warned:
            self._warned.add(metric.name)
            became = "Dropped" if nearest is None else f"Recorded as {nearest:g}"
            _LOG.warning("%s. %s; further ones are only counted", problem, became)
        return nearest
