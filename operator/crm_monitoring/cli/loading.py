"""From objects in files to valid resources, or to everything that is wrong with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.validation import load, validate
from crm_monitoring.cli.exits import Failure, say
from crm_monitoring.cli.sources import Fault, Place, Source, read
from crm_monitoring.errors import InvalidSpec, Problem
from crm_monitoring.manifest import CRM_MONITORING

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """One CRMMonitoring of a file: valid (then `resource` is there), or with problems."""

    place: Place
    body: Mapping[str, Any]
    resource: CRMMonitoring | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Return namespace and name, as far as they are given."""
        metadata = self.body.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        return str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def load_files(names: Iterable[str], namespace: str | None) -> list[Loaded]:
    """Return every CRMMonitoring of the files, and an entry with problems for what is not an object.

    Other kinds are ignored with a word on standard error. Raise Failure when there is no CRMMonitoring at all.
    """
    found = read(names)
    loaded: list[Loaded] = []
    ignored: dict[str, list[str]] = {}
    for each in found:
        if isinstance(each, Fault):
            loaded.append(Loaded(each.place, {}, problems=(each.problem,)))
        elif each.body["kind"] == CRM_MONITORING.name:
            loaded.append(_load(each, namespace))
        else:
            ignored.setdefault(each.place.file, []).append(each.body["kind"])
    for file, kinds in ignored.items():
        say(f"{file}: ignored, because it is not {CRM_MONITORING.name}: {', '.join(sorted(set(kinds)))}")
    if not loaded:
        raise Failure(f"there is no {CRM_MONITORING.name} in {', '.join(names)}")
    return _once_each(loaded)


def valid(loaded: Iterable[Loaded]) -> list[tuple[Place, CRMMonitoring]]:
    """Return the resources that are valid."""
    return [(each.place, each.resource) for each in loaded if each.resource is not None]


def _load(source: Source, namespace: str | None) -> Loaded:
    body = with_namespace(source.body, namespace, source.place)
    try:
        resource = load(body)
    except InvalidSpec as invalid:
        return Loaded(source.place, body, problems=invalid.problems)
    return Loaded(source.place, body, resource, warnings=validate(resource).warnings)


def with_namespace(body: Mapping[str, Any], namespace: str | None, place: Place) -> dict[str, Any]:
    """Return the object with a namespace: its own, else the given one, else `default` with a word about it."""
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return dict(body)
    if namespace is None:
        say(f"{place}: metadata.namespace: is not given, so {DEFAULT_NAMESPACE} is used; -n sets another")
    return {**body, "metadata": {**metadata, "namespace": namespace or DEFAULT_NAMESPACE}}


def _once_each(loaded: list[Loaded]) -> list[Loaded]:
    """Return the same entries; those that repeat a name of an earlier one get a problem in place of their resource."""
    first: dict[tuple[str, str], Place] = {}
    result = []
    for each in loaded:
        if each.resource is not None and each.key in first:
            problem = Problem(
                "metadata.name", f"is the name of the resource at {first[each.key]}, too; rename one of them"
            )
            each = replace(each, resource=None, problems=(problem,), warnings=())  # noqa: PLW2901
        elif each.resource is not None:
            first[each.key] = each.place
        result.append(each)
    return result
