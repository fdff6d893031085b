"""One log line: its fields in the contract's order, as bytes. Whatever the values are, a line comes out."""

import logging
import time as clock
from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

import orjson
import structlog

from crm_monitoring.contract.logs import BASE_FIELDS, CORRELATION_FIELDS, DOMAIN_FIELDS
from crm_monitoring.instrumentation.redaction import Redactor

Render = Callable[[Mapping[str, Any], Mapping[str, Any]], bytes]
"""Makes a line of the base fields, which the program itself determines, and the other fields, which callers pass."""

PLAIN_EVENT = "log"
"""The value of `event` on a line that is no domain event."""

_BASE = frozenset(BASE_FIELDS)
_ORDER = (*CORRELATION_FIELDS, *DOMAIN_FIELDS)
_LONGEST_LINE = 16_384
"""Bytes. Container runtimes split longer lines, which breaks the JSON."""
_LONGEST_TEXT = 8_000
_READ_OF_TEXT = 12_000
"""Characters that are searched for credentials before the text is cut, so that no half of one is left at the end."""
_MOST_ITEMS = 50
_DEEPEST = 5


def ordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with those of the contract first, in its order. A name of a base field gets an underscore."""
    first = {name: fields[name] for name in _ORDER if name in fields}
    if len(first) == len(fields):
        return first
    for name, value in fields.items():
        if name not in first:
            first[f"{name}_" if name in _BASE else name] = value
    return first


def json_renderer(redactor: Redactor) -> Render:
    """Return what writes a line as one JSON object without credentials."""

    def render(base: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
        own = (base["message"], base["component"], base["event"])
        if redactor.is_clean(fields) and redactor.are_clean(own):
            try:
                line = orjson.dumps({**base, **fields}, option=orjson.OPT_APPEND_NEWLINE)
            except TypeError:
                pass
            else:
                if len(line) <= _LONGEST_LINE:
                    return line
        return orjson.dumps(_presentable(base, fields, redactor), option=orjson.OPT_APPEND_NEWLINE)

    return render


def console_renderer(redactor: Redactor, *, colours: bool) -> Render:
    """Return what writes a line for a person's eyes, without credentials and without control characters."""
    renderer = structlog.dev.ConsoleRenderer(colors=colours, sort_keys=False)

    def render(base: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
        shown = _presentable(base, fields, redactor)
        trace = shown.pop("exception", None)
        named = {name: _visible(value) for name, value in shown.items() if name not in ("module", "event")}
        named["event"] = named.pop("message")
        named["level"] = str(named["level"]).lower()
        text = renderer(None, "", named)
        return f"{text}\n{trace}\n".encode() if trace else f"{text}\n".encode()

    return render


class Clock:
    """The time as the log writes it, `2025-10-27T10:30:00.123456Z`; the part before the dot is kept for a second."""

    def __init__(self) -> None:
        self._kept = (0, "")

    def text(self, seconds: float | None = None) -> str:
        """Return the given time in seconds since the epoch, or now."""
        now = clock.time() if seconds is None else seconds
        whole = int(now)
        kept, prefix = self._kept
        if whole != kept:
            prefix = clock.strftime("%Y-%m-%dT%H:%M:%S.", clock.gmtime(whole))
            self._kept = (whole, prefix)
        return f"{prefix}{int((now - whole) * 1_000_000):06d}Z"


LEVEL_NAMES = {level: logging.getLevelName(level) for level in (10, 20, 30, 40, 50)}


def _presentable(base: Mapping[str, Any], fields: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return the line as JSON values of bounded size without credentials."""
    plain = _plain({**base, **fields}, 0)
    line: dict[str, Any] = _cut(redactor.redact(plain))
    if len(orjson.dumps(line)) > _LONGEST_LINE:
        kept = {name: line[name] for name in (*base, *_ORDER) if name in line}
        left_out = [name for name in line if name not in kept][:_MOST_ITEMS]
        return {**kept, "left_out": left_out}
    return line


def _plain(value: Any, depth: int) -> Any:
    """Turn anything into JSON values: bounded, without cycles, without what JSON or UTF-8 cannot hold."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(value)[:_LONGEST_TEXT]
    if isinstance(value, str):
        return _bounded(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            items = list(value.items())[:_MOST_ITEMS]
            return {_bounded(str(key)): _plain(inner, depth + 1) for key, inner in items}
        if isinstance(value, list | tuple | set | frozenset):
            return [_plain(inner, depth + 1) for inner in list(value)[:_MOST_ITEMS]]
    try:
        return _bounded(str(value))
    except Exception:  # (any object may be passed, its __str__ may be broken)
        return f"<{type(value).__name__}>"


def _bounded(text: str) -> str:
    return text[:_READ_OF_TEXT].encode("utf-8", "backslashreplace").decode()


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "..."
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    return [_cut(inner) for inner in value] if isinstance(value, list) else value


def _visible(value: Any) -> Any:
    if isinstance(value, str) and not value.isprintable():
        return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in value)
    return value
