"""The programs `crm-monitoring` and `kubectl-crm`."""

import sys
from pathlib import Path

try:
    from crm_monitoring.cli.group import cli
except ModuleNotFoundError as error:
    sys.exit(f"crm-monitoring: Python package {error.name} is missing; pip install 'crm-monitoring[cli]' brings it")

NAMES = {"kubectl-crm": "kubectl crm"}
"""Names of the executable under which usage lines say something else; kubectl runs its plugins under such names."""


def main() -> None:
    """Run the command line and end the process."""
    called = Path(sys.argv[0]).name
    cli(prog_name=NAMES.get(called, "crm-monitoring"))
