"""From the arguments of `-f` to objects: files, directories and standard input."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm_monitoring.cli.exits import Failure
from crm_monitoring.cli.yaml_reader import BrokenYaml, documents
from crm_monitoring.errors import Problem

STDIN = "-"
SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""Names of files that are read from a directory."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an object was written: file, document counted from 1, and its index when the document is a List."""

    file: str
    document: int
    item: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.document}" + ("" if self.item is None else f".items[{self.item}]")


@dataclass(frozen=True, slots=True)
class Source:
    """One object of a file."""

    place: Place
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a file that is not an object."""

    place: Place
    problem: Problem


def read(names: Iterable[str]) -> list[Source | Fault]:
    """Return what files hold, in order. Raise Failure when a file cannot be read at all."""
    return [found for file in dict.fromkeys(_files(names)) for found in _objects(file)]


def read_whole(names: Iterable[str]) -> list[Source]:
    """Return the objects of files; raise Failure when anything in them is not an object."""
    sources, faults = [], []
    for found in read(names):
        if isinstance(found, Source):
            sources.append(found)
        else:
            faults.append(f"{found.place}: {found.problem}")
    if faults:
        raise Failure("\n".join(faults))
    return sources


def _files(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name == STDIN or not Path(name).is_dir():
            yield name
            continue
        found = sorted(str(path) for path in Path(name).iterdir() if path.suffix in SUFFIXES and path.is_file())
        if not found:
            raise Failure(f"{name} holds no file that ends in {', '.join(sorted(SUFFIXES))}")
        yield from found


def _objects(file: str) -> Iterator[Source | Fault]:
    for number, content in documents(_text(file)):
        place = Place(file, number)
        if isinstance(content, BrokenYaml):
            yield Fault(place, Problem("", content.message))
        elif isinstance(content, dict) and _is_list(content):
            for index, item in enumerate(content["items"]):
                yield _object(Place(file, number, index), item)
        else:
            yield _object(place, content)


def _is_list(content: dict[str, Any]) -> bool:
    return str(content.get("kind")).endswith("List") and isinstance(content.get("items"), list)


def _object(place: Place, content: object) -> Source | Fault:
    if isinstance(content, dict) and isinstance(content.get("kind"), str):
        return Source(place, content)
    return Fault(place, Problem("", "is not an object: it needs apiVersion, kind and metadata"))


def _text(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Failure(f"{file} is not UTF-8 text") from None
