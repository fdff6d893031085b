"""What every way of making a binary shares: a lock, an atomic result, progress on stderr."""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.errors import ToolMissing

HEARTBEAT_SECONDS = 10.0
NETWORK_SIGNS = (
    "dial tcp",
    "no such host",
    "connection refused",
    "i/o timeout",
    "proxyconnect",
    "Connection error",
    "NewConnectionError",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "module lookup disabled",
    "No matching distribution",
)


def say(text: str) -> None:
    """Tell the person who waits. Standard error, because standard output may be read by a program."""
    print(f"[tools] {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file lock, so that parallel test workers make each thing once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is making {path.stem}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def workspace(target: Path) -> Iterator[Path]:
    """Give a temporary directory on the same file system as the target, gone afterwards."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=target) as name:
        yield Path(name)


def publish(made: Path, target: Path) -> Path:
    """Put a finished file or directory in place in one step."""
    if made.is_file():
        made.chmod(0o755)
    os.replace(made, target)
    return target


def run_watched(
    label: str,
    command: Sequence[str],
    *,
    wanted: str,
    log: Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a slow command: a line at the start and the end, a heartbeat between, its output in a log file.

    Raises `ToolMissing` for `wanted` when it fails.
    """
    started = time.monotonic()
    say(f"{label}: started")
    with log.open("w") as output:
        child = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=output)
        try:
            _wait_with_heartbeat(label, child, started)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    elapsed = time.monotonic() - started
    if child.returncode:
        say(f"{label}: failed after {elapsed:.0f} s")
        raise _failure(wanted, log)
    say(f"{label}: done in {elapsed:.0f} s")


def _wait_with_heartbeat(label: str, child: subprocess.Popen[bytes], started: float) -> None:
    while True:
        try:
            child.wait(HEARTBEAT_SECONDS)
            return
        except subprocess.TimeoutExpired:
            say(f"{label}: still at work, {time.monotonic() - started:.0f} s")


def _failure(wanted: str, log: Path) -> ToolMissing:
    output = log.read_text(errors="replace")
    last = "\n".join(output.splitlines()[-15:])
    if any(sign in output for sign in NETWORK_SIGNS):
        return ToolMissing(
            wanted,
            f"its sources cannot be fetched\n{last}",
            "connect this machine to the network (or set the proxy variables of Go and pip) and run the command "
            "again, or set KUBEBUILDER_ASSETS to a directory that holds the binaries",
        )
    return ToolMissing(wanted, f"it could not be made\n{last}", "read the output above; the pin files are in tools/")
