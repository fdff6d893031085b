"""A slot: one probe or one variable of one container. What is in it, what it should hold, and where they differ."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from crm_monitoring.manifest import Manifest
from crm_monitoring.render.bundle import WorkloadFields

PROBES = ("readinessProbe", "livenessProbe", "startupProbe")

Value = Mapping[str, Any]
"""What a slot holds: a probe, or an entry of `env` with its name."""

Leaf = tuple[str, ...]
"""Path of one field inside a slot: ("httpGet", "path") of a probe, ("value",) of a variable."""

_ENV = "env/"
_SLOT = re.compile(r"([a-z0-9-]{1,63})/(readinessProbe|livenessProbe|startupProbe|env/[A-Za-z_][A-Za-z0-9_]{0,127})")
_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")

_PROBE_DEFAULTS: Mapping[Leaf, Any] = {
    ("httpGet", "path"): "/",
    ("httpGet", "scheme"): "HTTP",
    ("initialDelaySeconds",): 0,
    ("periodSeconds",): 10,
    ("timeoutSeconds",): 1,
    ("successThreshold",): 1,
    ("failureThreshold",): 3,
}
"""What the API server fills in; core/v1 defaults."""

_ENV_DEFAULTS: Mapping[Leaf, Any] = {("value",): ""}


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One probe (`readinessProbe`) or one variable (`env/CRM_LOG_LEVEL`) of one container."""

    container: str
    field: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the slot that `str` made this text of, or None for any other text."""
        found = _SLOT.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    @classmethod
    def env(cls, container: str, variable: str) -> Self:
        """Return the slot of a variable."""
        return cls(container, _ENV + variable)

    @property
    def variable(self) -> str | None:
        """Return the name of the variable, None for a probe."""
        return self.field.removeprefix(_ENV) if self.field.startswith(_ENV) else None

    @property
    def defaults(self) -> Mapping[Leaf, Any]:
        """Return the values that the API server fills in."""
        return _PROBE_DEFAULTS if self.variable is None else _ENV_DEFAULTS

    def __str__(self) -> str:
        return f"{self.container}/{self.field}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slot is in a live object, for a JSON patch."""

    container: str
    """JSON pointer of the container."""
    index: int | None = None
    """Index of the variable in `env`."""
    has_env: bool = False
    value: Value | None = None
    """What is in the slot; None when it is empty."""
    twice: bool = False
    """The variable is listed more than once, so that no patch of one entry says what holds."""


def desired_slots(fields: WorkloadFields | None) -> dict[Slot, Value]:
    """Return what a resource asks for, sorted; nothing for None."""
    if fields is None:
        return {}
    slots: dict[Slot, Value] = {Slot(fields.container, name): probe for name, probe in fields.probes.items()}
    for name, value in fields.env.items():
        slots[Slot.env(fields.container, name)] = {"name": name, "value": value}
    return dict(sorted(slots.items()))


def containers_of(live: Manifest) -> list[Manifest]:
    """Return the containers of the pod template."""
    containers: list[Manifest] = live["spec"]["template"]["spec"].get("containers") or []
    return containers


def place_of(live: Manifest, slot: Slot) -> Place | None:
    """Return where the slot is and what is in it, or None when the container does not exist."""
    for number, container in enumerate(containers_of(live)):
        if container["name"] != slot.container:
            continue
        pointer = f"/spec/template/spec/containers/{number}"
        if slot.variable is None:
            return Place(pointer, value=container.get(slot.field))
        env = container.get("env") or []
        indexes = [i for i, entry in enumerate(env) if entry.get("name") == slot.variable]
        if not indexes:
            return Place(pointer, has_env=bool(env))
        return Place(pointer, indexes[-1], has_env=True, value=env[indexes[-1]], twice=len(indexes) > 1)
    return None


def leaves_of(value: Value) -> frozenset[Leaf]:
    """Return the leaves of a slot's value; the name of a variable is its key, not a leaf."""
    return frozenset(leaf for leaf, _ in _walk(value) if leaf != ("name",))


def stored(slot: Slot, value: Value) -> Value:
    """Return a value as the API server keeps it: a delay of 0 is stored as absent.

    Owning the absent field would make everybody's server-side apply of the same 0 a conflict with us.
    """
    if slot.variable is not None or value.get("initialDelaySeconds") != 0:
        return value
    return {key: content for key, content in value.items() if key != "initialDelaySeconds"}


def differing(slot: Slot, live: Value, wanted: Value) -> frozenset[Leaf]:
    """Return the leaves in which a slot is not as wanted, defaults counted in. Fields that are not wanted do not count.

    A handler of another type, or `valueFrom`, counts: it cannot stand beside what is wanted.
    """
    different = {leaf for leaf, value in _walk(wanted) if _at(live, leaf, slot.defaults) != value}
    clashing = clashing_keys(slot, live)
    different.update(leaf for leaf, _ in _walk(live) if leaf[0] in clashing)
    return frozenset(different)


def clashing_keys(slot: Slot, live: Value) -> tuple[str, ...]:
    """Return the keys of a live value that the API server refuses beside what we set."""
    keys = _HANDLERS[1:] if slot.variable is None else ("valueFrom",)
    return tuple(key for key in keys if key in live)


def says_something(slot: Slot, live: Value | None, leaf: Leaf) -> bool:
    """Return whether a leaf holds a value other than the one that the API server would fill in."""
    default = slot.defaults.get(leaf)
    return live is not None and _at(live, leaf, {}) not in (None, default)


def only(value: Value, leaves: frozenset[Leaf]) -> dict[str, Any]:
    """Return the part of a slot's value that consists of the given leaves, and the name of a variable."""
    part: dict[str, Any] = {}
    for leaf, content in _walk(value):
        if leaf == ("name",) or leaf in leaves:
            inner = part
            for key in leaf[:-1]:
                inner = inner.setdefault(key, {})
            inner[leaf[-1]] = content
    return part


def is_original(slot: Slot, value: object) -> bool:
    """Return whether a value has the shape of what can be in the slot: checked before anything is restored."""
    if value is None:
        return True
    if not isinstance(value, dict):
        return False
    if slot.variable is not None:
        return value.get("name") == slot.variable and len(value.keys() & {"value", "valueFrom"}) <= 1
    return len(value.keys() & set(_HANDLERS)) == 1


def _walk(value: Value, path: Leaf = ()) -> Iterator[tuple[Leaf, Any]]:
    for key, content in value.items():
        if isinstance(content, Mapping) and content:
            yield from _walk(content, (*path, key))
        else:
            yield (*path, key), content


def _at(value: Value, leaf: Leaf, defaults: Mapping[Leaf, Any]) -> Any:
    inner: Any = value
    for key in leaf:
        inner = inner.get(key) if isinstance(inner, Mapping) else None
    return defaults.get(leaf) if inner is None else inner
