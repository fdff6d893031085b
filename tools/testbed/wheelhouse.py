"""Every wheel that the images consist of, checked against its hash: `python -m testbed.wheelhouse DIRECTORY [PYTHON]`.

With the directory as ./wheelhouse the images are built without a network.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from testbed import building, wheels
from testbed.pins import DIGEST_CHARACTERS, TOOLS, cache_root

REQUIREMENTS = [TOOLS.parent / "requirements" / name for name in ("operator.txt", "build.txt", "sample.txt")]


def cached(python: str) -> Path:
    """Return a directory with the wheels for a Python such as `3.13`; filled on first use. Raises `ToolMissing`."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()[:DIGEST_CHARACTERS]
    target = cache_root() / f"wheelhouse-{digest}-{python}"
    with building.locked(target.with_name(f"{target.name}.lock")):
        if not target.is_dir():
            with building.workspace(target.parent) as scratch:
                fill(scratch / "made", python, scratch)
                building.publish(scratch / "made", target)
    return target


def fill(target: Path, python: str, scratch: Path) -> None:
    """Download the wheels into `target`; the log goes to `scratch`. Raises `ToolMissing`."""
    command = [*wheels.pip("wheels"), "download", "--require-hashes", "--only-binary=:all:", "--no-deps"]
    command += ["--disable-pip-version-check", "--python-version", python, "--dest", str(target)]
    for path in REQUIREMENTS:
        one = [*command, "-r", str(path)]
        building.run_watched(f"download {path.stem} wheels", one, wanted="wheels", log=scratch / "log", cwd=scratch)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(sys.argv[1]).absolute(), sys.argv[2] if sys.argv[2:] else "3.13", Path(directory))
