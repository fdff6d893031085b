"""An exception as bounded text: classes, messages and places, never source lines or local variables."""

from collections import deque
from collections.abc import Iterator
from types import TracebackType

_FRAMES = 20
"""Innermost frames that are shown of each exception."""
_EXCEPTIONS = 6
"""Exceptions of a chain or group that are shown."""
_MESSAGE = 500
"""Characters of each message."""


def describe(error: BaseException) -> str:
    """Return the exception, what caused it and what a group holds, the outermost first.

    Values of variables could be credentials or personal data, so none appear; messages are redacted with the line.
    """
    parts: list[str] = []
    for relation, member in _members(error):
        if len(parts) == _EXCEPTIONS:
            parts.append("... more exceptions")
            break
        parts.append(f"{relation}{type(member).__name__}: {_message(member)}{_places(member.__traceback__)}")
    return "\n".join(parts)


def _members(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    seen: set[int] = set()
    waiting: deque[tuple[str, BaseException]] = deque([("", error)])
    while waiting:
        relation, member = waiting.popleft()
        if id(member) in seen:
            continue
        seen.add(id(member))
        yield relation, member
        if member.__cause__ is not None:
            waiting.append(("caused by ", member.__cause__))
        elif member.__context__ is not None and not member.__suppress_context__:
            waiting.append(("while handling ", member.__context__))
        if isinstance(member, BaseExceptionGroup):
            waiting.extend(("in the group: ", inner) for inner in member.exceptions[:_EXCEPTIONS])


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # (an exception's own __str__ may be broken)
        return "<no message: __str__ failed>"
    return text if len(text) <= _MESSAGE else text[:_MESSAGE] + "..."


def _places(trace: TracebackType | None) -> str:
    places: deque[str] = deque(maxlen=_FRAMES)
    number = 0
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"\n  {code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        number += 1
        trace = trace.tb_next
    left_out = f"\n  ... {number - _FRAMES} outer frames" if number > _FRAMES else ""
    return left_out + "".join(places)
