"""The user's own alerts, in an object of their own."""

from crm_monitoring.api import quantities
from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.v1alpha1.alerts import CustomAlert
from crm_monitoring.manifest import PROMETHEUS_RULE
from crm_monitoring.render import names
from crm_monitoring.render.bundle import Part
from crm_monitoring.render.custom_alerts import Unconfinable, confined
from crm_monitoring.render.rules import model
from crm_monitoring.render.rules.alerting import Context, Firing
from crm_monitoring.render.rules.model import AlertingRule
from crm_monitoring.render.rules.templates import disarmed


def part(context: Context) -> Part:
    """Return the object with the custom alerts.

    If an expression cannot be confined to the resource, every such expression becomes a finding and the object is held:
    its last good version stays as it is.
    """
    rules: list[model.Rule] = []
    findings = []
    for index, custom in enumerate(context.resource.spec.alerts.custom):
        try:
            rules.append(_rule(context, custom))
        except Unconfinable as problem:
            message = (
                f"spec.alerts.custom[{index}].expr ({custom.alert}): {problem}. The custom alerts stay as they were."
            )
            findings.append(Finding(ConditionType.VALID, Reason.INVALID_SPEC, message))
    if findings:
        held = names.child_key(context.resource, PROMETHEUS_RULE, model.CUSTOM)
        return Part(held=frozenset({held}), findings=tuple(findings))
    return Part(children=(model.rule_object(context.resource, model.CUSTOM, rules),) if rules else ())


def _rule(context: Context, custom: CustomAlert) -> AlertingRule:
    description = (
        custom.description or "An alert of the team's own; its expression is in the resource's spec.alerts.custom."
    )
    firing = Firing(confined(custom.expr, context.scope), disarmed(custom.summary), disarmed(description))
    return {
        "alert": custom.alert,
        "expr": firing.expr,
        "for": quantities.prometheus_duration(custom.for_),
        "labels": context.labels(custom.severity, {}),
        "annotations": context.annotations(custom.alert, firing),
    }
