"""One child process with a log file, and ports that nobody else can take.

A child gets SIGKILL from the kernel when the thread that started it ends, so nothing outlives a test run that was
killed. Start children from a thread that lives as long as they should: the main thread, as a rule.
"""

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from testbed.errors import StartFailed

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.02


class ReservedPort:
    """A free port of 127.0.0.1, held until `release`, also while the server that uses it is down.

    The socket is bound and never listens. A server that sets SO_REUSEADDR (every Go program does) can still listen on
    the port, but the kernel gives it to nobody else: no second test worker, no outgoing connection.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def __str__(self) -> str:
        return str(self.number)

    def release(self) -> None:
        """Give the port back."""
        self._socket.close()


class ChildProcess:
    """A program, its log file and its end. Can be started again after it ended; the log goes on."""

    def __init__(
        self, name: str, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.env = env
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Say whether the process lives now."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Return the process id of the last start."""
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """Return how the last run ended: the code, the negative number of a signal, None while it runs."""
        return self._child.poll() if self._child else None

    def start(self) -> Self:
        """Start the program in a session of its own, so that Ctrl-C reaches only the test run."""
        assert not self.running, f"{self.name} runs already"
        die_with_parent = _die_with_parent()
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self.command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - it calls one C function and nothing else
            )
        return self

    def wait_until(self, ready: Callable[[], bool], *, within: float) -> None:
        """Poll until `ready()`; raise `StartFailed` with the end of the log when it does not come to that."""
        deadline = time.monotonic() + within
        while not ready():
            if self._child is None or self._child.poll() is not None:
                code = self._child.returncode if self._child else "unknown"
                raise StartFailed(self.name, f"ended with exit code {code} before it was ready", self.log)
            if time.monotonic() > deadline:
                raise StartFailed(self.name, f"was not ready within {within:.0f} s", self.log)
            time.sleep(POLL_SECONDS)

    def stop(self, grace: float = 5.0) -> None:
        """Ask the process to end, then make it end."""
        self._end(signal.SIGTERM, grace)

    def kill(self) -> None:
        """End the process without warning, as a lost machine does."""
        self._end(signal.SIGKILL, 5.0)

    def _end(self, number: signal.Signals, grace: float) -> None:
        child = self._child
        if child is None or child.poll() is not None:
            return
        child.send_signal(number)
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _die_with_parent() -> Callable[[], None]:
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: after it, nothing may take a lock

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask_kernel
