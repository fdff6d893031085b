"""The rules of a resource, flat."""

from collections.abc import Mapping
from typing import Any

from crm_monitoring.manifest import Manifest
from crm_monitoring.render import rules
from crm_monitoring.render.bundle import Part
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.resources import full, minimal, parsed


def part(body: Manifest, settings: RenderSettings | None = None) -> Part:
    """Return what the builder of rules makes of a resource."""
    return rules.part(parsed(body), Observed(), {}, settings or RenderSettings())


def rules_of(body: Manifest, settings: RenderSettings | None = None) -> list[dict[str, Any]]:
    """Return every rule of a resource."""
    return [r for o in part(body, settings).children for group in o["spec"]["groups"] for r in group["rules"]]


def alert_rules(
    change: Mapping[str, Any] | None = None, settings: RenderSettings | None = None
) -> list[dict[str, Any]]:
    """Return the alerting rules of the smallest resource with a change to its spec."""
    return [rule for rule in rules_of(minimal(change), settings) if "alert" in rule]


def named(name: str, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the first rule of an alert under an override."""
    found = alert_rules(
        {"alerts": {"overrides": {name: dict(overrides or {})}, "anomaly": {}}, "slos": full()["spec"]["slos"]}
    )
    return next(rule for rule in found if rule["alert"] == name)
