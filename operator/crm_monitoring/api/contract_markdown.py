"""The reference of the contract as pages: metrics, alerts, events."""

from collections.abc import Iterable, Mapping

from crm_monitoring.contract import alerts, event_reasons, labels, metrics
from crm_monitoring.contract.alerts import Alert
from crm_monitoring.contract.labels import Label


def metrics_reference() -> str:
    """Return the page of the metrics that the CRM exports and of their labels."""
    families = _table(
        ("metric", "type", "labels", "meaning"),
        (
            (f"`{metric.name}`", metric.type.value, _names(metric.label_names), metric.help + _buckets(metric.buckets))
            for metric in metrics.ALL
        ),
    )
    used = {label.name: label for metric in metrics.ALL for label in metric.labels}
    values = _table(
        ("label", "values", "meaning"),
        ((f"`{label.name}`", _values(label), label.description) for _, label in sorted(used.items())),
    )
    identity = (
        f"`{labels.NAMESPACE}` and `{labels.RESOURCE}` are added when the metrics are scraped. The application never "
        "sets them."
    )
    return _page("Metrics", families, "## Labels", identity, values)


def alerts_reference(sketches: Mapping[str, str]) -> str:
    """Return the page of the alerts: conditions, defaults, runbooks, and `sketches` of their expressions by name."""
    heading = ("alert", "severity", "fires when", "threshold", "window", "for", "keeps firing", "minimum volume")
    return _page(
        "Alerts",
        "Everything but the condition can be changed under `spec.alerts.overrides`. Each name leads to the runbook, which "
        "holds queries, causes, steps, and an example of an override.",
        "## Of the product's monitoring document",
        _table(heading, map(_alert, alerts.STOCK)),
        "## Added",
        _table(heading, map(_alert, alerts.ADDED)),
        f"{_runbook(alerts.WATCHDOG)} always fires and exists only with `spec.notifications.watchdog`.",
        "## Who is told",
        _table(
            ("receiver", "severities unless it says otherwise"),
            ((channel.value, ", ".join(severities)) for channel, severities in alerts.SEVERITY_MATRIX.items()),
        ),
        "## Expressions",
        f"With the defaults, for an objective of 99% over 30d. Left out: the matchers `{labels.NAMESPACE}` and "
        f"`{labels.RESOURCE}` that every selector has, and their place in `by`. Series with a colon are recorded by the same "
        "PrometheusRule.",
        *(f"**{name}**: {sketch}" for name, sketch in sketches.items()),
    )


def events_reference() -> str:
    """Return the page of the Events that the operator emits."""
    rows = ((f"`{reason.name}`", reason.type.value, reason.when) for reason in event_reasons.ALL)
    return _page("Events", "One Event for each transition.", _table(("reason", "type", "when"), rows))


def _alert(alert: Alert) -> tuple[str, ...]:
    volume = f"{alert.minimum_volume} {alert.volume_of}" if alert.minimum_volume is not None else ""
    return (
        _runbook(alert.name),
        alert.severity.value,
        alert.condition,
        alert.threshold or "",
        alert.window or "",
        alert.for_,
        alert.keep_firing_for,
        volume,
    )


def _runbook(name: str) -> str:
    return f"[{name}](../runbooks/{name}.md)"


def _buckets(bounds: Iterable[float]) -> str:
    text = ", ".join(f"{bound:g}" for bound in bounds)
    return f" Buckets: {text}." if text else ""


def _values(label: Label) -> str:
    if not label.values:
        return f"at most {label.max_values}"
    return _names((*label.values, labels.OTHER))


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
