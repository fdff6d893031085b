"""The identifiers of the communication that is being worked on, for every log line and span of the current task."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_CURRENT: ContextVar[Mapping[str, object]] = ContextVar("crm_correlation", default=MappingProxyType({}))


def current_correlation() -> Mapping[str, object]:
    """Return the identifiers of the current task, empty outside `correlation`."""
    return _CURRENT.get()


@contextmanager
def correlation(
    *, plan_id: str | None = None, client_id: str | None = None, communication_id: str | None = None, **more: object
) -> Iterator[None]:
    """Add identifiers to every log line and span within the block, in this task or thread and in tasks it starts.

    Blocks nest: the inner one adds to the outer one and wins where both name the same identifier. None adds nothing.
    """
    given = {"plan_id": plan_id, "client_id": client_id, "communication_id": communication_id, **more}
    token = _CURRENT.set({**_CURRENT.get(), **{key: value for key, value in given.items() if value is not None}})
    try:
        yield
    finally:
        _CURRENT.reset(token)
