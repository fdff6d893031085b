"""Resources with the verdict that the API server and the offline check must both give: None, or the path to blame."""

from typing import Any

from crm_monitoring.manifest import Manifest
from support.resources import EMAIL, PAGERDUTY, SLACK, WEBHOOK, full, minimal, quickstart, secret_key

Verdicts = dict[str, tuple[Manifest, str | None]]


def _metrics(**fields: Any) -> Manifest:
    return minimal({"metrics": fields})


def _alerts(**fields: Any) -> Manifest:
    return minimal({"alerts": fields})


def _override(alert: str, **fields: Any) -> Manifest:
    return minimal({"alerts": {"overrides": {alert: fields}}})


def _custom(*alerts: dict[str, Any]) -> Manifest:
    stock = {"alert": "QueueOfVips", "expr": "crm_queue_size > 10", "summary": "Important people wait"}
    return minimal({"alerts": {"custom": [{**stock, **alert} for alert in alerts]}})


def _slo(**fields: Any) -> Manifest:
    slo = {"name": "delivery", "sli": "Delivery", "objective": "99%", **fields}
    return minimal({"slos": [{name: value for name, value in slo.items() if value is not None}]})


def _latency(threshold: str | None) -> Manifest:
    return _slo(name="latency", sli="DeliveryTime", threshold=threshold)


def _notify(*receivers: dict[str, Any], **fields: Any) -> Manifest:
    return minimal({"notifications": {"receivers": list(receivers or (SLACK,)), **fields}})


def _email(**fields: Any) -> Manifest:
    email = {name: value for name, value in {**EMAIL["email"], **fields}.items() if value is not None}
    return _notify({"name": "email", "email": email})


def _mute(**fields: Any) -> Manifest:
    timing = {"name": "nights", "weekdays": ["monday"], **fields}
    return _notify(muteTimings=[{name: value for name, value in timing.items() if value is not None}])


def _workload(**fields: Any) -> Manifest:
    return minimal({"workload": fields})


def _labels(**labels: Any) -> Manifest:
    return minimal({"objectLabels": labels})


VALID: Verdicts = {
    "only a target": (minimal(), None),
    "what a first user writes": (quickstart(), None),
    "every block": (full(), None),
    "a StatefulSet": (minimal({"target": {"kind": "StatefulSet"}}), None),
    "a name of 40 characters": (minimal(name="n" * 40), None),
    "a dry run": (minimal({"mode": "Observe"}), None),
    "a port by number": (_metrics(port=8000), None),
    "a port by name": (_metrics(port="http-metrics"), None),
    "scrapes every second": (_metrics(interval="1s", scrapeTimeout="1s"), None),
    "an interval in two units": (_metrics(interval="1m30s"), None),
    "an interval in milliseconds": (_metrics(interval="15000ms"), None),
    "series that something else scrapes": (_metrics(monitor="None", existingJob="crm-api"), None),
    "tls with https": (_metrics(scheme="https", tls={}), None),
    "an empty line where a block could be": (minimal() | {"spec": {"target": {"name": "x"}, "workload": None}}, None),
    "an alert that is switched off": (_override("CRMQueueSizeHigh", enabled=False), None),
    "a ratio with three decimals": (_override("CRMDeliveryRateLow", threshold="99.125%"), None),
    "a count": (_override("CRMQueueSizeHigh", threshold="250"), None),
    "a slow threshold on a bucket": (_override("CRMDeliveryTimeSlow", threshold="30m"), None),
    "an alert that fires at once": (_override("CRMAuthenticationFailure", **{"for": "0s"}), None),
    "no minimum volume": (_override("CRMRetryRateHigh", minimumVolume=0), None),
    "labels for every alert": (_alerts(extraLabels={"team": "crm"}), None),
    "a band around the usual traffic": (_alerts(anomaly={}), None),
    "a band around that of four weeks": (_alerts(anomaly={"weeks": 4, "margin": "12.5%"}), None),
    "severities of a shared Alertmanager": (_alerts(severityMap={"high": "critical", "medium": "warning"}), None),
    "an alert of one's own": (_custom({}), None),
    "two alerts of one's own": (_custom({}, {"alert": "QueueOfOthers"}), None),
    "the lowest objective": (_slo(objective="50%"), None),
    "the highest objective": (_slo(objective="99.99%"), None),
    "latency on a bucket bound": (_latency("300s"), None),
    "latency on the same bound written otherwise": (_latency("5m"), None),
    "latency on a bound below a second": (_latency("500ms"), None),
    "latency on a bound between seconds": (_latency("2s500ms"), None),
    "one receiver of each kind": (_notify(PAGERDUTY, SLACK, EMAIL, WEBHOOK), None),
    "mail without authentication": (_email(authUsername=None, authPasswordSecretRef=None), None),
    "a mute timing for whole days": (_mute(), None),
    "a mute timing until midnight": (_mute(weekdays=None, times=[{"start": "18:00", "end": "24:00"}]), None),
    "groups by more labels": (_notify(groupBy=["namespace", "crm_monitoring", "channel"]), None),
    "a week between reminders": (_notify(repeatInterval="168h"), None),
    "an Alertmanager shared with others": (_notify(mode="AlertmanagerConfig"), None),
    "one probe with defaults": (_workload(probes={"readiness": {}}), None),
    "one variable": (_workload(env={"logLevel": "DEBUG"}), None),
    "a variable that is false": (_workload(env={"jsonLogging": False}), None),
    "a probe as slow as its period": (_workload(probes={"liveness": {"timeoutSeconds": 10}}), None),
    "a check from outside": (minimal({"blackbox": {}}), None),
    "one dashboard": (minimal({"dashboards": {"audiences": ["SLO"]}}), None),
    "a label with a prefix": (_labels(**{"example.com/team": "crm"}), None),
}

INVALID: Verdicts = {
    "no target": (minimal({"target": None}), "spec.target"),
    "a target without a name": (minimal({"target": {"name": None}}), "spec.target.name"),
    "a name that is null": (minimal() | {"spec": {"target": {"name": None}}}, "spec.target.name"),
    "a name of 41 characters": (minimal(name="n" * 41), "metadata.name"),
    "a target that is no workload": (minimal({"target": {"kind": "DaemonSet"}}), "spec.target.kind"),
    "a target in capitals": (minimal({"target": {"name": "CRM"}}), "spec.target.name"),
    "an unknown field": (_metrics(intervall="15s"), "spec.metrics.intervall"),
    "an unknown alert": (
        _override("CRMDeliveryRateTooLow", threshold="1%"),
        "spec.alerts.overrides.CRMDeliveryRateTooLow",
    ),
    "an inline credential": (
        _notify({"name": "s", "slack": {**SLACK["slack"], "webhookUrl": "x"}}),
        "spec.notifications.receivers[0].slack.webhookUrl",
    ),
    "a number where text is expected": (_metrics(interval=15), "spec.metrics.interval"),
    "text where a number is expected": (_metrics(sampleLimit="10"), "spec.metrics.sampleLimit"),
    "text where a block is expected": (minimal({"metrics": "yes"}), "spec.metrics"),
    "a block where a list is expected": (minimal({"slos": {"name": "a"}}), "spec.slos"),
    "an interval without a unit": (_metrics(interval="15"), "spec.metrics.interval"),
    "an empty interval": (_metrics(interval=""), "spec.metrics.interval"),
    "an interval in days": (_metrics(interval="1d"), "spec.metrics.interval"),
    "an interval in the wrong order": (_metrics(interval="30s1m"), "spec.metrics.interval"),
    "scrapes twice a second": (_metrics(interval="500ms", scrapeTimeout="500ms"), "spec.metrics.interval"),
    "scrapes every ten minutes": (_metrics(interval="10m"), "spec.metrics.interval"),
    "a time-out above the interval": (_metrics(interval="5s"), "spec.metrics.scrapeTimeout"),
    "no monitor and no job": (_metrics(monitor="None"), "spec.metrics.existingJob"),
    "a monitor and a job": (_metrics(existingJob="crm-api"), "spec.metrics.existingJob"),
    "tls without https": (_metrics(tls={}), "spec.metrics.tls"),
    "a port of zero": (_metrics(port=0), "spec.metrics.port"),
    "a port number in quotes": (_metrics(port="8000"), "spec.metrics.port"),
    "a path with a query": (_metrics(path="/metrics?a=b"), "spec.metrics.path"),
    "a threshold of everything": (
        _override("CRMDeliveryRateLow", threshold="100%"),
        "spec.alerts.overrides.CRMDeliveryRateLow.threshold",
    ),
    "a threshold of nothing": (
        _override("CRMRetryRateHigh", threshold="0.0%"),
        "spec.alerts.overrides.CRMRetryRateHigh.threshold",
    ),
    "a share above all": (
        _override("CRMRetryRateHigh", threshold="120%"),
        "spec.alerts.overrides.CRMRetryRateHigh.threshold",
    ),
    "a share as a number": (
        _override("CRMRetryRateHigh", threshold=0.2),
        "spec.alerts.overrides.CRMRetryRateHigh.threshold",
    ),
    "a delivery time of zero": (
        _override("CRMDeliveryTimeSlow", threshold="0s"),
        "spec.alerts.overrides.CRMDeliveryTimeSlow.threshold",
    ),
    "a delivery time above every bucket": (
        _override("CRMDeliveryTimeSlow", threshold="2h"),
        "spec.alerts.overrides.CRMDeliveryTimeSlow.threshold",
    ),
    "a window below a minute": (
        _override("CRMRetryRateHigh", window="30s"),
        "spec.alerts.overrides.CRMRetryRateHigh.window",
    ),
    "a window above a day": (
        _override("CRMRetryRateHigh", window="24h1s"),
        "spec.alerts.overrides.CRMRetryRateHigh.window",
    ),
    "a window where none is used": (
        _override("CRMChannelUnavailable", window="5m"),
        "spec.alerts.overrides.CRMChannelUnavailable.window",
    ),
    "a minimum volume where none is used": (
        _override("CRMQueueSizeHigh", minimumVolume=5),
        "spec.alerts.overrides.CRMQueueSizeHigh.minimumVolume",
    ),
    "a threshold where none is used": (
        _override("CRMChannelUnavailable", threshold="5%"),
        "spec.alerts.overrides.CRMChannelUnavailable.threshold",
    ),
    "an alert that waits for two days": (
        _override("CRMRetryRateHigh", **{"for": "48h"}),
        "spec.alerts.overrides.CRMRetryRateHigh.for",
    ),
    "an unknown severity": (
        _override("CRMRetryRateHigh", severity="warning"),
        "spec.alerts.overrides.CRMRetryRateHigh.severity",
    ),
    "a label that carries the identity": (_alerts(extraLabels={"namespace": "other"}), "spec.alerts.extraLabels"),
    "a label that replaces the severity": (
        _override("CRMRetryRateHigh", labels={"severity": "low"}),
        "spec.alerts.overrides.CRMRetryRateHigh.labels",
    ),
    "a label of Prometheus' own": (_alerts(extraLabels={"__name__": "x"}), "spec.alerts.extraLabels"),
    "a label name with a dash": (_alerts(extraLabels={"my-team": "x"}), "spec.alerts.extraLabels"),
    "a label with a template": (_alerts(extraLabels={"value": "{{ $value }}"}), "spec.alerts.extraLabels"),
    "a label of the anomaly alert's own": (_alerts(extraLabels={"direction": "up"}), "spec.alerts.extraLabels"),
    "a band around five weeks": (_alerts(anomaly={"weeks": 5}), "spec.alerts.anomaly.weeks"),
    "a band around no week": (_alerts(anomaly={"weeks": 0}), "spec.alerts.anomaly.weeks"),
    "a band without a margin": (_alerts(anomaly={"margin": "0%"}), "spec.alerts.anomaly.margin"),
    "a band that nothing leaves below": (_alerts(anomaly={"margin": "100%"}), "spec.alerts.anomaly.margin"),
    "an unknown severity in the map": (_alerts(severityMap={"warning": "low"}), "spec.alerts.severityMap"),
    "a severity that is dropped elsewhere": (_alerts(severityMap={"low": "none"}), "spec.alerts.severityMap"),
    "runbooks under a file": (_alerts(runbookBaseUrl="file:///etc"), "spec.alerts.runbookBaseUrl"),
    "runbooks behind a password": (_alerts(runbookBaseUrl="https://u:p@example.com/"), "spec.alerts.runbookBaseUrl"),
    "an own alert with a reserved name": (_custom({"alert": "CRMQueueSizeHigh"}), "spec.alerts.custom[0].alert"),
    "an own alert in small letters": (_custom({"alert": "queue"}), "spec.alerts.custom[0].alert"),
    "two own alerts of one name": (_custom({}, {}), "spec.alerts.custom[1]"),
    "21 own alerts": (_custom(*({"alert": f"Alert{n}"} for n in range(21))), "spec.alerts.custom"),
    "an objective of 100%": (_slo(objective="100%"), "spec.slos[0].objective"),
    "an objective below half": (_slo(objective="49.999%"), "spec.slos[0].objective"),
    "a window of the user's own": (_slo(window="10d"), "spec.slos[0].window"),
    "a threshold on a share": (_slo(threshold="300s"), "spec.slos[0].threshold"),
    "latency without a threshold": (_latency(None), "spec.slos[0].threshold"),
    "latency between two buckets": (_latency("45s"), "spec.slos[0].threshold"),
    "two objectives of one name": (
        minimal({"slos": [{"name": "a", "sli": sli, "objective": "99%"} for sli in ("Delivery", "API")]}),
        "spec.slos[1]",
    ),
    "no receiver": (minimal({"notifications": {"receivers": []}}), "spec.notifications.receivers"),
    "a receiver of no kind": (_notify({"name": "a"}), "spec.notifications.receivers[0]"),
    "a receiver of two kinds": (_notify({**SLACK, "webhook": WEBHOOK["webhook"]}), "spec.notifications.receivers[0]"),
    "two receivers of one name": (_notify(SLACK, {**WEBHOOK, "name": "slack"}), "spec.notifications.receivers[1]"),
    "a severity twice": (
        _notify({**SLACK, "severities": ["low", "low"]}),
        "spec.notifications.receivers[0].severities[1]",
    ),
    "groups without identity": (_notify(groupBy=["alertname"]), "spec.notifications.groupBy"),
    "groups that change every second": (_notify(groupInterval="1s"), "spec.notifications.groupInterval"),
    "reminders before the group may speak": (
        _notify(groupInterval="10m", repeatInterval="5m"),
        "spec.notifications.repeatInterval",
    ),
    "a month between reminders": (_notify(repeatInterval="720h"), "spec.notifications.repeatInterval"),
    "a mail user without a password": (
        _email(authPasswordSecretRef=None),
        "spec.notifications.receivers[0].email.authPasswordSecretRef",
    ),
    "a mail password without a user": (
        _email(authUsername=None),
        "spec.notifications.receivers[0].email.authPasswordSecretRef",
    ),
    "a mail server without a port": (
        _email(smarthost="smtp.example.com"),
        "spec.notifications.receivers[0].email.smarthost",
    ),
    "a mail server on a port that cannot be": (
        _email(smarthost="smtp.example.com:70000"),
        "spec.notifications.receivers[0].email.smarthost",
    ),
    "an address with two lines": (
        _email(to=["a@example.com\nbcc: b@example.com"]),
        "spec.notifications.receivers[0].email.to[0]",
    ),
    "a Slack channel that ends a string": (
        _notify({"name": "s", "slack": {"webhookUrlSecretRef": secret_key("a", "b"), "channel": '#a"b'}}),
        "spec.notifications.receivers[0].slack.channel",
    ),
    "a watchdog without an address": (_notify(watchdog={}), "spec.notifications.watchdog.urlSecretRef"),
    "a Secret of another namespace": (
        _notify(watchdog={"urlSecretRef": {**secret_key("a", "b"), "namespace": "other"}}),
        "spec.notifications.watchdog.urlSecretRef.namespace",
    ),
    "a mute timing for critical alerts": (
        _mute(severities=["critical"]),
        "spec.notifications.muteTimings[0].severities[0]",
    ),
    "a mute timing for ever": (_mute(weekdays=None), "spec.notifications.muteTimings[0]"),
    "a mute timing over midnight": (
        _mute(times=[{"start": "22:00", "end": "06:00"}]),
        "spec.notifications.muteTimings[0].times[0].end",
    ),
    "an empty workload block": (_workload(), "spec.workload"),
    "probes without a probe": (_workload(probes={"port": "http"}), "spec.workload.probes"),
    "an empty environment": (_workload(env={}), "spec.workload.env"),
    "a probe that runs a command": (
        _workload(probes={"readiness": {"exec": {"command": ["true"]}}}),
        "spec.workload.probes.readiness.exec",
    ),
    "a probe slower than its period": (
        _workload(probes={"readiness": {"timeoutSeconds": 11}}),
        "spec.workload.probes.readiness.timeoutSeconds",
    ),
    "a probe that gives up at once": (
        _workload(probes={"liveness": {"failureThreshold": 1}}),
        "spec.workload.probes.liveness.failureThreshold",
    ),
    "health checks in fractions of a second": (
        _workload(env={"healthCheckInterval": "1500ms"}),
        "spec.workload.env.healthCheckInterval",
    ),
    "an alerting variable": (_workload(env={"alertSlackWebhook": "x"}), "spec.workload.env.alertSlackWebhook"),
    "checks from outside every second": (minimal({"blackbox": {"interval": "1s"}}), "spec.blackbox.interval"),
    "a dashboard folder with a path": (minimal({"dashboards": {"folder": "../etc"}}), "spec.dashboards.folder"),
    "a dashboard twice": (minimal({"dashboards": {"audiences": ["SLO", "SLO"]}}), "spec.dashboards.audiences[1]"),
    "our own label": (_labels(**{"app.kubernetes.io/managed-by": "me"}), "spec.objectLabels"),
    "a label under our own prefix": (_labels(**{"monitoring.crm.io/owner-uid": "x"}), "spec.objectLabels"),
    "a label by which Argo CD prunes": (_labels(**{"argocd.argoproj.io/instance": "x"}), "spec.objectLabels"),
    "a label key with a blank": (_labels(**{"a b": "x"}), "spec.objectLabels"),
    "a label key whose name part is too long": (_labels(**{"a" * 64: "x"}), "spec.objectLabels"),
    "21 labels": (_labels(**{f"l{n}": "x" for n in range(21)}), "spec.objectLabels"),
}

ONLY_PYTHON: Verdicts = {
    "an expression that is no PromQL": (_custom({"expr": "sum(crm_queue_size"}), "spec.alerts.custom[0].expr"),
    "an expression without a metric": (_custom({"expr": '{job="x"} > 1'}), "spec.alerts.custom[0].expr"),
    "an expression over all metrics": (_custom({"expr": 'count({__name__=~".+"}) > 1'}), "spec.alerts.custom[0].expr"),
    "an expression over another namespace": (
        _custom({"expr": 'crm_queue_size{namespace="other"} > 1'}),
        "spec.alerts.custom[0].expr",
    ),
    "an expression that is a number": (_custom({"expr": "1 > bool 0"}), "spec.alerts.custom[0].expr"),
    "an expression that is a range": (_custom({"expr": "crm_queue_size[5m]"}), "spec.alerts.custom[0].expr"),
    "an expression at a fixed time": (_custom({"expr": "crm_queue_size @ 0 > 1"}), "spec.alerts.custom[0].expr"),
    "an offset of two days": (_custom({"expr": "crm_queue_size offset 2d > 1"}), "spec.alerts.custom[0].expr"),
    "a range of a week": (_custom({"expr": "rate(crm_retry_attempts_total[1w]) > 1"}), "spec.alerts.custom[0].expr"),
    "an experimental function": (_custom({"expr": "info(crm_queue_size) > 1"}), "spec.alerts.custom[0].expr"),
    "a summary that runs a query": (
        _custom({"summary": '{{ query "up" }}'}),
        "spec.alerts.custom[0].summary",
    ),
    "a description that is not closed": (_custom({"description": "{{ $value"}), "spec.alerts.custom[0].description"),
    "an annotation that defines a template": (
        _override("CRMRetryRateHigh", annotations={"note": '{{ define "x" }}{{ end }}'}),
        "spec.alerts.overrides.CRMRetryRateHigh.annotations.note",
    ),
    "a time zone that does not exist": (_mute(location="Europe/Berln"), "spec.notifications.muteTimings[0].location"),
}
"""Accepted by the API server, refused offline, and so `Valid=False` in the cluster."""
