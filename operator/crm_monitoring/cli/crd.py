"""`crd`: the CustomResourceDefinition that is generated from the models."""

import click

from crm_monitoring.api.crd.document import crd
from crm_monitoring.cli.exits import codes
from crm_monitoring.render.documents import dump


@click.command(epilog=codes(ok="done"))
def command() -> None:
    """Print the CustomResourceDefinition.

    Apply it with: crm-monitoring crd | kubectl apply --server-side -f -
    """
    click.echo(dump([crd()]), nl=False)
