"""Many files for one call of promtool or amtool: starting the tool takes longer than its judgement."""

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import yaml

BATCH = 300

_NOT_IN_YAML = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff]")
"""Characters that JSON allows and YAML, as which the tools read it, does not."""


class Batches:
    """Collects files, asks the tool about each content once, and remembers who had a content that is refused."""

    def __init__(self, directory: Path, command: Callable[[list[Path]], list[str | Path]]) -> None:
        self._directory = Path(tempfile.mkdtemp(dir=directory))
        self._command = command
        self._known: dict[bytes, int] = {}
        self._waiting: dict[Path, str] = {}
        self.asked = 0
        self.refused: list[tuple[str, str]] = []
        """Whose file was refused, and what the tool said."""

    def add(self, whose: str, content: bytes) -> None:
        """Have a file judged, with others, when there are enough."""
        digest = hashlib.sha256(content).digest()
        if digest in self._known:
            return
        self._known[digest] = len(self._known)
        path = self._directory / f"{self._known[digest]}.yaml"
        path.write_bytes(content)
        self._waiting[path] = whose
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Have the files judged that wait. When a batch is refused, each of its files is asked about alone."""
        if not self._waiting:
            return
        if not self._accepted(list(self._waiting))[0]:
            for path, whose in self._waiting.items():
                accepted, said = self._accepted([path])
                if not accepted:
                    self.refused.append((whose, said[-600:]))
        self.asked += len(self._waiting)
        for path in self._waiting:
            path.unlink()
        self._waiting.clear()

    def _accepted(self, paths: list[Path]) -> tuple[bool, str]:
        done = subprocess.run(self._command(paths), capture_output=True, text=True, check=False, timeout=280)
        return done.returncode == 0, done.stdout + done.stderr


def rule_file(spec: Mapping[str, Any]) -> bytes:
    """Return the rules of a PrometheusRule as a file."""
    text = orjson.dumps({"groups": spec["groups"]}).decode()
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


_TAKEN_AS_IT_IS = frozenset(("auth_username", "auth_password"))
"""Settings of Alertmanager in which braces mean nothing."""


def templates(routing: bytes) -> set[str]:
    """Return every text of an alertmanager.yaml that Alertmanager runs as a template."""
    found, stack = set[str](), [yaml.load(routing, Loader=yaml.CSafeLoader)]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack += (value for name, value in node.items() if name not in _TAKEN_AS_IT_IS)
        elif isinstance(node, list):
            stack += node
        elif isinstance(node, str) and "{{" in node:
            found.add(node)
    return found
