"""The communication engine: workers send what waits, retry, and fall back to other channels."""

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext

from crm_monitoring.contract.labels import AUTHENTICATION_ERROR
from crm_monitoring.instrumentation import MetricsCollector, get_crm_logger, retry_span, send_span, track_active
from crm_monitoring.instrumentation.logging_config import correlation
from sample_crm.channels import Channels
from sample_crm.model import Communication, ProviderError, Receipt
from sample_crm.opens import Opens
from sample_crm.providers import API_OF, Provider
from sample_crm.queue import Queue
from sample_crm.stores import Cache

logger = get_crm_logger(__name__, component="CommunicationEngine")

WORKERS = 8
RETRIES = 2
RETRY_SECONDS = 0.02


class Engine:
    """Sends communications."""

    def __init__(self, queue: Queue, channels: Channels, providers: Mapping[str, Provider], cache: Cache) -> None:
        """`providers` are by channel."""
        self._queue = queue
        self._channels = channels
        self._providers = providers
        self._cache = cache
        self._opens = Opens()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            communication = await self._queue.take()
            with (
                correlation(
                    plan_id=communication.plan_id,
                    client_id=communication.client_id,
                    communication_id=communication.communication_id,
                ),
                track_active(),
            ):
                await self._process(communication)

    async def _process(self, communication: Communication) -> None:
        kind = communication.kind
        if not self._cache.look_up(kind.message_type):
            logger.template_rendered(template=kind.message_type)
        for channel in self._channels.routes(communication):
            with send_span(channel=channel, message_type=kind.message_type):
                receipt = await self._send(communication, channel)
            if receipt:
                self._finish(communication, channel, receipt)
                return
        MetricsCollector.record_communication_sent(kind.message_type, kind.channel, "failed")
        logger.all_channels_failed(message_type=kind.message_type)
        logger.communication_failed(channel=kind.channel, message_type=kind.message_type, reason="no channel took it")

    async def _send(self, communication: Communication, channel: str) -> Receipt | None:
        """Return the receipt, or None when the channel did not take the communication, retries included."""
        for attempt in range(RETRIES + 1):
            if attempt:
                MetricsCollector.record_retry_attempt(channel, attempt)
                logger.retry_attempt(channel=channel, attempt_number=attempt)
                await asyncio.sleep(RETRY_SECONDS * attempt)
            with retry_span(channel=channel, attempt_number=attempt) if attempt else nullcontext():
                try:
                    receipt = await self._request(communication, channel, attempt)
                except ProviderError as problem:
                    if problem.error_type == AUTHENTICATION_ERROR:
                        return None
                else:
                    if receipt:
                        return receipt
        return None

    async def _request(self, communication: Communication, channel: str, attempt: int) -> Receipt | None:
        api = API_OF[channel]
        MetricsCollector.record_api_request(api)
        try:
            return await self._providers[channel].send(communication, attempt)
        except ProviderError as problem:
            MetricsCollector.record_api_error(api, problem.error_type)
            logger.api_error(api=api, error_type=problem.error_type)
            if problem.error_type == AUTHENTICATION_ERROR:
                logger.authentication_failed(api=api)
            raise

    def _finish(self, communication: Communication, channel: str, receipt: Receipt) -> None:
        kind = communication.kind
        if channel != kind.channel:
            MetricsCollector.record_fallback_used(kind.channel, channel)
            logger.fallback_used(primary_channel=kind.channel, fallback_channel=channel)
        MetricsCollector.record_communication_sent(kind.message_type, channel, "sent")
        logger.communication_sent(channel=channel, message_type=kind.message_type, status="sent")
        MetricsCollector.record_communication_sent(kind.message_type, channel, receipt.status)
        if receipt.status != "delivered":
            logger.communication_failed(channel=channel, message_type=kind.message_type, reason=receipt.status)
            return
        MetricsCollector.record_delivery_time(channel, receipt.delivery_seconds)
        logger.delivery_confirmed(channel=channel, delivery_time_seconds=round(receipt.delivery_seconds, 3))
        self._opens.delivered(kind.message_type, channel, receipt)
