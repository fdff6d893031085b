"""What can go wrong before a test starts. Each message says what to do next."""

from pathlib import Path


class TestbedError(RuntimeError):
    """The root of every error raised here on purpose."""

    __test__ = False  # its name begins like a test class; pytest must not collect it


class ToolMissing(TestbedError):
    """A binary is neither there nor can it be made here."""

    def __init__(self, name: str, why: str, hint: str) -> None:
        self.name = name
        self.why = why
        self.hint = hint
        super().__init__(f"{name} is missing: {why}\nWhat to do: {hint}")


class StartFailed(TestbedError):
    """A process ended, or did not become ready in time. The end of its log is in the message."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        self.name = name
        self.log = log
        super().__init__(f"{name} {why}\n--- end of {log} ---\n{tail(log)}")


class CommandFailed(TestbedError):
    """A command of the test bed itself (kubectl, openssl) did not succeed."""


def tail(path: Path, lines: int = 25) -> str:
    """Return the last lines of a log file, or a remark when there is none."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(empty log)"
