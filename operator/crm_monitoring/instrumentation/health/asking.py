"""How a dependency is asked for its health, and how its answer is read. Nothing here waits for anything."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from crm_monitoring.instrumentation.health.status import Status

METHODS = ("health_check", "ping", "is_healthy")
"""What a dependency is asked by, in this order. `is_healthy` may be a method, a property or an attribute."""

Ask = Callable[[], Any]

WORDS = {
    "healthy": Status.HEALTHY,
    "ok": Status.HEALTHY,
    "up": Status.HEALTHY,
    "pong": Status.HEALTHY,
    "degraded": Status.DEGRADED,
    "warning": Status.DEGRADED,
}
"""Answers in words. Every other word is unhealthy: `down`, `error` and what we do not know."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the CRM's own: what to ask, and whether the CRM is unhealthy (not only degraded) when it fails.

    `ask` is a function without arguments, sync or async, or an object as `METHODS` describes.
    """

    ask: object
    critical: bool = False


def asking(dependency: object) -> Ask | None:
    """Return the function that asks a dependency, or None when there is no way to ask it."""
    for name in METHODS:
        if _has(dependency, name):
            return _Question(dependency, name)
    return dependency if callable(dependency) else None


def is_async(ask: Ask) -> bool:
    """Tell whether asking starts on the event loop. Anything else is asked in a thread: it may block."""
    if isinstance(ask, _Question):
        ask = inspect.getattr_static(type(ask.dependency), ask.name, None) or ask
    return inspect.iscoroutinefunction(ask) or inspect.iscoroutinefunction(getattr(ask, "__call__", None))  # noqa: B004


def verdict(answer: object) -> Status:
    """Read an answer: None and True are healthy (no exception was raised), False is unhealthy.

    A word is read by `WORDS`; a mapping by its `status` or `healthy`; an object by a `status` that is a word.
    Anything else is healthy when it is true: a number, a row.
    """
    if answer is None:
        return Status.HEALTHY
    if isinstance(answer, Mapping):
        answer = answer.get("status", answer.get("healthy", False))
    elif isinstance(status := getattr(answer, "status", None), str | Enum):
        answer = status
    if isinstance(answer, Enum):
        answer = answer.value
    if isinstance(answer, bytes):
        answer = answer.decode(errors="replace")
    if isinstance(answer, str):
        return WORDS.get(answer.strip().lower(), Status.UNHEALTHY)
    return Status.HEALTHY if answer else Status.UNHEALTHY


@dataclass(frozen=True, slots=True)
class _Question:
    """Looks the method up when it asks, so that a property runs in the check and not while the CRM starts."""

    dependency: object
    name: str

    def __call__(self) -> Any:
        found = getattr(self.dependency, self.name)
        return found() if callable(found) else found


def _has(dependency: object, name: str) -> bool:
    """Tell whether an attribute exists, without running a property that a class defines."""
    try:
        inspect.getattr_static(dependency, name)
    except AttributeError:
        return hasattr(dependency, name)
    return True
