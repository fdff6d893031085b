"""Our own operator as a child process, with only the permissions that its role grants."""

import json
import os
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from testbed.processes import ChildProcess

READY_SECONDS = 60.0
PROGRAM = ("-m", "crm_monitoring")


class Operator:
    """`crm-monitoring operator` against a kubeconfig. No `namespaces` means the whole cluster."""

    def __init__(
        self,
        kubeconfig: Path,
        *,
        namespaces: Sequence[str] = (),
        lease_namespace: str = "default",
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        directory: Path | None = None,
        name: str = "operator",
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """Describe it. `program` are the arguments of Python that stand for the command `crm-monitoring`."""
        self._directory = directory or Path(tempfile.mkdtemp(prefix="crm-operator-"))
        command = [sys.executable, *program, "operator", "--kubeconfig", str(kubeconfig)]
        command += ["--host", "127.0.0.1", "--port", "0", "--lease-namespace", lease_namespace, "--identity", name]
        for namespace in namespaces:
            command += ["--namespace", namespace]
        self.log = self._directory / f"{name}.log"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._process = ChildProcess(name, [*command, *flags], log=self.log, env=environment)
        self._read = 0

    def start(self, *, wait: bool = True) -> Self:
        """Start it and wait until it answers that it is ready. Raises `StartFailed`."""
        self._read = self.log.stat().st_size if self.log.exists() else 0
        self._process.start()
        if wait:
            try:
                self._process.wait_until(self.is_ready, within=READY_SECONDS)
            except BaseException:
                self.kill()
                raise
        return self

    def stop(self, grace: float = 10.0) -> float:
        """Ask it to end; return how many seconds that took."""
        started = time.monotonic()
        self._process.stop(grace)
        return time.monotonic() - started

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()

    def pause(self) -> None:
        """Stop its execution, as an overloaded node would."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `pause`."""
        os.kill(self._process.pid, signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Say whether the process lives."""
        return self._process.running

    @property
    def exit_code(self) -> int | None:
        """Return the exit code of the last run, None while it runs."""
        return self._process.exit_code

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the log lines since the last start, parsed. A line that is not JSON is a bug and raises ValueError."""
        if self.log.exists():
            for line in self.log.read_bytes()[self._read :].splitlines():
                yield json.loads(line)

    def url(self, path: str) -> str | None:
        """Return an address of its endpoints, or None while it has not said on which port it listens."""
        for line in self.lines():
            if line.get("event") == "operator_starting":
                return f"http://127.0.0.1:{line['port']}{path}"
        return None

    def get(self, path: str) -> tuple[int, str]:
        """Return the code and body of one of its endpoints; code 0 when it does not answer."""
        url = self.url(path)
        if url is None:
            return 0, ""
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return int(error.code), error.read().decode()
        except OSError:
            return 0, ""

    def is_ready(self) -> bool:
        """Say whether /readyz answers 200."""
        return self.get("/readyz")[0] == 200

    def cpu_seconds(self) -> float:
        """Return user and system time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_mib(self) -> float:
        """Return the largest resident size of the process so far, in MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
