"""What two replicas of a CRM at work export, at any moment: shaped as the contract says, busier by day than by night.

Counters are integrals of a smooth load, so any moment can be computed alone, and the next one is never lower.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from crm_monitoring.contract import labels, metrics

DAY = 86_400.0
WEEK = 7 * DAY
TYPES = {"welcome": "email", "budget_summary": "email", "reminder": "sms", "one_time_password": "sms", "reply": "chat"}
"""Message types with the channel that each goes through."""
PER_MINUTE = {"welcome": 12.0, "budget_summary": 40.0, "reminder": 25.0, "one_time_password": 18.0, "reply": 6.0}
PROVIDERS = {"email": "smtp", "sms": "twilio", "chat": "hub"}
FAILING = {"email": 0.01, "sms": 0.02, "chat": 0.005}
MEDIAN_SECONDS = {"email": 40.0, "sms": 8.0, "chat": 1.5}
OPENED = {"welcome": 0.62, "budget_summary": 0.48}
CLICKED = {"welcome": 0.21, "budget_summary": 0.09}

Moment = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its name, its labels, and its value at a time in seconds."""

    name: str
    labels: dict[str, str]
    at: Moment

    def text(self, *more: tuple[str, str]) -> str:
        """Return name and labels as an exposition writes them."""
        pairs = sorted((*self.labels.items(), *more))
        return self.name + "{" + ",".join(f'{name}="{value}"' for name, value in pairs) + "}" if pairs else self.name


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which text messages fail more often, retry, and wait."""

    start: float
    end: float
    share: float = 0.3

    def now(self, moment: float) -> bool:
        """Return whether it goes on."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica, counting since `born`. Its share of the load tells it from others."""

    born: float
    share: float = 0.5
    incident: Incident = field(default_factory=lambda: Incident(0, 0))

    def series(self) -> Iterator[Series]:
        """Yield every series of the contract that has a value."""
        yield from self._communications()
        yield from self._delivery_times()
        yield from self._providers()
        yield from self._gauges()

    def _events(self, per_minute: float, moment: float) -> float:
        return per_minute / 60 * self.share * (integral(moment) - integral(self.born))

    def _troubled(self, per_minute: float, moment: float) -> float:
        """Return the events of a rate within the incident until now."""
        start, end = (min(max(edge, self.born), moment) for edge in (self.incident.start, self.incident.end))
        return per_minute / 60 * self.share * (integral(max(end, start)) - integral(start))

    def _counter(self, metric: metrics.Metric, value: Moment, suffix: str = "", **own: str) -> Series:
        return Series(metric.name + suffix, own, lambda moment: math.floor(value(moment)))

    def _failed(self, kind: str, moment: float) -> float:
        channel, rate = TYPES[kind], PER_MINUTE[kind]
        extra = self.incident.share * self._troubled(rate, moment) if channel == "sms" else 0.0
        return FAILING[channel] * self._events(rate, moment) + extra

    def _communications(self) -> Iterator[Series]:
        for kind, channel in TYPES.items():
            rate = PER_MINUTE[kind]
            shares: dict[str, Moment] = {
                "queued": lambda t, rate=rate: self._events(rate, t) + 2,
                "sent": lambda t, rate=rate: self._events(rate, t) + 1,
                "delivered": lambda t, rate=rate, kind=kind: self._events(rate, t) - self._failed(kind, t),
                "bounced" if channel == "email" else "failed": lambda t, kind=kind: self._failed(kind, t),
            }
            for name, shown in (("opened", OPENED), ("clicked", CLICKED)):
                if kind in shown:
                    shares[name] = lambda t, rate=rate, part=shown[kind]: part * self._events(rate, t)
            for status, value in shares.items():
                yield self._counter(metrics.COMMUNICATIONS, value, message_type=kind, channel=channel, status=status)

    def _delivery_times(self) -> Iterator[Series]:
        for channel, median in MEDIAN_SECONDS.items():
            rate = sum(PER_MINUTE[kind] for kind in TYPES if TYPES[kind] == channel)
            for bound in (*metrics.DELIVERY_TIME.buckets, math.inf):
                share = 1.0 if bound == math.inf else bound**2 / (bound**2 + median**2)

                def value(t: float, share: float = share, rate: float = rate) -> float:
                    return share * math.floor(self._events(rate, t))  # a count of whole events that were fast enough

                le = "+Inf" if bound == math.inf else repr(bound)
                yield self._counter(metrics.DELIVERY_TIME, value, "_bucket", channel=channel, le=le)
            yield self._counter(metrics.DELIVERY_TIME, lambda t, r=rate: self._events(r, t), "_count", channel=channel)
            yield self._counter(
                metrics.DELIVERY_TIME, lambda t, r=rate, m=median: m * self._events(r, t), "_sum", channel=channel
            )

    def _providers(self) -> Iterator[Series]:
        for channel, api in PROVIDERS.items():
            rate = sum(PER_MINUTE[kind] for kind in TYPES if TYPES[kind] == channel)
            trouble = self.incident.share if channel == "sms" else 0.0

            def requests(t: float, rate: float = rate, trouble: float = trouble) -> float:
                return 1.02 * self._events(rate, t) + trouble * self._troubled(rate, t)

            def timeouts(t: float, rate: float = rate, trouble: float = trouble) -> float:
                return 0.004 * self._events(rate, t) + trouble * self._troubled(rate, t)

            yield self._counter(metrics.API_REQUESTS, requests, api=api)
            yield self._counter(metrics.API_ERRORS, timeouts, api=api, error_type="timeout")
            yield self._counter(
                metrics.API_ERRORS, lambda t, r=rate: 0.006 * self._events(r, t), api=api, error_type="rate_limit"
            )
            yield self._counter(metrics.API_ERRORS, lambda t: 0.0, api=api, error_type=labels.AUTHENTICATION_ERROR)
            for attempt, share in (("1", 0.02), ("2", 0.005)):

                def retries(t: float, share: float = share, rate: float = rate, trouble: float = trouble) -> float:
                    return share * self._events(rate, t) + share * 20 * trouble * self._troubled(rate, t)

                yield self._counter(metrics.RETRY_ATTEMPTS, retries, channel=channel, attempt_number=attempt)
        fallen = PER_MINUTE["reply"]
        yield self._counter(
            metrics.FALLBACK_USED,
            lambda t: 0.1 * self._events(fallen, t),
            primary_channel="chat",
            fallback_channel="sms",
        )
        yield self._counter(metrics.CACHE_HITS, lambda t: self._events(540, t))
        yield self._counter(metrics.CACHE_MISSES, lambda t: self._events(60, t))

    def _gauges(self) -> Iterator[Series]:
        for kind in OPENED:
            wave = _wave(0.03, len(kind))
            yield Series(metrics.OPEN_RATE.name, {"message_type": kind}, lambda t, k=kind, w=wave: OPENED[k] + w(t))
            yield Series(metrics.CLICK_RATE.name, {"message_type": kind}, lambda t, k=kind: CLICKED[k])
        for channel in PROVIDERS:
            trouble = self.share < 0.5 and channel == "sms"
            yield Series(
                metrics.CHANNEL_AVAILABILITY.name,
                {"channel": channel},
                lambda t, trouble=trouble: 0.0 if trouble and self.incident.now(t) else 1.0,
            )
        yield Series(metrics.ACTIVE_COMMUNICATIONS.name, {}, lambda t: math.floor(14 * self.share * load(t)))
        for number, priority in enumerate(labels.PRIORITY.values):
            yield Series(
                metrics.QUEUE_SIZE.name,
                {"priority": priority},
                lambda t, n=number: math.floor((3 + 5 * n) * self.share * load(t) + 30 * n * self.incident.now(t)),
            )
        info = {"version": "2.4.0", "environment": "production"}
        yield Series(metrics.INFO.name, info, lambda t: 1.0)


def load(moment: float) -> float:
    """Return how busy the CRM is: 1 on average, more by day, less at one end of the week."""
    return 1 + 0.5 * math.sin(2 * math.pi * moment / DAY) + 0.2 * math.sin(2 * math.pi * moment / WEEK)


def integral(moment: float) -> float:
    """Return the integral of `load`."""
    return (
        moment
        - 0.5 * DAY / (2 * math.pi) * math.cos(2 * math.pi * moment / DAY)
        - 0.2 * WEEK / (2 * math.pi) * math.cos(2 * math.pi * moment / WEEK)
    )


def exposition(replica: Replica, moment: float) -> str:
    """Return what Prometheus scrapes at one moment, in its text format."""
    lines = (f"{series.text()} {series.at(moment):.10g}" for series in replica.series())
    return "\n".join(lines) + "\n"


def _wave(height: float, seed: int) -> Moment:
    return lambda moment: height * math.sin(moment / 5000 + seed)
