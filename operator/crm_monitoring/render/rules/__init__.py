"""PrometheusRule objects: recording rules, stock alerts, objectives, alerts about the monitoring, the user's own."""

from collections.abc import Iterable, Iterator

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.contract.alerts import Alert
from crm_monitoring.manifest import PROMETHEUS_RULE, Manifest
from crm_monitoring.render.bundle import Part, RuleCounts, Secrets
from crm_monitoring.render.mould import filled
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.rules import anomaly, custom, meta, model, slo, stock
from crm_monitoring.render.rules.alerting import Context, Settled, settle, usable
from crm_monitoring.render.rules.model import Rule
from crm_monitoring.render.rules.recording import recording_rules
from crm_monitoring.render.settings import RenderSettings


def part(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Part:
    """Return the resource's PrometheusRule objects, one per concern, so that none can take another one down.

    Custom alerts that cannot be confined to the resource become findings; their object is then held.
    """
    own = custom.part(Context.of(resource, settings))
    return Part(
        children=(*filled(_objects, resource, settings), *own.children),
        held=own.held,
        findings=own.findings,
        warnings=(*_unusable_labels(resource), *own.warnings),
    )


def _objects(resource: CRMMonitoring, settings: RenderSettings) -> tuple[Manifest, ...]:
    context = Context.of(resource, settings)
    objects = [_stock(context), _meta(context)]
    if resource.spec.slos:
        objects.append(slo.rule_object(context))
    if (band := resource.spec.alerts.anomaly) and (rules := anomaly.rule_object(context, band)):
        objects.append(rules)
    return tuple(each for each in objects if each["spec"]["groups"][0]["rules"])


def count(children: Iterable[Manifest]) -> RuleCounts:
    """Return how many rules the PrometheusRules among these objects hold."""
    rules = [
        rule
        for child in children
        if child["kind"] == PROMETHEUS_RULE.name
        for group in child["spec"]["groups"]
        for rule in group["rules"]
    ]
    recording = sum("record" in rule for rule in rules)
    return RuleCounts(recording=recording, alerting=len(rules) - recording)


def _settled(resource: CRMMonitoring, alerts: Iterable[Alert]) -> list[Settled]:
    return [settled for alert in alerts if (settled := settle(resource, alert))]


def _stock(context: Context) -> Manifest:
    enabled = _settled(context.resource, stock.ALERTS)
    needed = [need for settled in enabled for need in stock.needed(settled)]
    shared = context.resource.spec.metrics.queue_scope == "Shared"
    rules: list[Rule] = [*recording_rules(context.scope, needed, shared_queue=shared)]
    rules += [context.rule(settled, firing) for settled in enabled for firing in stock.firings(context, settled)]
    return model.rule_object(context.resource, model.STOCK, rules)


def _meta(context: Context) -> Manifest:
    enabled = _settled(context.resource, meta.ALERTS)
    rules: list[Rule] = [context.rule(s, firing) for s in enabled for firing in meta.firings(context, s)]
    notifications = context.resource.spec.notifications
    if notifications and notifications.watchdog:
        rules.append(meta.watchdog(context))
    return model.rule_object(context.resource, model.META, rules)


def _unusable_labels(resource: CRMMonitoring) -> Iterator[str]:
    alerts = resource.spec.alerts
    where = {"spec.alerts.extraLabels": alerts.extra_labels}
    for alert in (*stock.ALERTS, *anomaly.ALERTS, *meta.ALERTS, *slo.ALERTS):
        if override := alerts.overrides.of(alert.name):
            where[f"spec.alerts.overrides.{alert.name}.labels"] = override.labels
    for path, labels in where.items():
        for name in sorted(labels):
            if not usable(name):
                yield f"{path}.{name}: this label tells alerts apart or is reserved, so it is left as it is"
