"""Which channels can be used, and which of them a communication tries."""

from collections.abc import Iterator

from crm_monitoring.instrumentation import MetricsCollector
from sample_crm import faults
from sample_crm.faults import Faults
from sample_crm.model import CHANNELS, EMAIL, FALLBACKS, WHATSAPP, Communication


class Channels:
    """The channels' availability. `report` writes it to the metrics."""

    def __init__(self, broken: Faults) -> None:
        self._broken = broken

    def is_available(self, channel: str) -> bool:
        """Say whether a channel can be used now."""
        down = channel == WHATSAPP and self._broken.share(faults.CHANNEL_DOWN)
        return not down and not self._broken.share(faults.ALL_CHANNELS_DOWN)

    def report(self) -> None:
        """Set the availability of every channel."""
        for channel in CHANNELS:
            MetricsCollector.set_channel_availability(channel, self.is_available(channel))

    def routes(self, communication: Communication) -> Iterator[str]:
        """Yield the channels to try, the first choice first, without those that cannot be used."""
        first = communication.kind.channel
        skipped = first == EMAIL and self._broken.hit(faults.FALLBACK)
        for channel in (first, *FALLBACKS[first])[skipped:]:
            if self.is_available(channel):
                yield channel


class Agent:
    """Stands for the code that serves some channels: healthy while one of them can be used."""

    def __init__(self, channels: Channels, *served: str) -> None:
        self._channels = channels
        self._served = served

    async def health_check(self) -> bool:
        """Answer the health checker."""
        return any(map(self._channels.is_available, self._served))
