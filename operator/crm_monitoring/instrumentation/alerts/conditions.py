"""The conditions of the stock alerts, judged on figures that the CRM has at hand. Pure.

Thresholds, severities and minimum volumes are the contract's. What is different from the Prometheus rules: there is no
window and no `for`; a condition is judged on the figures as they are given.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from crm_monitoring.contract import alerts as stock
from crm_monitoring.contract.alerts import Unit

RATIO = (0.0, 1.0)
AMOUNT = (0.0, math.inf)


@dataclass(frozen=True, slots=True)
class Condition:
    """One stock alert, and the figure that it is judged on."""

    stock: stock.Alert
    key: str
    breached: Callable[[float, float], bool]
    """Takes value and threshold. Thresholds themselves are never breached."""
    summary: str
    """What is wrong, with `{value}` and `{threshold}`."""
    next_step: str
    bounds: tuple[float, float] = AMOUNT
    scope: str = ""
    """Label that tells apart the entries when the figure is a mapping; empty where one number is all that makes sense."""
    volume_key: str = ""
    """Figure that must reach the contract's minimum volume. When it is not given, the caller vouches for the rate."""

    @property
    def threshold(self) -> float:
        """Return the contract's threshold as a number: a ratio, seconds or a count."""
        text = self.stock.threshold or "0"
        return float(text.removesuffix("%")) / 100 if self.stock.unit is Unit.RATIO else float(text.removesuffix("s"))

    def sentence(self, value: float, threshold: float) -> str:
        """Return the summary with its numbers."""
        return self.summary.format(value=self._written(value), threshold=self._written(threshold))

    def _written(self, number: float) -> str:
        if self.stock.unit is Unit.RATIO:
            return f"{number * 100:.1f}%"
        return f"{number:g} s" if self.stock.unit is Unit.SECONDS else f"{number:g}"


def above(value: float, threshold: float) -> bool:
    """Tell whether a value that should be low is too high."""
    return value > threshold


def below(value: float, threshold: float) -> bool:
    """Tell whether a value that should be high is too low."""
    return value < threshold


def is_false(value: float, _: float) -> bool:
    """Tell whether a yes-or-no figure is no."""
    return value == 0


CONDITIONS = (
    Condition(
        stock.AUTHENTICATION_FAILURE,
        "auth_failures",
        above,
        "A provider refused the CRM's credentials: {value} failures",
        "Check whether the provider's credentials expired or were revoked.",
        scope="api",
    ),
    Condition(
        stock.ALL_CHANNELS_FAILED,
        "all_channels_failed",
        above,
        "All communication channels failed",
        "Check the channels' availability, the providers' status pages and the network.",
        RATIO,
    ),
    Condition(
        stock.DELIVERY_RATE_LOW,
        "delivery_rate",
        below,
        "Delivery rate is {value}, below {threshold}",
        "Compare crm_communications_total by status, and look for retries and unavailable channels.",
        RATIO,
        "channel",
        "total_sent",
    ),
    Condition(
        stock.API_ERROR_RATE_HIGH,
        "api_error_rate",
        above,
        "API error rate is {value}, above {threshold}",
        "Look at crm_api_errors_total by error_type, then at credentials, quotas and the provider's status page.",
        RATIO,
        "api",
        "api_requests",
    ),
    Condition(
        stock.CHANNEL_UNAVAILABLE,
        "channel_available",
        is_false,
        "A channel is unavailable",
        "Check the channel's provider and credentials.",
        RATIO,
        "channel",
    ),
    Condition(
        stock.RETRY_RATE_HIGH,
        "retry_rate",
        above,
        "Retry rate is {value}, above {threshold}",
        "Look at crm_retry_attempts_total by channel: one provider may be slow or limit the rate.",
        scope="channel",
        volume_key="total_sent",
    ),
    Condition(
        stock.EMAIL_OPEN_RATE_LOW,
        "open_rate",
        below,
        "E-mail open rate is {value}, below {threshold}",
        "Check the sender's reputation, spam placement and the subject lines.",
        RATIO,
        "message_type",
        "emails_delivered",
    ),
    Condition(
        stock.FALLBACK_USAGE_HIGH,
        "fallback_rate",
        above,
        "Fallback channel usage is {value}, above {threshold}",
        "Look at crm_fallback_used_total by primary_channel and check that channel.",
        RATIO,
        "primary_channel",
        "total_sent",
    ),
    Condition(
        stock.CACHE_MISS_RATE_HIGH,
        "cache_miss_rate",
        above,
        "Cache miss rate is {value}, above {threshold}",
        "Check the cache's size, its evictions and the lifetime of its entries.",
        RATIO,
        volume_key="cache_lookups",
    ),
    Condition(
        stock.DELIVERY_TIME_SLOW,
        "delivery_time_p95_seconds",
        above,
        "95th percentile of the delivery time is {value}, above {threshold}",
        "Look at crm_active_communications, the database, the cache and the providers' response times.",
        scope="channel",
        volume_key="deliveries",
    ),
    Condition(
        stock.QUEUE_SIZE_HIGH,
        "queue_size",
        above,
        "{value} communications wait, more than {threshold}",
        "Check whether workers run, and whether they are fast enough for the traffic.",
        scope="priority",
    ),
)
"""One condition for each alert of the product's monitoring document, in the order of the contract."""

KEYS = frozenset(name for condition in CONDITIONS for name in (condition.key, condition.volume_key) if name)
"""Every figure that is understood."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one condition, for one entry of its mapping."""

    condition: Condition
    entry: str
    value: float
    threshold: float

    @property
    def breached(self) -> bool:
        """Tell whether the condition holds."""
        return self.condition.breached(self.value, self.threshold)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a set of figures says."""

    findings: tuple[Finding, ...]
    given: frozenset[str]
    """Names of the alerts whose figure was given and says something."""
    undecided: frozenset[tuple[str, str]]
    """Alert name and entry where a given figure says nothing: NaN, too little volume, not a number."""
    unread: Mapping[str, str]
    """Keys that were ignored, and why."""


def judge(metrics: Mapping[str, Any], thresholds: Mapping[str, float]) -> Judgement:
    """Judge every condition whose figure is given. `thresholds` is keyed by alert name and replaces the contract's."""
    unread = {str(key): "is not a known figure" for key in metrics if key not in KEYS}
    findings: list[Finding] = []
    undecided: set[tuple[str, str]] = set()
    mapped: set[str] = set()
    for condition in CONDITIONS:
        figure = metrics.get(condition.key)
        if figure is None:
            continue
        name = condition.stock.name
        mapped |= {name} if isinstance(figure, Mapping) and condition.scope else set()
        for entry, raw in _entries(figure, condition):
            value = _number(raw, condition.bounds)
            if value is None:
                unread[condition.key] = f"must be {_accepted(condition)}"
            if value is None or math.isnan(value) or not _enough(metrics, condition, entry):
                undecided.add((name, entry))
            else:
                findings.append(Finding(condition, entry, value, thresholds.get(name, condition.threshold)))
    given = mapped | {finding.condition.stock.name for finding in findings}
    return Judgement(tuple(findings), frozenset(given), frozenset(undecided), unread)


def _entries(figure: Any, condition: Condition) -> Iterator[tuple[str, Any]]:
    if condition.scope and isinstance(figure, Mapping):
        yield from sorted(((str(entry), value) for entry, value in figure.items()), key=itemgetter(0))
    else:
        yield "", figure


def _number(raw: Any, bounds: tuple[float, float]) -> float | None:
    """Return the number, NaN when it says that there is no data, None when it cannot be what was asked for."""
    if isinstance(raw, str | bytes):
        return None
    try:
        value = float(raw)
    except Exception:  # a figure may be of any class, and judging must not fail
        return None
    return value if math.isnan(value) or bounds[0] <= value <= bounds[1] else None


def _enough(metrics: Mapping[str, Any], condition: Condition, entry: str) -> bool:
    volume = metrics.get(condition.volume_key)
    if isinstance(volume, Mapping):
        volume = volume.get(entry)
    number = None if volume is None else _number(volume, AMOUNT)
    return number is None or number >= (condition.stock.minimum_volume or 0)


def _accepted(condition: Condition) -> str:
    number = "a number from 0 to 1" if condition.bounds == RATIO else "a number from 0"
    return f"{number}, or a mapping of {condition.scope} to such numbers" if condition.scope else number
