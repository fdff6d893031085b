"""`version`."""

import click

from crm_monitoring import __version__
from crm_monitoring.cli.exits import codes


@click.command(epilog=codes(ok="done"))
def command() -> None:
    """Print the version."""
    click.echo(__version__)
