"""Simulated providers. A real one is an HTTP or SMTP client with the same method."""

import asyncio
from random import Random

from crm_monitoring.contract.labels import AUTHENTICATION_ERROR
from sample_crm import faults
from sample_crm.faults import Faults
from sample_crm.model import EMAIL, SMS, WHATSAPP, Communication, ProviderError, Receipt

API_OF = {EMAIL: "smtp", SMS: "twilio", WHATSAPP: "meta"}
REQUEST_SECONDS = (0.005, 0.03)
DELIVERY_SECONDS = {"smtp": (1.0, 20.0), "twilio": (0.5, 4.0), "meta": (0.2, 2.0)}
LATE_SECONDS = (500.0, 900.0)
CLICKED_OF_OPENED = 0.3


class Provider:
    """One provider's API."""

    def __init__(self, api: str, broken: Faults, random: Random) -> None:
        self.api = api
        self._broken = broken
        self._random = random

    async def send(self, communication: Communication, attempt: int) -> Receipt | None:
        """Hand a message over; return its receipt, or None when no confirmation comes. Raise ProviderError.

        A real confirmation comes later, by a webhook. This one is here at once and says how long the delivery took.
        """
        await asyncio.sleep(self._random.uniform(*REQUEST_SECONDS))
        if self._hit("twilio", faults.AUTHENTICATION):
            raise ProviderError(AUTHENTICATION_ERROR)
        if self._hit("smtp", faults.API_ERRORS):
            raise ProviderError("server_error")
        if attempt == 0 and self._hit("smtp", faults.RETRIES):
            return None
        if self._hit("smtp", faults.DELIVERY_DROP):
            return Receipt(status="bounced")
        late = self._hit("twilio", faults.SLOW_DELIVERY)
        seconds = self._random.uniform(*(LATE_SECONDS if late else DELIVERY_SECONDS[self.api]))
        opened = self.api == "smtp" and self._is_opened(communication)
        return Receipt(
            delivery_seconds=seconds, opened=opened, clicked=opened and self._random.random() < CLICKED_OF_OPENED
        )

    def _hit(self, api: str, fault: faults.Fault) -> bool:
        return self.api == api and self._broken.hit(fault)

    def _is_opened(self, communication: Communication) -> bool:
        kind = communication.kind
        ignored = kind.message_type == "welcome" and self._broken.hit(faults.OPEN_RATE_DROP)
        return not ignored and self._random.random() < kind.open_rate
