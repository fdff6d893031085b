"""Deliveries: rates, outages, low traffic, small channels, times."""

from crm_monitoring.contract.labels import FAILED_STATUSES
from support.promtool import Case

LOW = "CRMDeliveryRateLow"
OVERALL, EMAIL = f"{LOW} scope=overall", f"{LOW} scope=channel channel=email"


def sent(channel: str, status: str, more: str = "") -> str:
    """Return the counter of one channel and status."""
    return f'crm_communications_total{{message_type="welcome",channel="{channel}",status="{status}"{more}}}'


def bucket(le: str, more: str = "") -> str:
    """Return a bucket of the delivery time."""
    return f'crm_delivery_time_seconds_bucket{{channel="email",le="{le}"{more}}}'


COUNT = 'crm_delivery_time_seconds_count{channel="email"}'
SLOW = "CRMDeliveryTimeSlow"

CASES = {
    "15 in 100 communications fail": Case(
        LOW,
        {sent("email", "delivered"): "0+85x60", sent("email", "failed"): "0+15x60"},
        {"5m": (), "40m": (OVERALL, EMAIL)},
        values={
            ("40m", "crm:communications_delivered:ratio_rate30m"): {
                'crm:communications_delivered:ratio_rate30m{namespace="crm",crm_monitoring="crm"}': 0.85
            }
        },
    ),
    "9 in 100 communications fail": Case(
        LOW, {sent("email", "delivered"): "0+91x60", sent("email", "bounced"): "0+9x60"}, {"40m": ()}
    ),
    "failures of each kind add up": Case(
        LOW,
        {
            sent("email", "delivered"): "0+890x60",
            **{sent("email", status): "0+22x60" for status in FAILED_STATUSES},
        },
        {"40m": (OVERALL, EMAIL)},
    ),
    "communications on their way count as neither delivered nor failed": Case(
        LOW,
        {
            sent("email", "queued"): "0+100x60",
            sent("email", "sent"): "0+100x60",
            sent("email", "delivered"): "0+85x60",
            sent("email", "failed"): "0+15x60",
        },
        {"40m": (OVERALL, EMAIL)},
    ),
    "opened and clicked e-mails do not hide failures": Case(
        LOW,
        {
            sent("email", "delivered"): "0+85x60",
            sent("email", "opened"): "0+80x60",
            sent("email", "clicked"): "0+70x60",
            sent("email", "failed"): "0+15x60",
        },
        {"40m": (OVERALL, EMAIL)},
    ),
    "a small channel is dead behind a big healthy one": Case(
        LOW,
        {sent("email", "delivered"): "0+100x60", sent("sms", "failed"): "0+1x60"},
        {"40m": (f"{LOW} scope=channel channel=sms",)},
        values={
            ("40m", 'crm_channel:communications_failed:increase30m{channel="email"}'): {
                'crm_channel:communications_failed:increase30m{namespace="crm",crm_monitoring="crm",channel="email"}': 0
            }
        },
    ),
    "nothing was ever delivered and the gauges lie": Case(
        "CRMAllChannelsFailed",
        {
            sent("email", "failed"): "0+5x60",
            'crm_channel_availability{channel="email"}': "1x60",
        },
        {"3m": (), "40m": (OVERALL, EMAIL, "CRMAllChannelsFailed")},
    ),
    "the only delivery within the window is a counter born at 1": Case(
        "CRMAllChannelsFailed",
        {sent("email", "failed"): "0x20 5+5x40", sent("email", "delivered"): "_x21 1x40"},
        {"30m": (OVERALL, EMAIL)},
    ),
    "an opened e-mail proves that deliveries work": Case(
        "CRMAllChannelsFailed",
        {sent("email", "failed"): "0+5x60", sent("email", "opened"): "0+1x60"},
        {"30m": (OVERALL, EMAIL)},
    ),
    "eight failures in ten minutes are too few to call it an outage": Case(
        "CRMAllChannelsFailed",
        {sent("email", "failed"): "0x20 1 2 3 4 5 6 7 8 8x60"},
        {"32m": (f"{OVERALL} volume=low", f"{EMAIL} volume=low")},
    ),
    "nothing is sent at all": Case(
        LOW, {sent("email", "delivered"): "100x60", sent("email", "failed"): "100x60"}, {"40m": ()}
    ),
    "nine of ten communications fail in a quiet half hour": Case(
        LOW,
        {sent("email", "delivered"): "0 1 1x60", sent("email", "failed"): "0 1 2 3 4 5 6 7 8 9 9x60"},
        {"20m": (f"{OVERALL} volume=low", f"{EMAIL} volume=low")},
    ),
    "one of four communications fails in a quiet half hour": Case(
        LOW, {sent("email", "delivered"): "0 1 2 3 3x60", sent("email", "failed"): "0 0 1 1x60"}, {"20m": ()}
    ),
    "three of eighteen communications fail in a quiet half hour": Case(
        LOW, {sent("email", "delivered"): "0+1x15 15x60", sent("email", "failed"): "0 1 2 3 3x60"}, {"25m": ()}
    ),
    "both of two communications fail in a quiet half hour": Case(
        LOW, {sent("email", "failed"): "0 1 2 2x60"}, {"20m": ()}
    ),
    "a quiet channel is dead behind a busy one": Case(
        LOW,
        {sent("email", "delivered"): "0+100x60", sent("sms", "failed"): "0 1 2 3 4 5 6 7 7x60"},
        {"20m": (f"{LOW} scope=channel channel=sms volume=low",)},
    ),
    "minimumVolume 0 trusts any number": Case(
        LOW,
        {sent("email", "failed"): "0 1 2 2x60"},
        {"20m": (OVERALL, EMAIL)},
        {"alerts": {"overrides": {LOW: {"minimumVolume": 0}}}},
    ),
    "counters are reset by a restart": Case(
        LOW,
        {sent("email", "delivered"): "0+95x20 0+95x40", sent("email", "failed"): "5000+5x20 0+5x40"},
        {"25m": (), "40m": ()},
    ),
    "a rollout replaces the pods": Case(
        LOW,
        {
            sent("email", "delivered"): "0+95x20 stale",
            sent("email", "failed"): "0+5x20 stale",
            sent("email", "delivered", ',instance="b"'): "_x20 0+95x40",
            sent("email", "failed", ',instance="b"'): "_x20 0+5x40",
        },
        {"22m": (), "30m": ()},
    ),
    "another resource of the namespace fails, and one of the same name elsewhere": Case(
        LOW,
        {
            sent("email", "delivered"): "0+100x60",
            sent("email", "failed", ',crm_monitoring="other"'): "0+100x60",
            sent("email", "failed", ',namespace="elsewhere"'): "0+100x60",
        },
        {"40m": ()},
        values={
            ("40m", 'count({__name__=~"crm.*:.+",namespace!="crm"})'): {},
            ("40m", 'count({__name__=~"crm.*:.+",crm_monitoring!="crm"})'): {},
        },
    ),
    "a lower threshold is in force": Case(
        LOW,
        {sent("email", "delivered"): "0+85x60", sent("email", "failed"): "0+15x60"},
        {"40m": ()},
        {"alerts": {"overrides": {LOW: {"threshold": "80%"}}}},
    ),
    "a window of an hour still sees what happened 45 minutes ago": Case(
        LOW,
        {sent("email", "delivered"): "0+50x15 750x60", sent("email", "failed"): "0+50x15 750x60"},
        {"60m": (OVERALL, EMAIL)},
        {"alerts": {"overrides": {LOW: {"window": "1h"}}}},
    ),
    "a disabled alert stays silent": Case(
        LOW,
        {sent("email", "delivered"): "0+85x60", sent("email", "failed"): "0+15x60"},
        {"40m": ()},
        {"alerts": {"overrides": {LOW: {"enabled": False}}}},
    ),
    "series of an existing job fail, those of other jobs do not count": Case(
        LOW,
        {
            sent("email", "failed"): "0+5x60",
            sent("sms", "failed", ',job="other"'): "0+5x60",
            'crm_channel_availability{channel="email"}': "0x60",
        },
        {"40m": (OVERALL, EMAIL, "CRMAllChannelsFailed", "CRMChannelUnavailable channel=email")},
        {"metrics": {"monitor": "None", "existingJob": "legacy"}},
        scraped={"namespace": "crm", "job": "legacy", "instance": "a"},
        values={
            ("40m", "crm:communications_finished:increase30m"): {
                'crm:communications_finished:increase30m{namespace="crm",crm_monitoring="crm"}': 150
            }
        },
    ),
    "one delivery in ten takes longer than 300 s": Case(
        SLOW,
        {
            bucket("60.0"): "0+80x60",
            bucket("300.0"): "0+90x60",
            bucket("600.0"): "0+100x60",
            bucket("+Inf"): "0+100x60",
            COUNT: "0+100x60",
        },
        {"9m": (), "20m": (f"{SLOW} channel=email",)},
    ),
    "three deliveries in a hundred take longer than 300 s": Case(
        SLOW,
        {
            bucket("60.0"): "0+80x60",
            bucket("300.0"): "0+97x60",
            bucket("600.0"): "0+100x60",
            bucket("+Inf"): "0+100x60",
            COUNT: "0+100x60",
        },
        {"20m": ()},
    ),
    "replicas spell the bucket's bound in two ways": Case(
        SLOW,
        {
            bucket("300"): "0+97x60",
            bucket("600"): "0+100x60",
            bucket("+Inf"): "0+100x60",
            COUNT: "0+100x60",
            bucket("300.0", ',instance="b"'): "0+60x60",
            bucket("600.0", ',instance="b"'): "0+100x60",
            bucket("+Inf", ',instance="b"'): "0+100x60",
            'crm_delivery_time_seconds_count{channel="email",instance="b"}': "0+100x60",
        },
        {"20m": (f"{SLOW} channel=email",)},
    ),
    "ten slow deliveries are too few": Case(
        SLOW,
        {
            bucket("300.0"): "0x60",
            bucket("600.0"): "0 1 2 3 4 5 6 7 8 9 10 10x60",
            bucket("+Inf"): "0 1 2 3 4 5 6 7 8 9 10 10x60",
            COUNT: "0 1 2 3 4 5 6 7 8 9 10 10x60",
        },
        {"15m": (), "22m": ()},
    ),
}
