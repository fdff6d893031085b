"""The operator with a window: each SIGUSR1 makes it write down how much of everything it holds.

    python -m support.reliability.window FILE operator --kubeconfig ...

What the operator does is not changed by it. The signal is waited for in a thread, so the event loops notice nothing.
"""

import asyncio
import functools
import gc
import json
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crm_monitoring.cli.main import main

MODULE = "support.reliability.window"

_PACKAGE = "crm_monitoring."
_COLLECTIONS = (dict, list, set, deque)
_LEAVES = (str, bytes, int, float, type(None))


def held(objects: Iterable[Any]) -> dict[str, int]:
    """Return how many items our objects hold in their collections, by class and attribute, and caches of results without a bound."""
    found: Counter[str] = Counter()
    for each in objects:
        if not str(getattr(type(each), "__module__", "")).startswith(_PACKAGE):
            if isinstance(each, functools._lru_cache_wrapper) and str(each.__module__).startswith(_PACKAGE):
                bounded = each.cache_parameters()["maxsize"] is not None
                found[f"{each.__name__}()"] += 0 if bounded else each.cache_info().currsize
            continue
        for name, value in list(getattr(each, "__dict__", {}).items()):
            if isinstance(value, _COLLECTIONS):
                found[f"{type(each).__name__}.{name}"] += len(value)
    return dict(sorted(found.items()))


def tasks(objects: Iterable[Any]) -> dict[str, int]:
    """Return the tasks of all event loops by the name of what they run."""
    loops = [each for each in objects if isinstance(each, asyncio.BaseEventLoop) and not each.is_closed()]
    running = [task for loop in loops for task in asyncio.all_tasks(loop)]
    return dict(Counter(getattr(task.get_coro(), "__qualname__", "?") for task in running))


def everything() -> list[Any]:
    """Return every object, also those that the garbage collector was told to pass over."""
    waiting: list[Any] = [*gc.get_objects(), *sys.modules.values()]
    found: dict[int, Any] = {}
    while waiting:
        each = waiting.pop()
        if id(each) not in found and not isinstance(each, _LEAVES):
            found[id(each)] = each
            waiting += gc.get_referents(each)
    return list(found.values())


def _look(times: int) -> dict[str, Any]:
    gc.collect()
    objects = everything()
    return {"times": times, "held": held(objects), "tasks": tasks(objects), "objects": len(objects)}


def _serve(target: Path) -> None:
    times = 0
    while True:
        signal.sigwait({signal.SIGUSR1})
        times += 1
        written = target.with_suffix(".new")
        written.write_text(json.dumps(_look(times)), encoding="utf-8")
        os.replace(written, target)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # before there are threads: all inherit it
    threading.Thread(target=_serve, args=(Path(sys.argv.pop(1)),), name="window", daemon=True).start()
    main()
