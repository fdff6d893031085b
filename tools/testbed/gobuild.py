"""Build a binary from the pinned Go module of its component, and copy files out of a module."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed import building
from testbed.errors import ToolMissing
from testbed.pins import Component

JSON_V2_SINCE = (1, 27)
INSTALL_GO = (
    "install Go 1.26 or newer and put it on PATH, or set KUBEBUILDER_ASSETS to a directory that holds the binaries"
)


def build(component: Component, binary: str, target: Path) -> Path:
    """Build one binary into `target`. The caller holds the component's lock."""
    with building.workspace(target.parent) as scratch:
        made = scratch / "made"
        _Workbench(component, _go(binary), scratch).build(binary, made)
        return building.publish(made, target)


def copy_files(component: Component, directory: str, target: Path) -> Path:
    """Copy a directory of the component's main module to `target`."""
    module = component.recipe["crds"]["module"]
    with building.workspace(target.parent) as scratch:
        source = _Workbench(component, _go(component.name), scratch).fetch(module)
        made = scratch / "made"
        _copy_writable(source / directory, made)
        return building.publish(made, target)


@dataclass(frozen=True)
class _Workbench:
    """One component, one Go, one scratch directory."""

    component: Component
    go: str
    scratch: Path

    def build(self, binary: str, made: Path) -> None:
        flags = self.component.recipe["binaries"][binary]
        module = self.scratch / "module"
        shutil.copytree(self.component.directory, module)
        self._add_files(module)
        command = [self.go, "build", "-trimpath", "-o", str(made), "-ldflags", flags["ldflags"]]
        command += ["-tags", flags.get("tags", ""), flags["package"]]
        log = self.scratch / "log"
        building.run_watched(f"go build {binary}", command, wanted=binary, log=log, cwd=module, env=self._environment())

    def fetch(self, module: str) -> Path:
        """Fetch one module, checked against go.sum, and say where its files are."""
        answer = self.scratch / "module.json"
        command = [self.go, "mod", "download", "-json", module]
        label = f"fetch the sources of {self.component.name}"
        building.run_watched(
            label,
            command,
            wanted=self.component.name,
            log=answer,
            cwd=self.component.directory,
            env=self._environment(),
        )
        parsed, _ = json.JSONDecoder().raw_decode(answer.read_text())
        return Path(parsed["Dir"])

    def _add_files(self, module: Path) -> None:
        """Give a module the files that its release archive lacks, in a copy that replaces it for this build only."""
        added = self.component.recipe.get("added_files")
        if not added:
            return
        copy = self.scratch / "source"
        _copy_writable(self.fetch(added["module"]), copy)
        for name, text in added["files"].items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text(text)
        command = [self.go, "mod", "edit", f"-replace={added['module']}={copy}"]
        subprocess.run(command, cwd=module, env=self._environment(), check=True)

    def _environment(self) -> dict[str, str]:
        env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
        if self.component.recipe.get("no_json_v2") and _version(self.go) >= JSON_V2_SINCE:
            env["GOEXPERIMENT"] = "nojsonv2"  # else the OpenAPI that kubectl and Helm read is broken
        return env


def _go(wanted: str) -> str:
    go = shutil.which("go")
    if go is None:
        raise ToolMissing(wanted, "it must be built and Go is not on PATH", INSTALL_GO)
    return go


def _version(go: str) -> tuple[int, int]:
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _copy_writable(source: Path, target: Path) -> None:
    """Copy a directory out of the module cache, where everything is read-only."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for directory in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        directory.chmod(0o755)
