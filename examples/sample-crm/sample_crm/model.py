"""What is sent: kinds of messages, single communications, and what a provider says of one."""

from dataclasses import dataclass

from crm_monitoring.contract.labels import DELIVERED

EMAIL, SMS, WHATSAPP = CHANNELS = ("email", "sms", "whatsapp")
PRIORITIES = ("critical", "high", "normal", "low")
"""From the most urgent to the least."""

FALLBACKS = {EMAIL: (SMS, WHATSAPP), SMS: (WHATSAPP, EMAIL), WHATSAPP: (SMS, EMAIL)}
"""Which channels are tried when the first choice fails, in this order."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One business type of message."""

    message_type: str
    channel: str
    priority: str
    weight: int
    """How many of a hundred communications are of this kind."""
    open_rate: float = 0.0


KINDS = (
    Kind("welcome", EMAIL, "normal", 30, 0.65),
    Kind("budget_summary", EMAIL, "low", 32, 0.55),
    Kind("reminder", SMS, "high", 20),
    Kind("one_time_password", SMS, "critical", 10),
    Kind("reply", WHATSAPP, "normal", 8),
)


@dataclass(frozen=True, slots=True)
class Communication:
    """One message to one client."""

    communication_id: str
    plan_id: str
    client_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says happened to a message that it accepted."""

    status: str = DELIVERED
    delivery_seconds: float = 0.0
    opened: bool = False
    clicked: bool = False


class ProviderError(Exception):
    """A provider refused or failed a request."""

    def __init__(self, error_type: str) -> None:
        super().__init__(error_type)
        self.error_type = error_type
