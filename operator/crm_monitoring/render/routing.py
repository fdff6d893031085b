"""Notifications of one resource: its share of a merged alertmanager.yaml, or an AlertmanagerConfig."""

from collections.abc import Iterator
from typing import Any

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.base import SecretKeyRef
from crm_monitoring.api.v1alpha1.notifications import Notifications
from crm_monitoring.contract.alerts import WATCHDOG
from crm_monitoring.manifest import ALERTMANAGER_CONFIG
from crm_monitoring.render import alertmanager_config, names, receivers, secret_values
from crm_monitoring.render.bundle import Fragment, Part, Secrets
from crm_monitoring.render.merged_check import check
from crm_monitoring.render.mute_timings import interval
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.routing_inhibition import Inhibition, inhibitions
from crm_monitoring.render.routing_tree import Route, exported_severities, muted, routing_tree
from crm_monitoring.render.settings import RenderSettings


def part(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Part:
    """Return the routing of a resource; with one credential missing or malformed all of it is held at the last good one."""
    notifications = resource.spec.notifications
    if notifications is None:
        return Part()
    findings = secret_values.findings(resource, secrets)
    share = None if findings else fragment(resource, notifications, secrets, settings)
    if share:
        findings = _check_findings(share)
    warnings = tuple(_warnings(resource, notifications))
    if notifications.mode == "AlertmanagerConfig":
        return _config_part(resource, notifications, settings, findings, warnings)
    if findings:
        return Part(findings=findings, warnings=warnings, fragment_held=True)
    return Part(fragment=share, warnings=warnings)


def _check_findings(share: Fragment) -> tuple[Finding, ...]:
    problems = check(share)
    if not problems:
        return ()
    message = f"spec.notifications gives a configuration that Alertmanager would refuse: {'; '.join(problems)}"
    return (Finding(ConditionType.NOTIFICATIONS, Reason.FRAGMENT_INVALID, message),)


def _config_part(
    resource: CRMMonitoring,
    notifications: Notifications,
    settings: RenderSettings,
    findings: tuple[Finding, ...],
    warnings: tuple[str, ...],
) -> Part:
    zones = tuple(_zone_findings(notifications))
    if findings:
        key = names.child_key(resource, ALERTMANAGER_CONFIG, alertmanager_config.PURPOSE)
        return Part(held=frozenset({key}), findings=(*findings, *zones), warnings=warnings)
    child = alertmanager_config.alertmanager_config(resource, notifications, settings)
    return Part(children=(child,), findings=zones, warnings=warnings)


def fragment(
    resource: CRMMonitoring, notifications: Notifications, secrets: Secrets, settings: RenderSettings
) -> Fragment:
    """Return the share of a merged alertmanager.yaml. Every Secret key must be there and hold UTF-8."""
    prefix = receiver_prefix(resource)

    def credential(reference: SecretKeyRef) -> str:
        content = secrets[reference.name]
        assert content is not None
        return content[reference.key].reveal().decode()

    exported = exported_severities(resource)
    watchdog: dict[str, Any] = {"name": prefix + WATCHDOG}
    if notifications.watchdog:
        kind, content = receivers.heartbeat(notifications.watchdog, credential)
        watchdog[kind] = [content]
    own = []
    for receiver in notifications.receivers:
        kind, content = receivers.integration(receiver, exported, credential)
        own.append({"name": prefix + receiver.name, kind: [content]})
    return Fragment(
        secret_name=notifications.secret_name,
        routes=(_route(routing_tree(resource, notifications, settings), prefix),),
        receivers=(*own, watchdog),
        inhibit_rules=tuple(map(_inhibition, inhibitions(resource, settings))),
        time_intervals=tuple(
            {"name": prefix + timing.name, "time_intervals": [interval(timing)]}
            for timing in notifications.mute_timings
        ),
    )


def receiver_prefix(resource: CRMMonitoring) -> str:
    """Return what the names of a resource's receivers and mute timings begin with in a merged alertmanager.yaml."""
    return f"{resource.metadata.namespace}/{resource.metadata.name}/"


def _route(route: Route, prefix: str) -> dict[str, Any]:
    content: dict[str, Any] = {
        "receiver": prefix + route.receiver,
        "matchers": list(map(str, route.matchers)),
        "continue": route.goes_on,
    }
    if route.group_by:
        content["group_by"] = list(route.group_by)
    if route.timing:
        content["group_wait"] = route.timing.wait
        content["group_interval"] = route.timing.interval
        content["repeat_interval"] = route.timing.repeat
    if route.mute_timings:
        content["mute_time_intervals"] = [prefix + name for name in route.mute_timings]
    if route.routes:
        content["routes"] = [_route(child, prefix) for child in route.routes]
    return content


def _inhibition(rule: Inhibition) -> dict[str, Any]:
    return {
        "source_matchers": list(map(str, rule.source)),
        "target_matchers": list(map(str, rule.target)),
        "equal": list(rule.equal),
    }


def _zone_findings(notifications: Notifications) -> Iterator[Finding]:
    for index, timing in enumerate(notifications.mute_timings):
        if timing.location != alertmanager_config.UTC:
            message = (
                f"spec.notifications.muteTimings[{index}].location: an AlertmanagerConfig knows no time zone, so this "
                f"timing is left out and nothing is muted; write the times in UTC, or set spec.notifications.mode: Secret"
            )
            yield Finding(ConditionType.NOTIFICATIONS, Reason.INVALID_SPEC, message)


def _warnings(resource: CRMMonitoring, notifications: Notifications) -> Iterator[str]:
    exported = exported_severities(resource)
    mutes = muted(notifications, exported)
    for index, timing in enumerate(notifications.mute_timings):
        for severity in timing.severities:
            if timing.name not in mutes[exported[severity]]:
                yield (
                    f"spec.notifications.muteTimings[{index}]: {severity} is not muted, because alerts.severityMap "
                    f"exports it as {exported[severity]} together with severities that this timing does not mute"
                )
