"""The monitoring itself: targets, missing metrics, breaches of the contract, the watchdog, a healthy CRM."""

from typing import Any

from support.promtool import Case
from support.resources import SLACK, secret_key

TARGETS, MISSING, VIOLATION, WATCHDOG = "CRMTargetsMissing", "CRMMetricMissing", "CRMContractViolation", "CRMWatchdog"

DELIVERED = 'crm_communications_total{message_type="welcome",channel="email",status="delivered"}'
OPENED = 'crm_communications_total{message_type="welcome",channel="email",status="opened"}'
COUNT = 'crm_delivery_time_seconds_count{channel="email"}'


def bucket(le: str) -> str:
    """Return a bucket of the delivery time."""
    return f'crm_delivery_time_seconds_bucket{{channel="email",le="{le}"}}'


AT_REST = {
    DELIVERED: "0x320",
    'crm_channel_availability{channel="email"}': "1x320",
    "crm_active_communications": "0x320",
    'crm_queue_size{priority="high"}': "0x320",
    "crm_cache_hits_total": "0x320",
    "crm_cache_misses_total": "0x320",
    'crm_info{version="2",environment="production"}': "1x320",
}

AT_WORK = {
    **AT_REST,
    DELIVERED: "0+20x320",
    OPENED: "0+10x320",
    'crm_communications_total{message_type="welcome",channel="email",status="queued"}': "0+21x320",
    'crm_communications_total{message_type="welcome",channel="email",status="sent"}': "0+21x320",
    'crm_communications_total{message_type="welcome",channel="email",status="bounced"}': "0+1x320",
    'crm_open_rate{message_type="welcome"}': "0.5x320",
    'crm_click_rate{message_type="welcome"}': "0.1x320",
    bucket("300.0"): "0+20x320",
    bucket("600.0"): "0+20x320",
    bucket("+Inf"): "0+20x320",
    COUNT: "0+20x320",
    'crm_api_requests_total{api="smtp"}': "0+21x320",
    'crm_api_errors_total{api="smtp",error_type="auth"}': "0x320",
    "crm_active_communications": "3x320",
    'crm_queue_size{priority="high"}': "4x320",
    "crm_cache_hits_total": "0+90x320",
    "crm_cache_misses_total": "0+10x320",
}

SLOS = {
    "slos": [
        {"name": "delivery", "sli": "Delivery", "objective": "95%"},
        {"name": "latency", "sli": "DeliveryTime", "threshold": "300s", "objective": "95%"},
        {"name": "api", "sli": "API", "objective": "99%"},
    ]
}

CUSTOM = {
    "alerts": {
        "custom": [{"alert": "Backlog", "expr": "sum(crm_queue_size) > 50 or vector(1) < 0", "summary": "Backlog"}]
    }
}


def without(series: dict[str, str], *names: str) -> dict[str, str]:
    """Return the series of other metrics."""
    return {text: values for text, values in series.items() if not text.startswith(names)}


def missing(*metrics: str) -> tuple[str, ...]:
    """Return the alerts on missing metrics."""
    return tuple(f"{MISSING} metric={metric}" for metric in metrics)


def day(series: dict[str, str], *metrics: str, spec: dict[str, Any] | None = None) -> Case:
    """Return the case of a CRM that exports these series for more than a day; these metrics are missing then."""
    firing = {"1455m": (), "1500m": missing(*metrics)}
    return Case(MISSING, series, firing, spec or {}, step="15m", purposes=("meta",))


CASES = {
    "a healthy CRM is at work": Case(
        MISSING, AT_WORK, {"40m": (), "90m": (), "150m": ()}, SLOS, values={("150m", "ALERTS"): {}}
    ),
    "a healthy CRM is at work for more than a day": day(AT_WORK),
    "a CRM at rest exports what it should": day(AT_REST),
    "no metric is exported for a day": day(
        {},
        "crm_communications_total",
        "crm_channel_availability",
        "crm_active_communications",
        "crm_queue_size",
        "crm_cache_hits_total",
        "crm_cache_misses_total",
        "crm_info",
    ),
    "e-mails are delivered without the metrics that come with them": day(
        without(AT_WORK, "crm_open_rate", "crm_click_rate", "crm_delivery_time", "crm_api_requests", "crm_api_errors"),
        "crm_open_rate",
        "crm_click_rate",
        "crm_delivery_time_seconds",
        "crm_api_requests_total",
    ),
    "requests are counted and errors are not": day(without(AT_WORK, "crm_api_errors"), "crm_api_errors_total"),
    "a client library calls the information crm_info_info": day(
        {**without(AT_REST, "crm_info"), 'crm_info_info{version="2"}': "1x320"}
    ),
    "nobody misses the cache whose alert is switched off": day(
        without(AT_REST, "crm_cache"), spec={"alerts": {"overrides": {"CRMCacheMissRateHigh": {"enabled": False}}}}
    ),
    "a metric was seen within the day": day(
        {**without(AT_REST, "crm_active"), "crm_active_communications": "_x20 0x5 stale"}
    ),
    "every target fails": Case(TARGETS, {}, {"4m": (), "8m": (TARGETS,)}, up="0x30"),
    "there is no target at all": Case(TARGETS, {}, {"4m": (), "8m": (TARGETS,)}, up=""),
    "only another resource has targets": Case(
        TARGETS, {'up{crm_monitoring="other"}': "1x30"}, {"8m": (TARGETS,)}, up=""
    ),
    "one of two targets works": Case(TARGETS, {'up{instance="a"}': "0x30", 'up{instance="b"}': "1x30"}, {"8m": ()}),
    "targets are away for three minutes": Case(TARGETS, {}, {"8m": (), "12m": ()}, up="1x5 0x2 1x30"),
    "rates are exported in percent": Case(
        VIOLATION,
        {'crm_open_rate{message_type="welcome"}': "45x60", 'crm_click_rate{message_type="welcome"}': "12x60"},
        {"20m": (), "40m": (f"{VIOLATION} check=crm_open_rate_unit", f"{VIOLATION} check=crm_click_rate_unit")},
    ),
    "rates are exported as shares": Case(
        VIOLATION,
        {'crm_open_rate{message_type="welcome"}': "1x60", 'crm_click_rate{message_type="welcome"}': "0.12x60"},
        {"40m": ()},
    ),
    "a channel is half available": Case(
        VIOLATION,
        {'crm_channel_availability{channel="email"}': "0.5x60"},
        {"40m": (f"{VIOLATION} check=channel_availability_value",)},
    ),
    "a status is not in the contract": Case(
        VIOLATION,
        {'crm_communications_total{message_type="welcome",channel="email",status="success"}': "0+9x60"},
        {"40m": (f"{VIOLATION} check=status_value status=success",)},
    ),
    "e-mails are opened that nobody delivered": Case(
        VIOLATION, {OPENED: "0+9x60"}, {"40m": (f"{VIOLATION} check=delivered_not_counted channel=email",)}
    ),
    "the buckets end at ten seconds": Case(
        VIOLATION,
        {bucket("5.0"): "0+9x60", bucket("10.0"): "0+9x60", bucket("+Inf"): "0+10x60", COUNT: "0+10x60"},
        {"40m": (f"{VIOLATION} check=delivery_time_bucket_range",)},
    ),
    "the buckets end exactly at the threshold": Case(
        VIOLATION,
        {bucket("10.0"): "0+9x60", bucket("300.0"): "0+9x60", bucket("+Inf"): "0+9x60", COUNT: "0+9x60"},
        {"40m": (f"{VIOLATION} check=delivery_time_bucket_range",)},
    ),
    "the objective's bound is no bucket": Case(
        VIOLATION,
        {bucket("250.0"): "0+9x60", bucket("600.0"): "0+9x60", bucket("+Inf"): "0+9x60", COUNT: "0+9x60"},
        {"40m": (f"{VIOLATION} check=delivery_time_bucket_300s",)},
        SLOS,
    ),
    "the objective's bound is spelled without a fraction": Case(
        VIOLATION,
        {bucket("300"): "0+9x60", bucket("600"): "0+9x60", bucket("+Inf"): "0+9x60", COUNT: "0+9x60"},
        {"40m": ()},
        SLOS,
    ),
    "each worker process exports its own gauge": Case(
        VIOLATION,
        {'crm_queue_size{priority="high",pid="17"}': "0x60"},
        {"40m": (f"{VIOLATION} check=multiprocess_gauge",)},
    ),
    "the watchdog always fires": Case(
        WATCHDOG,
        {},
        {"1m": (WATCHDOG,), "60m": (WATCHDOG,)},
        {
            "notifications": {
                "receivers": [SLACK],
                "watchdog": {"urlSecretRef": secret_key("crm-alerting", "heartbeat")},
            }
        },
    ),
    "there is no watchdog without its receiver": Case(
        WATCHDOG, {}, {"60m": ()}, {"notifications": {"receivers": [SLACK]}}
    ),
    "a custom alert sees only the series of its resource": Case(
        "Backlog",
        {
            'crm_queue_size{priority="high"}': "5x60",
            'crm_queue_size{priority="high",crm_monitoring="other"}': "500x60",
            'crm_queue_size{priority="high",namespace="elsewhere"}': "500x60",
            DELIVERED: "0+5x60",
        },
        {"30m": ()},
        CUSTOM,
    ),
    "a custom alert fires under the identity of its resource": Case(
        "Backlog",
        {'crm_queue_size{priority="high"}': "60x60", DELIVERED: "0+5x60"},
        {"3m": (), "30m": ("Backlog",)},
        CUSTOM,
        values={("30m", 'count(ALERTS{alertname="Backlog",namespace="crm",crm_monitoring="crm"})'): {"{}": 1}},
    ),
}
