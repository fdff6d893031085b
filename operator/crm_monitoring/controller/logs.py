"""The operator's log: one JSON object a line, with the field names that the CRM itself uses."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from crm_monitoring.contract.logs import BASE_FIELDS

_NOT_FOR_THE_LOG = ("k8s_skip", "k8s_ref", "settings", "_record", "_from_structlog")
"""Attributes that kopf puts on its records; some hold whole objects."""

_QUIET = {
    "kopf": logging.WARNING,
    "kopf._core.reactor.running": logging.ERROR,  # it warns at each start that signals are left to us
    "aiohttp.access": logging.ERROR,
    "asyncio": logging.WARNING,
}


def configure(level: str, format_: str, stream: TextIO = sys.stdout) -> FilteringBoundLogger:
    """Send everything that is logged, by us and by libraries, to one stream, and return our logger.

    `format_` is `json` or `console`.
    """
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.CallsiteParameterAdder(
            {
                structlog.processors.CallsiteParameter.MODULE,
                structlog.processors.CallsiteParameter.FUNC_NAME,
                structlog.processors.CallsiteParameter.LINENO,
            }
        ),
    ]
    renderer: Any = _as_json if format_ == "json" else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                *shared,
                _without_exception,
            ],
            processors=[_as_fields, renderer],
        )
    )
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, lowest in _QUIET.items():
        logging.getLogger(name).setLevel(max(lowest, logging.getLevelName(level)))
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logger: FilteringBoundLogger = structlog.get_logger("crm_monitoring.operator").bind(component="operator")
    return logger


def frames(trace: TracebackType | None) -> list[str]:
    """Return where an exception passed, file and line only: its text may hold what must not be logged."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def _without_exception(_: Any, __: str, event: EventDict) -> EventDict:
    """Reduce an exception of a library to its class and place."""
    info = event.pop("exc_info", None)
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = info[0].__name__
        text = str(info[1])
        if text:  # libraries like to put it into the message, too
            event["event"] = str(event["event"]).replace(text, info[0].__name__)
        event["frames"] = frames(info[2])
    return event


def _as_fields(_: Any, __: str, event: EventDict) -> EventDict:
    """Use the names and the order of the CRM's log lines."""
    for name in _NOT_FOR_THE_LOG:
        event.pop(name, None)
    named: MutableMapping[str, Any] = dict(event)
    line = {
        "timestamp": named.pop("timestamp", None),
        "level": str(named.pop("level", "info")).upper(),
        "logger": named.pop("logger", None),
        "message": named.pop("event", ""),
        "module": named.pop("module", None),
        "function": named.pop("func_name", None),
        "line": named.pop("lineno", None),
        "component": named.pop("component", "library"),
        "event": named.pop("event_name", "log"),
    }
    return {**{name: line[name] for name in BASE_FIELDS}, **named}


def _as_json(_: Any, __: str, event: EventDict) -> str:
    return orjson.dumps(event, default=lambda value: type(value).__name__).decode()
