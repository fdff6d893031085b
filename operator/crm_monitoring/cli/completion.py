"""`completion`: what a shell needs to complete the command line."""

import click
from click.shell_completion import get_completion_class

from crm_monitoring.cli.exits import Failure, codes

PROGRAM = "crm-monitoring"


@click.command(epilog=codes(ok="done", failed="wrong usage"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a completion script for bash, zsh or fish.

    \b
    bash:  source <(crm-monitoring completion bash)
    zsh:   source <(crm-monitoring completion zsh)
    fish:  crm-monitoring completion fish | source
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"this version of click knows no completion for {shell}")
    complete = kind(ctx.find_root().command, {}, PROGRAM, "_CRM_MONITORING_COMPLETE")
    click.echo(complete.source())
