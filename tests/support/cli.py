"""The command line for tests: files in, output and exit code out."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from click.testing import CliRunner, Result

from crm_monitoring.cli.group import cli
from crm_monitoring.manifest import Manifest


def run(*arguments: str | Path, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
    """Run a command in this process. Anything but an exit code is raised."""
    return CliRunner().invoke(cli, [str(each) for each in arguments], input=stdin, env=env, catch_exceptions=False)


def written(path: Path, *bodies: Manifest) -> Path:
    """Write objects to a file of several documents and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(bodies), encoding="utf-8")
    return path


def objects(result: Result) -> list[Manifest]:
    """Return the objects on standard output."""
    return list(yaml.safe_load_all(result.stdout))


def names(result: Result) -> Sequence[str]:
    """Return kind and name of the objects on standard output, in order."""
    return [f"{each['kind']} {each['metadata']['name']}" for each in objects(result)]
