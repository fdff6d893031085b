"""The command line: `python -m testbed build [NAMES...] | path NAME | up [--keep] [--controller-manager]`."""

import argparse
import signal
import sys
import threading

from testbed import binaries, pins
from testbed.controlplane import ControlPlane
from testbed.errors import TestbedError


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "build":
            _build(options.names)
        elif options.command == "path":
            print(binaries.find(options.name))
        else:
            _up(keep=options.keep, controller_manager=options.controller_manager)
    except TestbedError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testbed", description="Real components for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the binaries that are not there yet")
    build.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    path = commands.add_parser("path", help="print where a binary is, making it first when needed")
    path.add_argument("name", metavar="NAME")
    up = commands.add_parser("up", help="run a control plane until Ctrl-C")
    up.add_argument("--keep", action="store_true", help="keep its directory (logs, audit log, data) afterwards")
    up.add_argument("--controller-manager", action="store_true", help="run kube-controller-manager, too")
    return parser


def _build(names: list[str]) -> None:
    for name in names or pins.names():
        print(f"{name}\t{binaries.find(name)}", flush=True)
    for component in pins.components():
        if "crds" in component.recipe and (not names or component.name in names):
            files = binaries.crds(component.name)
            print(f"{component.name} CRDs\t{files[0].parent}", flush=True)


def _up(*, keep: bool, controller_manager: bool) -> None:
    finished = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: finished.set())
    with ControlPlane(controller_manager=controller_manager, keep=keep) as plane:
        print(f"export KUBECONFIG={plane.kubeconfig()}", flush=True)
        print(f"ready at {plane.url}; logs in {plane.directory}; Ctrl-C stops it", file=sys.stderr, flush=True)
        finished.wait()


if __name__ == "__main__":
    sys.exit(main())
