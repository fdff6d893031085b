"""PromQL as text: quoting, scoped selectors, and the few shapes of expression that rules and dashboards are made of.

Nothing else in the program writes a selector. Every selector is confined to one resource, and every aggregation keeps
the resource's identity (`contract.labels.IDENTITY`), so that results of two aggregations always match each other.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from crm_monitoring.api import quantities
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.contract import labels
from crm_monitoring.contract.metrics import Metric
from crm_monitoring.contract.recorded import Recorded

UP = "up"
"""Written by Prometheus itself for each target and scrape: 1 when the scrape went well."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
_PLAIN = re.compile(r'[^\x00-\x1f\x7f"\\]*')
"""Text that needs no escape: nearly all there is, so it is looked at as a whole first."""

_REGEX_SPECIAL = frozenset(r"\.+*?()|[]{}^$")
_OWN_SERIES = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


@lru_cache(maxsize=1024)
def quote(text: str) -> str:
    """Return a PromQL string literal; raise ValueError for control characters other than the line feed."""
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    if any((character < " " and character != "\n") or character == "\x7f" for character in text):
        raise ValueError("a PromQL string cannot hold control characters")
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


def literal_pattern(text: str) -> str:
    """Return a regular expression (RE2) that matches exactly this text."""
    return "".join("\\" + character if character in _REGEX_SPECIAL else character for character in text)


@dataclass(frozen=True, slots=True)
class Match:
    """What a label must be, other than equal to one text."""

    operator: str
    value: str


def one_of(*values: str) -> Match:
    """Match any of the values."""
    return Match("=~", "|".join(map(literal_pattern, values)))


def none_of(*values: str) -> Match:
    """Match anything but the values."""
    return Match("!~", "|".join(map(literal_pattern, values)))


def other_than(value: str) -> Match:
    """Match anything but the value; `other_than("")` matches series that have the label."""
    return Match("!=", value)


def bucket_bound(seconds: Decimal) -> Match:
    """Match the label `le` of one histogram bucket as every client library and version of Prometheus writes it."""
    text = quantities.plain_number(seconds)
    return Match("=~", literal_pattern(text) + ("" if "." in text else "([.]0)?"))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose series an expression may see.

    Series that our own objects scrape, and recorded series, carry the identity. Series that somebody else's `job`
    scrapes carry the namespace and the job only; aggregations add the missing half of the identity.
    """

    namespace: str
    resource: str
    job: str | None = None
    cluster: str = ""
    """When set, series with another label `cluster` are left out; those without one are the local Prometheus' own."""

    @classmethod
    def of(cls, resource: CRMMonitoring) -> "Scope":
        """Return the scope of a resource."""
        metrics = resource.spec.metrics
        job = metrics.existing_job if metrics.monitor == "None" else None
        return cls(resource.metadata.namespace, resource.metadata.name, job)

    @property
    def identity(self) -> dict[str, str]:
        """Return the labels that every alert and every recorded series of the resource carries."""
        return {labels.NAMESPACE: self.namespace, labels.RESOURCE: self.resource}

    def matchers(self, metric: str) -> dict[str, "str | Match"]:
        """Return the labels that confine a selector of this metric to the resource."""
        elsewhere: dict[str, str | Match] = {labels.CLUSTER: one_of("", self.cluster)} if self.cluster else {}
        if self.job is None or ":" in metric or metric in _OWN_SERIES:
            return {**elsewhere, **self.identity}
        return {**elsewhere, labels.NAMESPACE: self.namespace, "job": self.job}


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of one metric within a scope. `str()` gives the PromQL."""

    metric: str
    scope: Scope
    matchers: Mapping[str, str | Match] = field(default_factory=dict)
    range: str = ""
    shift: str = ""

    def over(self, window: str) -> "Selector":
        """Return the range vector of this length."""
        return Selector(self.metric, self.scope, self.matchers, window, self.shift)

    def offset(self, duration: str) -> "Selector":
        """Return the same series, so long ago."""
        return Selector(self.metric, self.scope, self.matchers, self.range, duration)

    def __str__(self) -> str:
        wanted: dict[str, str | Match] = {**self.matchers, **self.scope.matchers(self.metric)}
        inside = ",".join(
            f"{label}{match.operator}{quote(match.value)}" if isinstance(match, Match) else f"{label}={quote(match)}"
            for label, match in sorted(wanted.items())
        )
        text = f"{self.metric}{{{inside}}}"
        text += f"[{quantities.prometheus_duration(self.range)}]" if self.range else ""
        return text + (f" offset {quantities.prometheus_duration(self.shift)}" if self.shift else "")


def select(metric: Metric | str, scope: Scope, *, suffix: str = "", **matchers: str | Match) -> Selector:
    """Return the series of a metric; `suffix` is `_bucket`, `_count` or `_sum` of a histogram."""
    name = metric if isinstance(metric, str) else metric.name
    return Selector(name + suffix, scope, matchers)


def recorded(series: Recorded, scope: Scope, window: str | None = None, **matchers: str | Match) -> Selector:
    """Return a recorded series, at its default window unless another is given."""
    return Selector(series.name(window), scope, matchers)


def aggregate(operation: str, expr: object, scope: Scope, *by: str) -> str:
    """Return `operation by (identity, by...) (expr)`. The result carries the complete identity in every scope."""
    text = f"{operation} by ({', '.join((*labels.IDENTITY, *by))}) ({expr})"
    if scope.job is None:
        return text
    return f'label_replace({text}, "{labels.RESOURCE}", {quote(scope.resource)}, "", "")'


def total(expr: object, scope: Scope, *by: str) -> str:
    """Return the sum over everything but the identity and the labels in `by`."""
    return aggregate("sum", expr, scope, *by)


def largest(expr: object, scope: Scope, *by: str) -> str:
    """Return the maximum over everything but the identity and the labels in `by`."""
    return aggregate("max", expr, scope, *by)


def smallest(expr: object, scope: Scope, *by: str) -> str:
    """Return the minimum over everything but the identity and the labels in `by`."""
    return aggregate("min", expr, scope, *by)


def number_of(expr: object, scope: Scope, *by: str) -> str:
    """Return the number of series, by the identity and the labels in `by`."""
    return aggregate("count", expr, scope, *by)


def increase(series: Selector, window: str) -> str:
    """Return the events of each counter within the window. Survives counter resets; aggregate it, never before it."""
    return f"increase({series.over(window)})"


def rate(series: Selector, window: str) -> str:
    """Return the events of each counter per second. Survives counter resets; aggregate it, never before it."""
    return f"rate({series.over(window)})"


def over_time(function: str, series: Selector, window: str) -> str:
    """Return `<function>_over_time` of each series within the window."""
    return f"{function}_over_time({series.over(window)})"


def born_within(series: Selector, window: str) -> str:
    """Return counters that came into being within the window with a value above 0, which `increase` cannot see.

    A series counts as new only if the job was scraped at the start of the window (else a new Prometheus would take
    old totals for new events), and if its own target was not failing then (else a target that comes back would).
    """
    up = select(UP, series.scope).offset(window)
    fresh = f"({series} unless {series.offset(window)}) > 0"
    known_job = number_of(up, series.scope)
    same_scope = ", ".join(series.scope.matchers(series.metric))
    return f"(({fresh}) unless on ({same_scope}, job, instance) ({up} == 0)) and on ({labels.NAMESPACE}) {known_job}"


def zero_filled(expr: object, like: object) -> str:
    """Return `expr`, with 0 wherever only `like` has a series. Both carry the same labels."""
    return f"({expr} or 0 * {like})"


def ratio(part: object, whole: object) -> str:
    """Return `part / whole`: 0 where there is no part, absent (and not NaN) where the whole is 0 or missing."""
    return f"{zero_filled(part, whole)} / ({whole} > 0)"


def quantile(share: str, buckets: object) -> str:
    """Return a quantile of a classic histogram; `buckets` are rates that keep the label `le`."""
    return f"histogram_quantile({share}, {buckets})"


def wilson_lower(events: object, trials: object, z: str = "1.645") -> str:
    """Return the lower end of Wilson's interval for `events / trials`: the least share that so few trials prove.

    z = 1.645 is one-sided 95 %. Multiplied out by the number of trials, the formula is
    (k + z^2/2 - z sqrt(k (n - k) / n + z^2/4)) / (n + z^2).
    """
    trials = f"({trials} > 0)"
    root = f"sqrt({events} * ({trials} - {events}) / {trials} + {z} ^ 2 / 4)"
    return f"({events} + {z} ^ 2 / 2 - {z} * {root}) / ({trials} + {z} ^ 2)"


def compare(expr: object, operator: str, number: str | int | Decimal) -> str:
    """Return the series of an expression whose value compares to the number."""
    text = quantities.plain_number(number) if isinstance(number, Decimal) else str(number)
    return f"{expr} {operator} {text}"


def both(*conditions: object) -> str:
    """Return the first condition's series that all others have, too."""
    return " and ".join(f"({condition})" for condition in conditions)


def either(*conditions: object) -> str:
    """Return the series of each condition; an earlier one wins over a later one with the same labels."""
    return " or ".join(f"({condition})" for condition in conditions)


def unless(condition: object, exception: object) -> str:
    """Return the condition's series that the exception does not have."""
    return f"({condition}) unless ({exception})"
