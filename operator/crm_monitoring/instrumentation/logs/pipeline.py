"""The way of every line: from a logger, ours or the standard library's, through rendering to the outputs."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from crm_monitoring.instrumentation.correlation import current_correlation
from crm_monitoring.instrumentation.logs.exceptions import describe
from crm_monitoring.instrumentation.logs.outputs import Output, StreamOutput
from crm_monitoring.instrumentation.logs.rendering import (
    LEVEL_NAMES,
    PLAIN_EVENT,
    Clock,
    Render,
    json_renderer,
    ordered,
)
from crm_monitoring.instrumentation.redaction import Redactor
from crm_monitoring.instrumentation.tracing import trace_ids

Destination = tuple[Render, tuple[Output, ...]]


class Pipeline:
    """Lowest level and destinations of the log. A line that cannot be written is lost and counted, never raised."""

    def __init__(self, level: int, destinations: Iterable[Destination]) -> None:
        self.level = level
        self.lines_lost = 0
        self._destinations = tuple(destinations)
        self._clock = Clock()
        self._modules: dict[CodeType, str] = {}

    def reconfigure(self, level: int, destinations: Iterable[Destination]) -> None:
        """Use other destinations from now on, for the loggers that exist as well, and close the former ones."""
        former = self._destinations
        self.level, self._destinations = level, tuple(destinations)
        for _, outputs in former:
            for output in outputs:
                output.close()

    @contextmanager
    def redirected(self, level: int, destinations: Iterable[Destination]) -> Iterator[None]:
        """Use other destinations within the block."""
        former = self.level, self._destinations
        self.level, self._destinations = level, tuple(destinations)
        try:
            yield
        finally:
            self.level, self._destinations = former

    def log(self, name: str, level: int, message: str, frame: FrameType, fields: dict[str, Any]) -> None:
        """Write a line of one of our loggers. `fields` may name `component` and `event`, and is used up."""
        code = frame.f_code
        module = self._modules.get(code)
        if module is None:
            module = self._modules[code] = code.co_filename.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
        base = {
            "timestamp": self._clock.text(),
            "level": LEVEL_NAMES.get(level) or logging.getLevelName(level),
            "logger": name,
            "message": message,
            "module": module,
            "function": code.co_name,
            "line": frame.f_lineno,
            "component": fields.pop("component", None) or name.rpartition(".")[2],
            "event": fields.pop("event", PLAIN_EVENT),
        }
        self._write(base, fields)

    def record(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        """Write a line of the standard library's logging."""
        try:
            message = record.getMessage()
        except Exception:  # (arguments that do not fit the text are the caller's mistake; the line is worth keeping)
            message = str(record.msg)
        base = {
            "timestamp": self._clock.text(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
            "component": fields.pop("component", "library"),
            "event": fields.pop("event", PLAIN_EVENT),
        }
        if record.exc_info:
            fields["exc_info"] = record.exc_info[1]
        self._write(base, fields)

    def _write(self, base: Mapping[str, Any], fields: dict[str, Any]) -> None:
        error = fields.pop("exc_info", None)
        if error is not None:
            _add_exception(fields, error)
        correlation = current_correlation()
        if correlation:
            fields = {**correlation, **fields}
        ids = trace_ids()
        if ids is not None:
            fields.update(ids)
        fields = ordered(fields)
        for render, outputs in self._destinations:
            try:
                line = render(base, fields)
            except Exception:  # (a value may be an object of any kind, even one that breaks when it is looked at)
                self.lines_lost += 1
                continue
            for output in outputs:
                try:
                    output.write(line)
                except (OSError, ValueError):
                    self.lines_lost += 1


def default_destinations() -> list[Destination]:
    """Return JSON on standard output, what is in force before anything is configured."""
    return [(json_renderer(Redactor()), (StreamOutput(),))]


PIPELINE = Pipeline(logging.INFO, default_destinations())
"""The one pipeline of the process: loggers are made at import time, before anything is configured."""


def _add_exception(fields: dict[str, Any], error: object) -> None:
    if isinstance(error, tuple) and len(error) == 3:
        error = error[1]
    if isinstance(error, BaseException):
        fields["exception_type"] = type(error).__name__
        fields["exception"] = describe(error)
