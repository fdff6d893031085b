"""Gives one Python process a wrong wall clock, read from a file so that a test can let it jump. Monotonic time stays.

On PYTHONPATH of the process, with SHIFTED_CLOCK naming the file, which holds the seconds that are added.
"""

import datetime
import os
import time

_FILE = os.environ["SHIFTED_CLOCK"]
_time, _time_ns = time.time, time.time_ns


def _shift() -> float:
    with open(_FILE, encoding="ascii") as file:
        return float(file.read() or 0)


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Datetime":
        return cls.fromtimestamp(time.time(), tz)


time.time = lambda: _time() + _shift()
time.time_ns = lambda: _time_ns() + int(_shift() * 1e9)
datetime.datetime = _Datetime  # type: ignore[misc]
