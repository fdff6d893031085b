"""The collector: one record function for every metric of the contract."""

from collections.abc import Callable, Iterable
from itertools import permutations
from sys import modules
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Info, disable_created_metrics

from crm_monitoring.contract import labels
from crm_monitoring.contract import metrics as contract
from crm_monitoring.contract.metrics import Metric
from crm_monitoring.instrumentation.metrics import families
from crm_monitoring.instrumentation.metrics.measurements import MeasurementGate
from crm_monitoring.instrumentation.metrics.quick import adder, observer, setter
from crm_monitoring.instrumentation.metrics.series import Companions, LabelGate, Series
from crm_monitoring.instrumentation.tracing import TRACING

P = ParamSpec("P")
R = TypeVar("R")

_UNKNOWN = "unknown"


class on_class_and_instance(Generic[P, R]):  # noqa: N801 (a decorator)
    """Make a method callable on the class as well: there it runs on the default collector.

    Binding on each access would double the cost of recording, so methods are bound once: each collector holds its own,
    the class those of the default. What is left for `__get__` is the first call before any default exists.
    """

    def __init__(self, function: Callable[Concatenate[Any, P], R]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: "MetricsCollector | None", owner: type) -> Callable[P, R]:
        return MethodType(self.function, default_collector() if instance is None else instance)


_RECORDERS: dict[str, Callable[..., Any]] = {}
"""The functions of `MetricsCollector` that can be called on the class; filled once, below it."""


class _Default:
    """The one piece of module state: the collector that calls on the class itself go to.

    The product's interface records through the class, so there must be one; `initialize_metrics` sets it, or the first
    such call does.
    """

    collector: "MetricsCollector | None" = None


class MetricsCollector:
    """The CRM's metrics in one registry.

    Record on the class (`MetricsCollector.record_api_request(api="twilio")`), which uses the collector made by
    `initialize_metrics`, or on an instance bound to a registry of your own.

    Recording never raises on account of a value: a label value that the contract does not allow becomes `other`, an
    impossible measurement is moved to the nearest possible value, both are counted and warned of once. With `strict`,
    meant for tests, both raise ValueError.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        channels: Iterable[str] = (),
        shared_queue: bool = False,
        exemplars: bool | None = None,
        strict: bool = False,
    ) -> None:
        """Register every metric of the contract in `registry`.

        `channels` are those the CRM uses; their series exist from the start. `shared_queue` says that all worker
        processes of a replica see the same queue. `exemplars` attaches the active trace to counts and delivery times;
        None means: if OpenTelemetry has been imported by now. Raises ValueError when the registry already has these metrics.
        """
        self.registry = registry
        self._info: Info | Gauge | None = None
        self._possible = MeasurementGate(families.counter(contract.VALUES_REJECTED, registry), strict=strict).possible
        gate = LabelGate(families.counter(contract.LABEL_VALUES_REJECTED, registry), strict=strict)
        with_exemplars = TRACING in modules if exemplars is None else exemplars
        self._communication_counters = families.counter(contract.COMMUNICATIONS, registry)
        self._request_counters = families.counter(contract.API_REQUESTS, registry)
        self._error_counters = families.counter(contract.API_ERRORS, registry)
        delivery_times = families.histogram(contract.DELIVERY_TIME, registry)

        def counters(metric: Metric, family: Counter, companions: Companions | None = None) -> Series:
            return Series(metric, lambda *at: adder(family.labels(*at), exemplars=with_exemplars), gate, companions)

        def gauges(metric: Metric, mode: families.Mode | None = None) -> Series:
            family = families.gauge(metric, registry, mode)
            return Series(metric, lambda *at: setter(family.labels(*at)), gate)

        self._communications = counters(contract.COMMUNICATIONS, self._communication_counters, self._start_outcomes)
        self._requests = counters(contract.API_REQUESTS, self._request_counters, self._start_api)
        self._errors = counters(contract.API_ERRORS, self._error_counters, self._start_api)
        self._retries = counters(contract.RETRY_ATTEMPTS, families.counter(contract.RETRY_ATTEMPTS, registry))
        self._fallbacks = counters(contract.FALLBACK_USED, families.counter(contract.FALLBACK_USED, registry))
        self._delivery_times = Series(
            contract.DELIVERY_TIME,
            lambda *at: observer(delivery_times.labels(*at), exemplars=with_exemplars),
            gate,
        )
        self._open_rates = gauges(contract.OPEN_RATE)
        self._click_rates = gauges(contract.CLICK_RATE)
        self._availability = gauges(contract.CHANNEL_AVAILABILITY)
        self._queues = gauges(contract.QUEUE_SIZE, families.SHARED_QUEUE_MODE if shared_queue else None)
        self._active = families.gauge(contract.ACTIVE_COMMUNICATIONS, registry)
        self._cache_hits = adder(families.counter(contract.CACHE_HITS, registry), exemplars=False)
        self._cache_misses = adder(families.counter(contract.CACHE_MISSES, registry), exemplars=False)
        self.start_channels(channels)
        vars(self).update({name: MethodType(function, self) for name, function in _RECORDERS.items()})

    def start_channels(self, channels: Iterable[str]) -> None:
        """Let the counters of the channels exist at zero, so that the first event of each is seen as an increase.

        Availability does not start: a restarted replica would call a channel available that nobody looked at.
        """
        known = tuple(channels)
        for channel in known:
            self._delivery_times[channel,]
            self._retries[channel, labels.ATTEMPT_NUMBER.values[0]]
        for pair in permutations(known, 2):
            self._fallbacks[pair]

    def set_info(self, version: str, environment: str) -> None:
        """Say which version of the CRM runs in which environment."""
        if self._info is None:
            self._info = families.info(contract.INFO, self.registry)
        values = (version or _UNKNOWN, environment or _UNKNOWN)
        if isinstance(self._info, Gauge):
            self._info.labels(*values).set(1)
        else:
            self._info.info(dict(zip(contract.INFO.label_names, values, strict=True)))

    @on_class_and_instance
    def record_communication_sent(self, message_type: str, channel: str, status: str) -> None:
        """Count a communication that reached `status`; count each state once, when it is reached."""
        self._communications[message_type, channel, status](1)

    @on_class_and_instance
    def record_delivery_time(self, channel: str, delivery_time_seconds: float) -> None:
        """Record the seconds from sending to confirmed delivery."""
        seconds = self._possible(contract.DELIVERY_TIME, delivery_time_seconds)
        if seconds is not None:
            self._delivery_times[channel,](seconds)

    @on_class_and_instance
    def record_open_rate(self, message_type: str, open_rate: float) -> None:
        """Set the share of delivered e-mails that were opened, 0 to 1."""
        ratio = self._possible(contract.OPEN_RATE, open_rate, 1.0)
        if ratio is not None:
            self._open_rates[message_type,](ratio)

    @on_class_and_instance
    def record_click_rate(self, message_type: str, click_rate: float) -> None:
        """Set the share of delivered e-mails in which a link was followed, 0 to 1."""
        ratio = self._possible(contract.CLICK_RATE, click_rate, 1.0)
        if ratio is not None:
            self._click_rates[message_type,](ratio)

    @on_class_and_instance
    def record_api_request(self, api: str) -> None:
        """Count a request to a provider, whether it succeeds or fails."""
        self._requests[api,](1)

    @on_class_and_instance
    def record_api_error(self, api: str, error_type: str) -> None:
        """Count a request to a provider that failed, besides `record_api_request` for the same request."""
        self._errors[api, error_type](1)

    @on_class_and_instance
    def record_retry_attempt(self, channel: str, attempt_number: int | str) -> None:
        """Count one more attempt to send; the first retry has the number 1."""
        self._retries[channel, attempt_number](1)

    @on_class_and_instance
    def record_fallback_used(self, primary_channel: str, fallback_channel: str) -> None:
        """Count a communication that went through another channel than its first choice."""
        self._fallbacks[primary_channel, fallback_channel](1)

    @on_class_and_instance
    def set_channel_availability(self, channel: str, available: bool) -> None:
        """Say whether this process can use a channel."""
        self._availability[channel,](1.0 if available else 0.0)

    @on_class_and_instance
    def increment_active_communications(self) -> None:
        """Count a communication whose processing begins; `track_active` does both ends."""
        self._active.inc()

    @on_class_and_instance
    def decrement_active_communications(self) -> None:
        """Count a communication whose processing ends."""
        self._active.dec()

    @on_class_and_instance
    def set_queue_size(self, priority: str, size: float) -> None:
        """Set how many communications of a priority wait."""
        waiting = self._possible(contract.QUEUE_SIZE, size)
        if waiting is not None:
            self._queues[priority,](waiting)

    @on_class_and_instance
    def record_cache_hit(self) -> None:
        """Count a look-up that the cache answered."""
        self._cache_hits(1)

    @on_class_and_instance
    def record_cache_miss(self) -> None:
        """Count a look-up that the cache could not answer."""
        self._cache_misses(1)

    def _start_outcomes(self, values: tuple[str, ...]) -> None:
        """Let every way to end exist at zero: alerts compare their increases."""
        for status in labels.FINISHED_STATUSES:
            self._communication_counters.labels(*values[:-1], status)

    def _start_api(self, values: tuple[str, ...]) -> None:
        """Let a provider's requests and authentication errors exist at zero: one error must be an increase."""
        self._request_counters.labels(values[0])
        self._error_counters.labels(values[0], labels.AUTHENTICATION_ERROR)


_RECORDERS.update(
    {
        name: member.function
        for name, member in vars(MetricsCollector).items()
        if isinstance(member, on_class_and_instance)
    }
)


def initialize_metrics(
    registry: CollectorRegistry | None = None,
    version: str = _UNKNOWN,
    environment: str = _UNKNOWN,
    *,
    channels: Iterable[str] = (),
    shared_queue: bool = False,
    exemplars: bool | None = None,
    strict: bool = False,
) -> MetricsCollector:
    """Make the default collector, the one that calls on the class go to, and return it.

    Without a registry it is the process's own (`prometheus_client.REGISTRY`), which `generate_latest()` reads. Called
    again for the same registry it keeps the collector and the way it was made, and takes over version, environment and
    channels. See `MetricsCollector` for the other parameters.
    `_created` series, which would double the number of series, are switched off for the whole process.

    Raises ValueError when something else registered these metrics in the registry.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    wanted = REGISTRY if registry is None else registry
    collector = _Default.collector
    if collector is None or collector.registry is not wanted:
        collector = MetricsCollector(
            wanted, channels=channels, shared_queue=shared_queue, exemplars=exemplars, strict=strict
        )
        replace_default_collector(collector)
    else:
        collector.start_channels(channels)
    collector.set_info(version, environment)
    return collector


def default_collector() -> MetricsCollector:
    """Return the default collector. Without `initialize_metrics` it is one in the process's own registry."""
    if _Default.collector is None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        replace_default_collector(MetricsCollector(REGISTRY))
    assert _Default.collector is not None
    return _Default.collector


def replace_default_collector(collector: MetricsCollector | None) -> MetricsCollector | None:
    """Let calls on the class go to another collector, and return the former one. None: as if there never was one."""
    former, _Default.collector = _Default.collector, collector
    for name, function in _RECORDERS.items():
        bound = on_class_and_instance(function) if collector is None else MethodType(function, collector)
        setattr(MetricsCollector, name, bound)
    return former
