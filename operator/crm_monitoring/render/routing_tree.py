"""The routing tree of one resource, before it takes the form of alertmanager.yaml or of an AlertmanagerConfig.

    parent: the resource's identity          receiver: the first one
    +- CRMWatchdog                           receiver: CRMWatchdog, and nobody else
    +- severities of a receiver, continue    receiver: that one; one route for each set of mute timings

One route per receiver, each with `continue`, gives every receiver its own mute timings and lets a severity reach several.
What no route takes, such as a severity that is not ours, stays with the parent's receiver.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crm_monitoring.api.quantities import prometheus_duration
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.notifications import Notifications
from crm_monitoring.contract import labels
from crm_monitoring.contract.alerts import WATCHDOG, Severity
from crm_monitoring.render.settings import RenderSettings


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label."""

    name: str
    value: str
    operator: str = "="

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{escaped}"'


@dataclass(frozen=True, slots=True)
class Timing:
    """When the notifications of a group are sent, as Prometheus writes durations."""

    wait: str
    interval: str
    repeat: str


@dataclass(frozen=True, slots=True)
class Route:
    """One node. Without `timing` and `group_by` those of the node above apply."""

    receiver: str
    matchers: tuple[Matcher, ...]
    goes_on: bool = False
    """Whether routes after this one see the alert, too."""
    timing: Timing | None = None
    group_by: tuple[str, ...] = ()
    mute_timings: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()


HEARTBEAT = Timing(wait="0s", interval="30s", repeat="50s")
"""Sends about once a minute: Alertmanager looks at a group once in an interval."""

Exported = Mapping[str, str]
"""Names under which severities are exported, by severity."""


def exported_severities(resource: CRMMonitoring) -> dict[str, str]:
    """Return the name under which each severity is exported: its own, unless `alerts.severityMap` says otherwise."""
    changes = {str(severity): name for severity, name in resource.spec.alerts.severity_map.items()}
    return {severity.value: changes.get(severity, severity.value) for severity in Severity}


def one_of(name: str, values: tuple[str, ...]) -> Matcher:
    """Return the matcher for any of some values, which must be free of characters with a meaning in patterns."""
    return Matcher(name, values[0]) if len(values) == 1 else Matcher(name, "|".join(values), "=~")


def identity(resource: CRMMonitoring) -> tuple[Matcher, Matcher]:
    """Return the matchers that only alerts of this resource pass."""
    metadata = resource.metadata
    return Matcher(labels.NAMESPACE, metadata.namespace), Matcher(labels.RESOURCE, metadata.name)


def identity_labels(settings: RenderSettings) -> tuple[str, ...]:
    """Return the labels that tell resources apart in one Alertmanager."""
    return (*labels.IDENTITY, labels.CLUSTER) if settings.cluster else labels.IDENTITY


def routing_tree(resource: CRMMonitoring, notifications: Notifications, settings: RenderSettings) -> Route:
    """Return the parent route of a resource with everything below it."""
    exported = exported_severities(resource)
    mutes = muted(notifications, exported)
    timing = Timing(
        prometheus_duration(notifications.group_wait),
        prometheus_duration(notifications.group_interval),
        prometheus_duration(notifications.repeat_interval),
    )
    watchdog = Route(WATCHDOG, (Matcher(labels.ALERT_NAME, WATCHDOG),), timing=HEARTBEAT)
    children = (
        route
        for receiver, severities in _assigned(notifications)
        for route in _receiver_routes(receiver, severities, exported, mutes)
    )
    return Route(
        receiver=notifications.receivers[0].name,
        matchers=identity(resource),
        goes_on=True,
        timing=timing,
        group_by=tuple(dict.fromkeys((*notifications.group_by, *identity_labels(settings)))),
        routes=(watchdog, *children),
    )


def _assigned(notifications: Notifications) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each receiver with its severities; the first one also gets those that nobody takes."""
    claimed = {severity for receiver in notifications.receivers for severity in receiver.takes}
    extra = set(Severity) - claimed
    for receiver in notifications.receivers:
        yield receiver.name, frozenset((*receiver.takes, *extra))
        extra = set()


def muted(notifications: Notifications, exported: Exported) -> dict[str, tuple[str, ...]]:
    """Return the mute timings in force for each exported severity.

    A name that stands for several severities is muted only by a timing that mutes all of them, so never where one of
    them is critical or high.
    """
    originals: dict[str, set[str]] = {}
    for severity, name in exported.items():
        originals.setdefault(name, set()).add(severity)
    return {
        name: tuple(timing.name for timing in notifications.mute_timings if severities <= set(timing.severities))
        for name, severities in originals.items()
    }


def _receiver_routes(
    receiver: str, severities: frozenset[str], exported: Exported, mutes: Mapping[str, tuple[str, ...]]
) -> Iterator[Route]:
    names = dict.fromkeys(name for severity, name in exported.items() if severity in severities)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        groups.setdefault(mutes[name], []).append(name)
    for timings, group in groups.items():
        yield Route(receiver, (one_of(labels.SEVERITY, tuple(group)),), goes_on=True, mute_timings=timings)
