"""CRMMonitoring resources for tests, as the API server would hand them over."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from crm_monitoring.api.parsing import parse
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.manifest import CRM_MONITORING, Manifest

NAMESPACE = "crm"
NAME = "crm"
UID = "11111111-2222-3333-4444-555555555555"

Change = Mapping[str, Any]
"""A change to a spec, deep: maps are merged, everything else replaces, None removes the field."""


def merged(base: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Return `base` with a change merged into it; neither argument is altered."""
    result = deepcopy(dict(base))
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = deepcopy(value)
    return result


def resource(
    spec: Mapping[str, Any],
    *,
    name: str = NAME,
    namespace: str = NAMESPACE,
    uid: str = UID,
    generation: int = 1,
) -> Manifest:
    """Return a resource with exactly this spec."""
    return {
        "apiVersion": CRM_MONITORING.api_version,
        "kind": CRM_MONITORING.name,
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "generation": generation},
        "spec": deepcopy(dict(spec)),
    }


def minimal(change: Change | None = None, **metadata: Any) -> Manifest:
    """Return the smallest resource, only a target, with a change to its spec."""
    return resource(merged({"target": {"name": "crm-api"}}, change or {}), **metadata)


def quickstart(change: Change | None = None, **metadata: Any) -> Manifest:
    """Return what a first user writes: target, labels for selection, one Slack receiver; with a change to its spec."""
    return resource(merged(_QUICKSTART, change or {}), **metadata)


def full(change: Change | None = None, **metadata: Any) -> Manifest:
    """Return a resource that has every block, and in it most fields; with a change to its spec."""
    return resource(merged(_FULL, change or {}), **metadata)


def parsed(body: Mapping[str, Any] | None = None) -> CRMMonitoring:
    """Return the model of a resource, of the minimal one by default."""
    return parse(minimal() if body is None else body)


def secret_key(name: str, key: str) -> dict[str, str]:
    """Return a reference to a Secret key."""
    return {"name": name, "key": key}


PAGERDUTY: dict[str, Any] = {
    "name": "pagerduty",
    "severities": ["critical", "high"],
    "pagerduty": {"routingKeySecretRef": secret_key("crm-alerting", "pagerduty-routing-key")},
}
SLACK: dict[str, Any] = {
    "name": "slack",
    "slack": {"webhookUrlSecretRef": secret_key("crm-alerting", "slack-webhook-url"), "channel": "#crm-alerts"},
}
EMAIL: dict[str, Any] = {
    "name": "email",
    "email": {
        "to": ["ops@example.com"],
        "from": "crm@example.com",
        "smarthost": "smtp.example.com:587",
        "authUsername": "crm",
        "authPasswordSecretRef": secret_key("crm-alerting", "smtp-password"),
    },
}
WEBHOOK: dict[str, Any] = {"name": "audit", "webhook": {"urlSecretRef": secret_key("crm-alerting", "audit-url")}}

RECEIVERS = (PAGERDUTY, SLACK, EMAIL, WEBHOOK)
"""One receiver of each kind."""

_QUICKSTART: dict[str, Any] = {
    "target": {"name": "crm-api"},
    "objectLabels": {"release": "kube-prometheus-stack"},
    "notifications": {"receivers": [SLACK]},
}

_FULL: dict[str, Any] = {
    "mode": "Enforce",
    "target": {"kind": "Deployment", "name": "crm-api", "container": "api", "service": "crm-api"},
    "environment": "staging",
    "objectLabels": {"release": "kube-prometheus-stack"},
    "metrics": {
        "monitor": "Auto",
        "port": "metrics",
        "path": "/metrics",
        "scheme": "https",
        "tls": {"caSecretRef": secret_key("crm-tls", "ca.crt"), "serverName": "crm-api.crm.svc"},
        "bearerTokenSecretRef": secret_key("crm-metrics", "token"),
        "interval": "30s",
        "scrapeTimeout": "10s",
        "sampleLimit": 5000,
        "queueScope": "Shared",
    },
    "alerts": {
        "overrides": {
            "CRMDeliveryRateLow": {"threshold": "95%", "for": "10m", "window": "1h", "minimumVolume": 40},
            "CRMDeliveryTimeSlow": {"threshold": "120s", "severity": "high"},
            "CRMQueueSizeHigh": {"threshold": "250", "labels": {"team": "queue"}},
            "CRMCacheMissRateHigh": {"enabled": False},
            "CRMChannelUnavailable": {"annotations": {"dashboard": "Channels"}, "keepFiringFor": "10m"},
        },
        "extraLabels": {"team": "crm"},
        "severityMap": {"high": "critical", "medium": "warning", "low": "info"},
        "anomaly": {"weeks": 3, "margin": "30%"},
        "runbookBaseUrl": "https://runbooks.example.com/crm",
        "custom": [
            {
                "alert": "NoWelcomeMessages",
                "expr": 'sum(increase(crm_communications_total{message_type="welcome"}[1h])) == 0',
                "for": "30m",
                "severity": "low",
                "summary": "No welcome message was sent for an hour",
                "description": "The value is {{ $value }}.",
            }
        ],
    },
    "slos": [
        {"name": "delivery", "sli": "Delivery", "objective": "99%", "window": "30d"},
        {"name": "latency", "sli": "DeliveryTime", "threshold": "300s", "objective": "95%", "window": "28d"},
        {"name": "api", "sli": "API", "objective": "99.5%"},
    ],
    "notifications": {
        "mode": "Secret",
        "secretName": "alertmanager-crm",
        "groupBy": ["namespace", "crm_monitoring", "alertname", "severity"],
        "groupWait": "10s",
        "groupInterval": "30s",
        "repeatInterval": "12h",
        "receivers": list(RECEIVERS),
        "muteTimings": [
            {
                "name": "nights",
                "severities": ["low"],
                "weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday"],
                "times": [{"start": "00:00", "end": "08:00"}, {"start": "18:00", "end": "24:00"}],
                "location": "Europe/Berlin",
            }
        ],
        "watchdog": {"urlSecretRef": secret_key("crm-alerting", "heartbeat-url")},
    },
    "workload": {
        "probes": {
            "port": "http",
            "readiness": {"periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
            "liveness": {"path": "/api/crm/health/liveness"},
            "startup": {},
        },
        "env": {
            "logLevel": "INFO",
            "jsonLogging": True,
            "healthCheckInterval": "30s",
            "metricsPort": 8000,
            "metricsPath": "/metrics",
        },
        "conflictPolicy": "Respect",
        "deletionPolicy": "Retain",
    },
    "blackbox": {"path": "/api/crm/health", "port": "http", "interval": "30s"},
    "dashboards": {"folder": "CRM", "audiences": ["Overview", "Operations", "Business", "SLO"]},
}
