"""Recording around a block or a function: `with track_active(): ...` or `@track_active()`, async functions too."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any, TypeVar, cast

from crm_monitoring.instrumentation.metrics.collector import MetricsCollector, default_collector

F = TypeVar("F", bound=Callable[..., Any])


class Section:
    """A block that is recorded; usable once with `with`, any number of times as a decorator."""

    def __init__(self, begin: Callable[[], AbstractContextManager[None]]) -> None:
        self._begin = begin
        self._open: AbstractContextManager[None] | None = None

    def __call__(self, function: F) -> F:
        """Record every call of the function."""
        if iscoroutinefunction(function):

            @wraps(function)
            async def asynchronous(*args: Any, **kwargs: Any) -> Any:
                with self._begin():
                    return await function(*args, **kwargs)

            return cast("F", asynchronous)

        @wraps(function)
        def synchronous(*args: Any, **kwargs: Any) -> Any:
            with self._begin():
                return function(*args, **kwargs)

        return cast("F", synchronous)

    def __enter__(self) -> None:
        self._open = self._begin()
        self._open.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._open is not None
        return self._open.__exit__(kind, error, trace)


def track_active(collector: MetricsCollector | None = None) -> Section:
    """Count a communication as active while the block or function runs, however it ends.

    Without a collector it is the default one at the time of each run.
    """

    @contextmanager
    def begin() -> Iterator[None]:
        used = collector or default_collector()
        used.increment_active_communications()
        try:
            yield
        finally:
            used.decrement_active_communications()

    return Section(begin)


def observe_delivery(channel: str, collector: MetricsCollector | None = None) -> Section:
    """Record the seconds that the block or function takes as a delivery time, unless it raises.

    For channels whose provider confirms within the call. Otherwise call `record_delivery_time` when the confirmation
    arrives. Without a collector it is the default one at the time of each run.
    """

    @contextmanager
    def begin() -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        (collector or default_collector()).record_delivery_time(channel=channel, delivery_time_seconds=seconds)

    return Section(begin)
