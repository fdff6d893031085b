"""What can be made to fail, how often, and whether it does now."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail."""

    name: str
    effect: str
    """What happens while it is on."""
    share: float = 1.0
    """Share of the events that it hits unless another one is asked for, above 0 and at most 1."""


AUTHENTICATION = Fault("authentication", "twilio refuses the credentials")
CHANNEL_DOWN = Fault("channel_down", "whatsapp cannot be used")
ALL_CHANNELS_DOWN = Fault("all_channels_down", "no channel can be used")
DELIVERY_DROP = Fault("delivery_drop", "e-mails bounce", 0.5)
API_ERRORS = Fault("api_errors", "smtp answers with server errors", 0.3)
RETRIES = Fault("retries", "smtp confirms nothing at the first attempt, so e-mails are sent again", 0.6)
SLOW_DELIVERY = Fault("slow_delivery", "text messages arrive after ten minutes")
QUEUE_GROWTH = Fault("queue_growth", "the workers leave communications of low priority in the queue")
CACHE_MISSES = Fault("cache_misses", "the cache is away")
OPEN_RATE_DROP = Fault("open_rate_drop", "nobody opens the welcome e-mail")
FALLBACK = Fault("fallback", "the e-mail quota is used up, so e-mails go out as text messages", 0.4)
DATABASE_DOWN = Fault("database_down", "the database does not answer the health check")

ALL = {
    fault.name: fault
    for fault in (
        AUTHENTICATION,
        CHANNEL_DOWN,
        ALL_CHANNELS_DOWN,
        DELIVERY_DROP,
        API_ERRORS,
        RETRIES,
        SLOW_DELIVERY,
        QUEUE_GROWTH,
        CACHE_MISSES,
        OPEN_RATE_DROP,
        FALLBACK,
        DATABASE_DOWN,
    )
}
"""Every fault by name."""


class Faults:
    """Which faults are on."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._shares: dict[Fault, float] = {}

    def turn_on(self, fault: Fault, share: float | None = None) -> None:
        """Let a fault hit a share of the events."""
        self._shares[fault] = fault.share if share is None else share

    def turn_off(self, fault: Fault) -> None:
        """End a fault; it may be off already."""
        self._shares.pop(fault, None)

    def share(self, fault: Fault) -> float:
        """Return the share of the events that a fault hits now, 0 when it is off."""
        return self._shares.get(fault, 0.0)

    def hit(self, fault: Fault) -> bool:
        """Say whether a fault hits the event that happens now."""
        return self._random.random() < self.share(fault)
