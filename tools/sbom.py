"""Print the Python packages that the operator consists of, as CycloneDX 1.6, from the metadata of what is installed.

Same packages, same bytes: no time, and a serial number made from the content.
"""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from typing import Any

from packaging.requirements import Requirement

ROOT = "crm-monitoring"
EXTRA = "operator"
LICENSE_CLASSIFIER = "License :: OSI Approved :: "

Graph = dict[str, set[str]]
"""Names of packages, each with the names of those that it needs."""


def document() -> dict[str, Any]:
    """Return the bill of materials. Raises PackageNotFoundError when something that is needed is not installed."""
    graph = needed()
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**_component(ROOT), "type": "application"}},
        "components": [_component(name) for name in sorted(graph) if name != ROOT],
        "dependencies": [
            {"ref": _reference(name), "dependsOn": sorted(map(_reference, graph[name]))} for name in sorted(graph)
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))
    return {**content, "serialNumber": f"urn:uuid:{serial}"}


def needed() -> Graph:
    """Return what the operator needs on this platform, found by following requirements."""
    graph: Graph = {}
    waiting = [(ROOT, frozenset({EXTRA}))]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for requirement in _requirements(distribution(name), extras):
            below = (canonical(requirement.name), frozenset(requirement.extras))
            graph.setdefault(name, set()).update({below[0]} - {name})
            if below not in seen:
                seen.add(below)
                waiting.append(below)
        graph.setdefault(name, set())
    return graph


def canonical(name: str) -> str:
    """Return a name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(found: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for text in found.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield requirement


def _component(name: str) -> dict[str, Any]:
    found = distribution(name)
    component = {
        "type": "library",
        "bom-ref": _reference(name),
        "name": name,
        "version": found.version,
        "purl": _reference(name),
    }
    licenses = _licenses(found)
    return {**component, "licenses": licenses} if licenses else component


def _reference(name: str) -> str:
    return f"pkg:pypi/{name}@{distribution(name).version}"


def _licenses(found: Distribution) -> list[dict[str, Any]]:
    """Return the SPDX expression, else the names in the classifiers, else a text of one line: it may be a whole licence."""
    fields = found.metadata.get_all
    for expression in fields("License-Expression") or ():
        return [{"expression": expression}]
    classifiers = fields("Classifier") or ()
    names = {one.removeprefix(LICENSE_CLASSIFIER) for one in classifiers if one.startswith(LICENSE_CLASSIFIER)}
    if not names:
        names = {text for text in fields("License") or () if len(text.splitlines()) == 1}
    return [{"license": {"name": name}} for name in sorted(names)]


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")
