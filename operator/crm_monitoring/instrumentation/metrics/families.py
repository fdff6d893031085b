"""The contract's metrics as prometheus_client's collectors."""

import os
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from crm_monitoring.contract import metrics as contract
from crm_monitoring.contract.metrics import Metric

Mode = Literal["livesum", "livemax", "mostrecent"]

MODES: dict[str, Mode] = {
    # Whichever worker computed the ratio last knows best, and the ratio stays true when that worker ends.
    contract.OPEN_RATE.name: "mostrecent",
    contract.CLICK_RATE.name: "mostrecent",
    # The last observation is the state; a sum or an extreme would mix it with what a worker saw long ago.
    contract.CHANNEL_AVAILABILITY.name: "mostrecent",
    # Every worker processes and queues its own communications, and those of a dead worker are gone.
    contract.ACTIVE_COMMUNICATIONS.name: "livesum",
    contract.QUEUE_SIZE.name: "livesum",
    # Every worker says 1; the version of a worker that ended must not linger.
    contract.INFO.name: "livemax",
}
"""How the gauges of several worker processes become one, when PROMETHEUS_MULTIPROC_DIR is set."""

SHARED_QUEUE_MODE: Mode = "livemax"
"""For a queue that all workers see: a sum would count it once per worker."""


def is_multiprocess() -> bool:
    """Tell whether the worker processes share their metrics through files, which the environment decides."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """Build and register a counter."""
    return Counter(metric.name, metric.help, metric.label_names, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry, mode: Mode | None = None) -> Gauge:
    """Build and register a gauge. `mode` replaces the one of `MODES`."""
    # The client appends a unit that the name does not end with: `crm_open_rate` would become `crm_open_rate_ratio`.
    return Gauge(
        metric.name,
        metric.help,
        metric.label_names,
        registry=registry,
        multiprocess_mode=mode or MODES[metric.name],
    )


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """Build and register a histogram with the contract's buckets."""
    return Histogram(
        metric.name, metric.help, metric.label_names, unit=metric.unit, buckets=metric.buckets, registry=registry
    )


def info(metric: Metric, registry: CollectorRegistry) -> Info | Gauge:
    """Build and register an info metric: a gauge of the same name in multi-process mode, which knows no info."""
    if is_multiprocess():
        return gauge(metric, registry)
    # The client appends `_info` itself.
    return Info(metric.name.removesuffix("_info"), metric.help, registry=registry)
