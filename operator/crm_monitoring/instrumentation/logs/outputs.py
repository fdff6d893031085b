"""Where lines go: a stream, a file that rotates by size, a list."""

import contextlib
import os
import sys
import time
from threading import Lock
from typing import Protocol, TextIO

try:
    import fcntl
except ImportError:  # Windows, where processes do not share a log file
    fcntl = None  # type: ignore[assignment]


class Output(Protocol):
    """Takes finished lines."""

    def write(self, line: bytes) -> None:
        """Write one line, its end included. Raises OSError or ValueError when that fails."""

    def close(self) -> None:
        """Give back what is held."""


class StreamOutput:
    """A text stream; None is whatever `sys.stdout` is at the time."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        """Write and flush."""
        stream = self._stream or sys.stdout
        raw = getattr(stream, "buffer", None)
        if raw is None:
            stream.write(line.decode())
            stream.flush()
        else:
            raw.write(line)
            raw.flush()

    def close(self) -> None:
        """Leave the stream open: it belongs to somebody else."""


class FileOutput:
    """A file that is renamed to `.1`, `.2`, ... when it would grow over `max_bytes`.

    Several processes may write the same file: the one that finds it full first renames it under a lock, the others
    notice within a second and follow, as they do when another program moves the file.
    """

    def __init__(self, path: str, *, max_bytes: int, backups: int) -> None:
        """Open for appending; folders that are missing are made. Raises OSError when that is not possible."""
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._lock = Lock()
        self._closed = False
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self._open()

    def write(self, line: bytes) -> None:
        """Append, after rotating if the line does not fit."""
        with self._lock:
            if self._closed:
                raise ValueError("the log file is closed")
            if self._file < 0:
                self._open()
            now = time.monotonic()
            if now - self._looked > 1.0:
                self._follow(now)
            if self._size + len(line) > self._max_bytes and self._size:
                self._rotate()
            self._size += os.write(self._file, line)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        self._size = os.fstat(self._file).st_size
        self._looked = time.monotonic()

    def _follow(self, now: float) -> None:
        """Open the file anew if the path leads elsewhere by now, and learn what other processes wrote."""
        if self._is_current():
            self._size = os.fstat(self._file).st_size
            self._looked = now
        else:
            self._let_go()
            self._open()

    def _is_current(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        return False

    def _rotate(self) -> None:
        if fcntl is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        if self._is_current() and os.fstat(self._file).st_size >= self._size:
            for number in range(self._backups, 0, -1):
                source = f"{self._path}.{number - 1}" if number > 1 else self._path
                with contextlib.suppress(FileNotFoundError):
                    os.replace(source, f"{self._path}.{number}")
            if self._backups == 0:
                os.remove(self._path)
        self._let_go()
        self._open()

    def _let_go(self) -> None:
        """Forget the number of the file with closing it: another file may get the same number."""
        if self._file >= 0:
            former, self._file = self._file, -1
            os.close(former)
