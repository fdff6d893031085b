"""Destinations that keep what they are told, or fail as often as they are made to."""

import threading

from crm_monitoring.contract.alerts import SEVERITY_MATRIX, Channel
from crm_monitoring.instrumentation.alerts import DeliveryFailed, Destination, Notice


class Told:
    """A destination of one channel."""

    def __init__(self, channel: Channel = Channel.WEBHOOK, failures: list[Exception] | None = None) -> None:
        self.channel = channel
        self.failures = failures or []
        self.notices: list[Notice] = []
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, notice: Notice) -> None:
        """Keep a notice, unless a failure is due or the gate is closed."""
        assert self.gate.wait(10)
        if self.failures:
            raise self.failures.pop(0)
        self.notices.append(notice)

    @property
    def titles(self) -> list[str]:
        """Return the subject lines."""
        return [notice.title for notice in self.notices]

    @property
    def destination(self) -> Destination:
        """Return the destination, with the severities that the contract gives its channel."""
        return Destination(self.channel, SEVERITY_MATRIX[self.channel], self.deliver)


def busy() -> DeliveryFailed:
    """Return a failure that is worth a retry."""
    return DeliveryFailed("HTTP 503")
