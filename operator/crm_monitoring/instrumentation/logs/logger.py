"""The logger of the CRM's own code: fields as keywords, and one method for each domain event."""

import logging
import sys
from types import FrameType
from typing import Any, Self

import structlog

from crm_monitoring.contract import logs as contract
from crm_monitoring.contract.logs import LogEvent
from crm_monitoring.instrumentation.logs.pipeline import Pipeline

_LEVELS = {event.name: logging.getLevelNamesMapping()[event.level.value] for event in contract.ALL}


class _Channel:
    """A logger's name and pipeline."""

    __slots__ = ("name", "pipeline")

    def __init__(self, name: str, pipeline: Pipeline) -> None:
        self.name = name
        self.pipeline = pipeline


class CRMLogger(structlog.BoundLoggerBase):
    """A structlog logger: `bind`, `unbind` and `new` return loggers that add fields to each of their lines.

    Every method takes further fields as keywords. `component` and `event` replace the line's own, `exc_info` takes an
    exception or True for the one being handled. Fields that are None are left out of domain events. Logging does not
    raise: a line that cannot be written is lost and counted.
    """

    _logger: _Channel

    @classmethod
    def named(cls, name: str, pipeline: Pipeline, **bound: Any) -> Self:
        """Return a logger that writes to the pipeline."""
        return cls(_Channel(name, pipeline), (), bound)

    def is_enabled_for(self, level: int) -> bool:
        """Tell whether lines of a level (as in `logging`) are written."""
        return level >= self._logger.pipeline.level

    def debug(self, message: str, /, *args: object, **fields: Any) -> None:
        """Log the detailed flow. `args` are put into the message as by `%`."""
        self._log(logging.DEBUG, message, args, fields, sys._getframe(1))

    def info(self, message: str, /, *args: object, **fields: Any) -> None:
        """Log a normal operation."""
        self._log(logging.INFO, message, args, fields, sys._getframe(1))

    def warning(self, message: str, /, *args: object, **fields: Any) -> None:
        """Log what is degraded but works."""
        self._log(logging.WARNING, message, args, fields, sys._getframe(1))

    def error(self, message: str, /, *args: object, **fields: Any) -> None:
        """Log what failed and can be recovered from."""
        self._log(logging.ERROR, message, args, fields, sys._getframe(1))

    def exception(self, message: str, /, *args: object, **fields: Any) -> None:
        """Log an error with the exception that is being handled."""
        self._log(logging.ERROR, message, args, {"exc_info": True, **fields}, sys._getframe(1))

    def critical(self, message: str, /, *args: object, **fields: Any) -> None:
        """Log what affects the whole system."""
        self._log(logging.CRITICAL, message, args, fields, sys._getframe(1))

    def log(self, level: int, message: str, /, *args: object, **fields: Any) -> None:
        """Log at a level given as a number."""
        self._log(level, message, args, fields, sys._getframe(1))

    def template_rendered(self, *, template: str | None = None, **fields: Any) -> None:
        """Log at DEBUG that a template was rendered."""
        self._event(contract.TEMPLATE_RENDERED, {"template": template, **fields}, sys._getframe(1))

    def cache_hit(self, *, cache: str | None = None, **fields: Any) -> None:
        """Log at DEBUG that the cache answered."""
        self._event(contract.CACHE_HIT, {"cache": cache, **fields}, sys._getframe(1))

    def cache_miss(self, *, cache: str | None = None, **fields: Any) -> None:
        """Log at DEBUG that the cache could not answer."""
        self._event(contract.CACHE_MISS, {"cache": cache, **fields}, sys._getframe(1))

    def communication_sent(
        self, *, channel: str | None = None, message_type: str | None = None, status: str | None = None, **fields: Any
    ) -> None:
        """Log at INFO that a communication was handed to a provider."""
        found = {"channel": channel, "message_type": message_type, "status": status, **fields}
        self._event(contract.COMMUNICATION_SENT, found, sys._getframe(1))

    def delivery_confirmed(
        self, *, channel: str | None = None, delivery_time_seconds: float | None = None, **fields: Any
    ) -> None:
        """Log at INFO that a provider confirmed a delivery."""
        found = {"channel": channel, "delivery_time_seconds": delivery_time_seconds, **fields}
        self._event(contract.DELIVERY_CONFIRMED, found, sys._getframe(1))

    def retry_attempt(self, *, channel: str | None = None, attempt_number: int | None = None, **fields: Any) -> None:
        """Log at WARNING that a communication is sent again; the first retry has the number 1."""
        found = {"channel": channel, "attempt_number": attempt_number, **fields}
        self._event(contract.RETRY_ATTEMPT, found, sys._getframe(1))

    def fallback_used(
        self, *, primary_channel: str | None = None, fallback_channel: str | None = None, **fields: Any
    ) -> None:
        """Log at WARNING that another channel than the first choice was used."""
        found = {"primary_channel": primary_channel, "fallback_channel": fallback_channel, **fields}
        self._event(contract.FALLBACK_USED, found, sys._getframe(1))

    def degraded_performance(self, *, reason: str | None = None, **fields: Any) -> None:
        """Log at WARNING that something is slower or worse than it should be."""
        self._event(contract.DEGRADED_PERFORMANCE, {"reason": reason, **fields}, sys._getframe(1))

    def communication_failed(
        self, *, channel: str | None = None, message_type: str | None = None, reason: str | None = None, **fields: Any
    ) -> None:
        """Log at ERROR that a communication failed for good."""
        found = {"channel": channel, "message_type": message_type, "reason": reason, **fields}
        self._event(contract.COMMUNICATION_FAILED, found, sys._getframe(1))

    def api_error(self, *, api: str | None = None, error_type: str | None = None, **fields: Any) -> None:
        """Log at ERROR that a provider's API refused or failed a request."""
        self._event(contract.API_ERROR, {"api": api, "error_type": error_type, **fields}, sys._getframe(1))

    def all_channels_failed(self, *, channels: list[str] | None = None, **fields: Any) -> None:
        """Log at CRITICAL that no channel could take a communication."""
        self._event(contract.ALL_CHANNELS_FAILED, {"channels": channels, **fields}, sys._getframe(1))

    def authentication_failed(self, *, api: str | None = None, **fields: Any) -> None:
        """Log at CRITICAL that a provider refused the CRM's credentials."""
        self._event(contract.AUTHENTICATION_FAILED, {"api": api, **fields}, sys._getframe(1))

    def system_issue(self, *, reason: str | None = None, **fields: Any) -> None:
        """Log at CRITICAL what affects the whole system."""
        self._event(contract.SYSTEM_ISSUE, {"reason": reason, **fields}, sys._getframe(1))

    def _event(self, event: LogEvent, fields: dict[str, Any], frame: FrameType) -> None:
        level = _LEVELS[event.name]
        if level < self._logger.pipeline.level:
            return
        if None in fields.values():
            fields = {name: value for name, value in fields.items() if value is not None}
        fields.setdefault("event", event.name)
        self._log(level, event.message, (), fields, frame)

    def _log(
        self, level: int, message: str, args: tuple[object, ...], fields: dict[str, Any], frame: FrameType
    ) -> None:
        channel = self._logger
        if level < channel.pipeline.level:
            return
        if args:
            try:
                message = message % args
            except (TypeError, ValueError):
                fields["positional_args"] = [*map(str, args)]
        if fields.get("exc_info") is True:
            fields["exc_info"] = sys.exc_info()[1]
        channel.pipeline.log(channel.name, level, message, frame, self._context | fields)
