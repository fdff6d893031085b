"""Routing for tests: parts built from resources, and what an Alertmanager would do with them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crm_monitoring.manifest import Manifest
from crm_monitoring.render import merged_document, routing, secret_values
from crm_monitoring.render.bundle import Fragment, Part, Secrets
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.resources import RECEIVERS, minimal, parsed, secret_key

Labels = Mapping[str, str]

WATCHDOG = {"watchdog": {"urlSecretRef": secret_key("crm-alerting", "heartbeat-url")}}

MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"(.*)"')


def notifying(notifications: Mapping[str, Any] | None = None, alerts: Any = None, **metadata: Any) -> Manifest:
    """Return a resource with one receiver of each kind; the arguments replace parts of its blocks."""
    block = {"receivers": list(RECEIVERS), **(notifications or {})}
    return minimal({"notifications": block, **({"alerts": alerts} if alerts else {})}, **metadata)


def secrets_for(body: Manifest, values: Mapping[str, bytes | None] | None = None) -> Secrets:
    """Return valid Secrets for a resource, with some keys replaced, or removed where the value is None."""
    contents = {name: dict(content or {}) for name, content in secret_values.placeholders(parsed(body)).items()}
    for content in contents.values():
        for key, value in (values or {}).items():
            if key in content and value is None:
                del content[key]
            elif key in content and value is not None:
                content[key] = Sealed(value)
    return contents


def part_of(body: Manifest, secrets: Secrets | None = None, settings: RenderSettings | None = None) -> Part:
    """Return the routing of a resource, with valid Secrets unless others are given."""
    given = secrets_for(body) if secrets is None else secrets
    return routing.part(parsed(body), Observed(), given, settings or RenderSettings())


def fragment_of(body: Manifest, settings: RenderSettings | None = None) -> Fragment:
    """Return the fragment of a resource that has nothing wrong with it."""
    part = part_of(body, settings=settings)
    assert part.findings == ()
    assert part.fragment is not None
    return part.fragment


def tree_of(*bodies: Manifest) -> dict[str, Any]:
    """Return the merged configuration of some resources."""
    return merged_document.document(map(fragment_of, bodies))


def receivers_of(tree: Mapping[str, Any], labels: Labels) -> list[str]:
    """Return who is told of an alert, as Alertmanager's documentation describes routing."""
    return [route["receiver"] for route in _reached(tree["route"], labels)]


def mutes_of(tree: Mapping[str, Any], labels: Labels) -> dict[str, list[str]]:
    """Return the mute timings of every receiver that is told of an alert."""
    return {route["receiver"]: route.get("mute_time_intervals", []) for route in _reached(tree["route"], labels)}


def _reached(route: Mapping[str, Any], labels: Labels) -> list[Mapping[str, Any]]:
    if not passes(route.get("matchers", ()), labels):
        return []
    found: list[Mapping[str, Any]] = []
    for child in route.get("routes", ()):
        below = _reached(child, labels)
        found += below
        if below and not child["continue"]:
            break
    return found or [route]


def silenced(tree: Mapping[str, Any], source: Labels, target: Labels) -> bool:
    """Return whether one alert inhibits another, as Alertmanager's documentation describes inhibition."""
    return any(
        passes(rule["source_matchers"], source)
        and passes(rule["target_matchers"], target)
        and all(source.get(name, "") == target.get(name, "") for name in rule["equal"])
        for rule in tree["inhibit_rules"]
    )


def passes(matchers: Iterable[str], labels: Labels) -> bool:
    """Return whether an alert has all the labels that some matchers demand. Of the operators it knows = and =~."""
    return all(_passes(matcher, labels) for matcher in matchers)


def _passes(matcher: str, labels: Labels) -> bool:
    match = MATCHER.fullmatch(matcher)
    assert match, matcher
    name, operator, value = match.groups()
    assert operator in {"=", "=~"}
    actual = labels.get(name, "")
    return actual == value if operator == "=" else re.fullmatch(value, actual) is not None


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a tree, names of settings included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield name
            yield from texts(below)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
