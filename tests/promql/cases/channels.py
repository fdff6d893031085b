"""Channels and queues: availability, flapping, backlogs."""

from support.promtool import Case


def available(channel: str, more: str = "") -> str:
    """Return the availability of one channel."""
    return f'crm_channel_availability{{channel="{channel}"{more}}}'


def queue(priority: str = "high", more: str = "") -> str:
    """Return the queue of one priority."""
    return f'crm_queue_size{{priority="{priority}"{more}}}'


ALL, DOWN, PARTLY, FLAPS = (
    "CRMAllChannelsFailed",
    "CRMChannelUnavailable",
    "CRMChannelPartiallyUnavailable",
    "CRMChannelFlapping",
)
LONG, STUCK = "CRMQueueSizeHigh", "CRMQueueStuck"
ON_B = ',instance="b"'
DELIVERED = 'crm_communications_total{message_type="welcome",channel="email",status="delivered"}'
QUEUED = 'crm_communications_total{message_type="welcome",channel="email",status="queued"}'

CASES = {
    "every channel is unavailable": Case(
        ALL,
        {available("email"): "0x30", available("sms"): "0x30"},
        {"1m": (), "5m": (ALL, f"{DOWN} channel=email", f"{DOWN} channel=sms")},
    ),
    "one of three channels is available": Case(
        ALL,
        {available("email"): "0x30", available("sms"): "0x30", available("chat"): "1x30"},
        {"10m": (f"{DOWN} channel=email", f"{DOWN} channel=sms")},
    ),
    "every replica reports the channel as unavailable": Case(
        DOWN,
        {available("email"): "0x30", available("email", ON_B): "0x30", available("sms"): "1x30"},
        {"5m": (f"{DOWN} channel=email",)},
    ),
    "a channel is away for one minute": Case(DOWN, {available("email"): "1x5 0 1x30"}, {"6m": (), "8m": (), "12m": ()}),
    "a channel that came back goes on firing for five minutes": Case(
        DOWN,
        {available("email"): "1x5 0x5 1x30", available("sms"): "1x40"},
        {"10m": (f"{DOWN} channel=email",), "15m": (f"{DOWN} channel=email",), "20m": ()},
    ),
    "one replica of two reports the channel as unavailable": Case(
        PARTLY,
        {available("email"): "1x30", available("email", ON_B): "0x30"},
        {"9m": (), "15m": (f"{PARTLY} channel=email",)},
    ),
    "both replicas report every channel as available": Case(
        PARTLY, {available("email"): "1x30", available("email", ON_B): "1x30"}, {"15m": ()}
    ),
    "all replicas are down, so it is not a part of them": Case(
        PARTLY,
        {available("email"): "0x30", available("email", ON_B): "0x30", available("sms"): "1x30"},
        {"20m": (f"{DOWN} channel=email",)},
    ),
    "a channel changes its state every minute": Case(
        FLAPS,
        {available("email"): "1 0 " * 15, available("sms"): "1x30"},
        {"7m": (), "20m": (f"{FLAPS} channel=email",)},
    ),
    "a channel changes its state six times in half an hour": Case(
        FLAPS, {available("email"): "1 0 1 0 1 0 1x60", available("sms"): "1x60"}, {"25m": ()}
    ),
    "two replicas have 60 waiting communications each": Case(
        LONG,
        {queue(): "60x30", queue(more=ON_B): "60x30", DELIVERED: "0+5x30"},
        {"9m": (), "15m": (f"{LONG} priority=high",)},
    ),
    "two replicas share one queue of 60": Case(
        LONG,
        {queue(): "60x30", queue(more=ON_B): "60x30", DELIVERED: "0+5x30"},
        {"15m": ()},
        {"metrics": {"queueScope": "Shared"}},
    ),
    "a shared queue is long": Case(
        LONG,
        {queue(): "160x30", queue(more=ON_B): "150x30", DELIVERED: "0+5x30"},
        {"15m": (f"{LONG} priority=high",)},
        {"metrics": {"queueScope": "Shared"}},
        values={
            ("15m", "crm_priority:queue_size:current"): {
                'crm_priority:queue_size:current{namespace="crm",crm_monitoring="crm",priority="high"}': 160
            }
        },
    ),
    "a burst fills the queue for five minutes": Case(
        LONG, {queue(): "0x5 200x5 0x30", DELIVERED: "0+5x40"}, {"10m": (), "20m": ()}
    ),
    "a rollout moves the queue to another replica": Case(
        LONG, {queue(): "90x10 stale", queue(more=ON_B): "_x10 90x30", DELIVERED: "0+5x40"}, {"12m": (), "25m": ()}
    ),
    "a higher limit is in force": Case(
        LONG,
        {queue(): "150x30", DELIVERED: "0+5x30"},
        {"15m": ()},
        {"alerts": {"overrides": {LONG: {"threshold": "200"}}}},
    ),
    "communications wait and nothing moves": Case(
        STUCK, {queue(): "5x60", DELIVERED: "50x60"}, {"18m": (), "25m": (f"{STUCK} priority=high",)}
    ),
    "taking new communications into the queue is no progress": Case(
        STUCK, {queue(): "5+1x60", QUEUED: "0+1x60", DELIVERED: "50x60"}, {"25m": (f"{STUCK} priority=high",)}
    ),
    "communications wait and others go on": Case(STUCK, {queue(): "5x60", DELIVERED: "50+1x60"}, {"25m": ()}),
    "progress is a counter born at 1": Case(STUCK, {queue(): "5x60", DELIVERED: "_x12 1x60"}, {"22m": ()}),
    "the queue was empty for a moment": Case(
        STUCK, {queue(): "5x14 0 5x60", DELIVERED: "50x60"}, {"25m": (), "30m": (), "40m": (f"{STUCK} priority=high",)}
    ),
}
