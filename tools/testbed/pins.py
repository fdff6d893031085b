"""The pin files under `tools/go` and `tools/wheels`, and the cache directories that belong to them.

A component is a directory of pin files. The name of its cache directory holds a digest of these files: another pin
is another directory, so nothing is ever out of date and nothing must be cleared by hand.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from testbed.errors import ToolMissing

TOOLS = Path(__file__).resolve().parent.parent
DIGEST_CHARACTERS = 12
RECIPES: dict[Literal["go", "wheels"], str] = {"go": "build.json", "wheels": "unpack.json"}


@dataclass(frozen=True)
class Component:
    """One directory of pin files and the binaries that come from it."""

    name: str
    kind: Literal["go", "wheels"]
    directory: Path = field(repr=False)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Return the parsed recipe: build flags of a Go module, members of a wheel."""
        recipe: dict[str, Any] = json.loads((self.directory / RECIPES[self.kind]).read_text())
        return recipe

    @property
    def binaries(self) -> list[str]:
        """Return the names of the binaries that this component gives."""
        return list(self.recipe["binaries"])

    @cached_property
    def digest(self) -> str:
        """Return a short digest of all pin files."""
        total = hashlib.sha256()
        for path in sorted(self.directory.iterdir()):
            total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return total.hexdigest()[:DIGEST_CHARACTERS]

    @property
    def cache(self) -> Path:
        """Return the directory of the finished files."""
        return cache_root() / f"{self.name}-{self.digest}"


def cache_root() -> Path:
    """Return the directory of all caches: `$CRM_MONITORING_TOOLS_CACHE`, or below the user's cache directory."""
    chosen = os.environ.get("CRM_MONITORING_TOOLS_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "crm-monitoring" / "tools"


def components() -> Iterator[Component]:
    """Yield every component, the small ones first."""
    for kind, recipe in reversed(RECIPES.items()):
        for path in sorted((TOOLS / kind).glob(f"*/{recipe}")):
            yield Component(path.parent.name, kind, path.parent)


def names() -> list[str]:
    """Return the names of all binaries."""
    return [binary for component in components() for binary in component.binaries]


def component_of(binary: str) -> Component:
    """Return the component that a binary comes from."""
    for component in components():
        if binary in component.binaries:
            return component
    raise ToolMissing(binary, "no pin file knows this name", f"use one of: {', '.join(names())}")


def component_named(name: str) -> Component:
    """Return a component by its own name."""
    for component in components():
        if component.name == name:
            return component
    raise ToolMissing(name, "there is no such component", f"look into {TOOLS / 'go'}")
