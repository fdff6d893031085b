"""The CRM's log: one JSON object a line, with the contract's fields in the contract's order."""

import logging
import os
import sys
from typing import TextIO

from crm_monitoring.contract.logs import Level
from crm_monitoring.instrumentation.correlation import correlation
from crm_monitoring.instrumentation.logs.logger import CRMLogger
from crm_monitoring.instrumentation.logs.outputs import FileOutput, Output, StreamOutput
from crm_monitoring.instrumentation.logs.pipeline import PIPELINE, Destination
from crm_monitoring.instrumentation.logs.rendering import console_renderer, json_renderer
from crm_monitoring.instrumentation.logs.stdlib import install
from crm_monitoring.instrumentation.redaction import Redactor

__all__ = ["CRMLogger", "configure_crm_logging", "correlation", "get_crm_logger"]


def configure_crm_logging(
    log_level: str = "INFO",
    enable_json: bool = True,
    log_file: str | None = None,
    *,
    stream: TextIO | None = None,
    max_bytes: int = 50 * 1024 * 1024,
    backups: int = 5,
    redact_addresses: bool = False,
) -> None:
    """Set up the log of the whole process: our loggers, those that exist too, and the standard library's.

    `enable_json` false writes for a person's eyes, in colour on a terminal unless NO_COLOR is set. `log_file` receives
    the log besides standard output (or `stream`); it is renamed to `.1` ... `.backups` when it would grow over
    `max_bytes`. A file that cannot be opened is reported in the log and does without. `redact_addresses` masks e-mail
    addresses besides credentials, which are always masked.

    Raises ValueError for a level that is not DEBUG, INFO, WARNING, ERROR or CRITICAL, and for sizes below 1.
    """
    level = _level(log_level)
    if max_bytes < 1 or backups < 0:
        raise ValueError(f"max_bytes must be 1 or more and backups 0 or more, not {max_bytes} and {backups}")
    redactor = Redactor(addresses=redact_addresses)
    outputs: list[Output] = [StreamOutput(stream)]
    problem = None
    if log_file:
        try:
            outputs.append(FileOutput(log_file, max_bytes=max_bytes, backups=backups))
        except OSError as error:
            problem = error.strerror or type(error).__name__
    destinations: list[Destination]
    if enable_json:
        destinations = [(json_renderer(redactor), tuple(outputs))]
    else:
        destinations = [
            (console_renderer(redactor, colours=_wants_colours(stream or sys.stdout)), tuple(outputs[:1])),
            (console_renderer(redactor, colours=False), tuple(outputs[1:])),
        ]
    PIPELINE.reconfigure(level, destinations)
    install(PIPELINE, level)
    if problem:
        get_crm_logger(__name__, component="logging").warning(
            "The log file cannot be opened; the log goes to standard output only", log_file=log_file, reason=problem
        )


def get_crm_logger(name: str, component: str | None = None) -> CRMLogger:
    """Return a logger, usually `get_crm_logger(__name__, component="MyComponent")` at import time.

    Without a component the last part of the name is written. Before `configure_crm_logging` lines are JSON on standard
    output at INFO and above.
    """
    return CRMLogger.named(name, PIPELINE, **({"component": component} if component else {}))


def _level(name: str) -> int:
    if name.upper() not in Level.__members__:
        raise ValueError(f"log level {name!r} is not one of {', '.join(Level)}")
    return logging.getLevelNamesMapping()[name.upper()]


def _wants_colours(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")
