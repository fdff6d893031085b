"""AlertmanagerConfig: the routing tree for an Alertmanager that is shared with others.

prometheus-operator prefixes the names of receivers and mute timings, adds the namespace to the first route and to
inhibition, and sets `continue` on the first route. Credentials stay in their Secrets; the object holds references.
"""

from collections.abc import Mapping
from typing import Any

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.base import SecretKeyRef
from crm_monitoring.api.v1alpha1.notifications import MuteTiming, Notifications
from crm_monitoring.contract.alerts import WATCHDOG
from crm_monitoring.manifest import ALERTMANAGER_CONFIG, Manifest
from crm_monitoring.render import names, receivers
from crm_monitoring.render.mute_timings import interval
from crm_monitoring.render.routing_inhibition import Inhibition, inhibitions
from crm_monitoring.render.routing_tree import Matcher, Route, exported_severities, routing_tree
from crm_monitoring.render.settings import RenderSettings

PURPOSE = "routing"

UTC = "UTC"
"""The one time zone that AlertmanagerConfig v1alpha1 knows: it has no field for it."""

_KINDS = {
    "pagerduty_configs": "pagerdutyConfigs",
    "slack_configs": "slackConfigs",
    "email_configs": "emailConfigs",
    "webhook_configs": "webhookConfigs",
}

_SETTINGS = {
    "send_resolved": "sendResolved",
    "routing_key": "routingKey",
    "api_url": "apiURL",
    "url": "urlSecret",
    "auth_username": "authUsername",
    "auth_password": "authPassword",
    "require_tls": "requireTLS",
}
"""Settings that have another name than in alertmanager.yaml."""


def alertmanager_config(resource: CRMMonitoring, notifications: Notifications, settings: RenderSettings) -> Manifest:
    """Return the object. Mute timings outside of UTC are left out, so that nothing is muted at the wrong time."""
    muting = {timing.name: timing for timing in notifications.mute_timings if timing.location == UTC}
    spec: dict[str, Any] = {
        "route": _route(routing_tree(resource, notifications, settings), muting),
        "receivers": _receivers(resource, notifications),
        "inhibitRules": [_inhibition(rule) for rule in inhibitions(resource, settings)],
    }
    if muting:
        spec["muteTimeIntervals"] = [_mute_timing(timing) for timing in muting.values()]
    return names.child(resource, ALERTMANAGER_CONFIG, PURPOSE, {"spec": spec})


def _route(route: Route, muting: Mapping[str, MuteTiming]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "receiver": route.receiver,
        "matchers": _matchers(route.matchers),
        "continue": route.goes_on,
    }
    if route.group_by:
        content["groupBy"] = list(route.group_by)
    if route.timing:
        content["groupWait"] = route.timing.wait
        content["groupInterval"] = route.timing.interval
        content["repeatInterval"] = route.timing.repeat
    if mutes := [name for name in route.mute_timings if name in muting]:
        content["muteTimeIntervals"] = mutes
    if route.routes:
        content["routes"] = [_route(child, muting) for child in route.routes]
    return content


def _receivers(resource: CRMMonitoring, notifications: Notifications) -> list[dict[str, Any]]:
    exported = exported_severities(resource)
    watchdog: dict[str, Any] = {"name": WATCHDOG}
    if notifications.watchdog:
        watchdog |= _integration(receivers.heartbeat(notifications.watchdog, _reference))
    return [
        *(
            {"name": receiver.name, **_integration(receivers.integration(receiver, exported, _reference))}
            for receiver in notifications.receivers
        ),
        watchdog,
    ]


def _reference(reference: SecretKeyRef) -> dict[str, str]:
    return {"name": reference.name, "key": reference.key}


def _integration(integration: receivers.Integration) -> dict[str, Any]:
    kind, settings = integration
    return {_KINDS[kind]: [dict(_setting(name, value) for name, value in settings.items())]}


def _setting(name: str, value: Any) -> tuple[str, Any]:
    if name == "headers":
        return name, [{"key": key, "value": text} for key, text in value.items()]
    if name == "links":
        return "pagerDutyLinkConfigs", [{"href": link["href"], "alt": link["text"]} for link in value]
    return _SETTINGS.get(name, name), value


def _inhibition(rule: Inhibition) -> dict[str, Any]:
    return {
        "sourceMatch": _matchers(rule.source),
        "targetMatch": _matchers(rule.target),
        "equal": list(rule.equal),
    }


def _matchers(matchers: tuple[Matcher, ...]) -> list[dict[str, str]]:
    return [{"name": matcher.name, "value": matcher.value, "matchType": matcher.operator} for matcher in matchers]


def _mute_timing(timing: MuteTiming) -> dict[str, Any]:
    content = interval(timing)
    part: dict[str, Any] = {}
    if "times" in content:
        part["times"] = [{"startTime": each["start_time"], "endTime": each["end_time"]} for each in content["times"]]
    if "weekdays" in content:
        part["weekdays"] = content["weekdays"]
    return {"name": timing.name, "timeIntervals": [part]}
