"""A Docker engine for the image's tests: one that runs, else one of our own that reaches nothing outside.

    with docker.Engine() as engine:
        engine.run("image", "inspect", "...")

Our own engine needs root and `dockerd`. It keeps everything in a temporary directory, makes no bridge, leaves iptables
and forwarding alone, and ends with the block. `CI=true` or `CRM_MONITORING_INSTALL_ENGINE=1` lets it be installed
from the packages of Debian.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from testbed import building
from testbed.errors import StartFailed, ToolMissing
from testbed.pins import cache_root
from testbed.processes import ChildProcess

SUITE = "bookworm"
"""The release of Debian from which a base image is made where no registry answers."""
BASE_PACKAGES = "python3,python3-venv"
PROGRAMS = {"docker.io": "dockerd", "debootstrap": "debootstrap"}
"""Packages of Debian, and the program that tells whether each is there."""
HINT = "start a Docker engine, or as root: make image-test, which installs Debian's"
PYTHON_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
START_SECONDS = 40.0
PULL_SECONDS = 60.0
ALONE = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")


class Engine:
    """A Docker engine and its command line. Raises `ToolMissing` where none can be had."""

    def __init__(self) -> None:
        self._server: ChildProcess | None = None
        self._directory: Path | None = None
        self._host: list[str] = []

    def __enter__(self) -> Self:
        try:
            if not self._answers():
                self._start()
        except StartFailed as problem:
            self.__exit__(None, None, None)
            raise ToolMissing("docker", f"dockerd cannot run here\n{problem}", HINT) from problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.stop(grace=20.0)
        if self._directory:
            _unmount(self._directory)
            shutil.rmtree(self._directory, ignore_errors=True)

    def run(
        self, *arguments: str | Path, check: bool = True, seconds: float = 600.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker` with these arguments; `check` fails with what it says."""
        command = ["docker", *self._host, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr
        return done

    def base(self, registry_image: str) -> tuple[str, str]:
        """Return an image to build on, and its Python's version such as `3.13`. Raises `ToolMissing`.

        It is the one named, when a registry gives it, else one made of Debian's packages.
        """
        image = registry_image if self._pulled(registry_image) else self._imported(debian_archive())
        probe = self.run("run", "--rm", "--network=none", image, "python3", "-c", PYTHON_VERSION, check=False)
        if probe.returncode:
            raise ToolMissing("docker", f"an engine answers, and no container runs in it\n{probe.stderr}", HINT)
        return image, probe.stdout.strip()

    # --- inside ---

    def _pulled(self, image: str) -> bool:
        try:
            return self.run("pull", "--quiet", image, check=False, seconds=PULL_SECONDS).returncode == 0
        except subprocess.TimeoutExpired:
            building.say(f"{image}: no registry answered within {PULL_SECONDS:.0f} s")
            return False

    def _imported(self, archive: Path) -> str:
        done = self.run("import", archive, check=False)
        if done.returncode:
            raise ToolMissing("docker", f"an engine answers, and takes no image\n{done.stderr}", HINT)
        return done.stdout.strip()

    def _answers(self) -> bool:
        return bool(shutil.which("docker")) and self.run("version", check=False).returncode == 0

    def _start(self) -> None:
        if os.geteuid():
            raise ToolMissing("docker", "no engine runs, and only root can start one", HINT)
        _install([package for package, program in PROGRAMS.items() if not shutil.which(program)])
        if self._answers():
            return  # the package started its service
        self._directory = Path(tempfile.mkdtemp(prefix="crm-docker-"))
        places = [f"--{name}={self._directory / name}" for name in ("data-root", "exec-root", "pidfile")]
        self._host = ["--host", f"unix://{self._directory / 'socket'}"]
        log = self._directory / "log"
        self._server = ChildProcess("dockerd", ["dockerd", *places, *self._host, *ALONE], log=log)
        self._server.start().wait_until(self._answers, within=START_SECONDS)


def _unmount(directory: Path) -> None:
    """Let go of what an engine leaves mounted, the network of a container that shared the machine's for one."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    for place in reversed([place for place in mounts if place.startswith(f"{directory}/")]):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)


def debian_archive() -> Path:
    """Return a root file system of Debian with Python as a .tar, made on first use. Raises `ToolMissing`."""
    target = cache_root() / f"debian-{SUITE}-{BASE_PACKAGES.replace(',', '-')}.tar"
    with building.locked(target.with_suffix(".lock")):
        if not target.exists():
            _install([] if shutil.which("debootstrap") else ["debootstrap"])
            with building.workspace(target.parent) as scratch:
                _debootstrap(scratch)
                building.publish(scratch / "made.tar", target)
    return target


def _debootstrap(scratch: Path) -> None:
    make = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, str(scratch / "root")]
    building.run_watched("debootstrap", make, wanted="a base image", log=scratch / "log", cwd=scratch)
    left_out = [f"--exclude=./{path}" for path in ("var/cache/apt/archives", "var/lib/apt/lists", "dev/*")]
    pack = ["tar", "-C", str(scratch / "root"), *left_out, "-cf", str(scratch / "made.tar"), "."]
    building.run_watched("pack", pack, wanted="a base image", log=scratch / "log", cwd=scratch)


def _install(packages: Sequence[str]) -> None:
    """Install packages of Debian, where that is allowed."""
    if not packages:
        return
    allowed = os.environ.get("CI", "").lower() == "true" or os.environ.get("CRM_MONITORING_INSTALL_ENGINE")
    if not allowed or os.geteuid() or not shutil.which("apt-get"):
        raise ToolMissing(packages[0], "it is not installed", HINT)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quick = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]
    with building.workspace(cache_root()) as scratch:
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            building.run_watched(
                f"apt-get {command[0]}",
                ["apt-get", *quick, *command],
                wanted=packages[0],
                log=scratch / "log",
                cwd=scratch,
                env=env,
            )
