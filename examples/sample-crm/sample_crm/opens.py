"""Open and click rates of the last e-mails of each message type."""

from collections import deque

from crm_monitoring.instrumentation import MetricsCollector
from sample_crm.model import EMAIL, Receipt

LATEST = 30
"""How many e-mails of a type the rates are taken from. A real CRM looks at days, not at the last thirty."""


class Opens:
    """Keeps the last receipts and reports the rates."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[Receipt]] = {}

    def delivered(self, message_type: str, channel: str, receipt: Receipt) -> None:
        """Take note of a delivered message; only e-mails can be opened."""
        if channel != EMAIL:
            return
        for status, happened in (("opened", receipt.opened), ("clicked", receipt.clicked)):
            if happened:
                MetricsCollector.record_communication_sent(message_type, channel, status)
        latest = self._latest.setdefault(message_type, deque(maxlen=LATEST))
        latest.append(receipt)
        MetricsCollector.record_open_rate(message_type, sum(each.opened for each in latest) / len(latest))
        MetricsCollector.record_click_rate(message_type, sum(each.clicked for each in latest) / len(latest))
