"""What the demonstration prints: steps with their duration, and a tree of objects."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.tree import Tree


class Screen:
    """Prints to one console; plain text when that is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._number = 0

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what begins, and how long it took."""
        self._number += 1
        self._console.print(f"[bold]{self._number:>2}. {what}[/bold]")
        started = time.monotonic()
        yield
        self._console.print(f"    [dim]done in {time.monotonic() - started:.1f} s[/dim]")

    def say(self, text: str) -> None:
        """Print a line that belongs to the current step."""
        for line in text.rstrip().splitlines():
            self._console.print(f"    {line}", markup=False)

    def plain(self, text: str) -> None:
        """Print text as it is."""
        self._console.print(text, markup=False)

    def objects(self, resource: Mapping[str, Any]) -> None:
        """Print the tree of a resource: its conditions and its objects with their states."""
        status = resource["status"]
        metadata = resource["metadata"]
        ready = next(entry for entry in status["conditions"] if entry["type"] == "Ready")
        root = Tree(
            f"CRMMonitoring {metadata['namespace']}/{metadata['name']}   Ready={ready['status']} ({ready['reason']})"
        )
        conditions = root.add("conditions")
        for entry in status["conditions"]:
            if entry["type"] != "Ready":
                conditions.add(f"{entry['type']:<24} {entry['status']:<6} {entry['message']}")
        objects = root.add("objects")
        for entry in status["resources"]:
            objects.add(f"{entry['kind']:<16} {entry['name']:<24} {entry['state']}")
        rules = status["rules"]
        root.add(f"rules: {rules['recording']} recording, {rules['alerting']} alerting")
        self._console.print(root)
