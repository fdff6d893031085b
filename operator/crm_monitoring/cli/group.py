"""The group of commands. A command's module is imported when the command runs, so `render` never pays for `operator`."""

import os
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from crm_monitoring import __version__
from crm_monitoring.cli.exits import Failure, codes
from crm_monitoring.errors import MonitoringError

COMMANDS = {
    "render": "Compile resources to manifests, without a cluster.",
    "validate": "Say everything that is wrong with resources, without a cluster.",
    "diff": "Show what the operator would change in a cluster.",
    "crd": "Print the CustomResourceDefinition.",
    "operator": "Run the operator.",
    "completion": "Print a completion script for a shell.",
    "version": "Print the version.",
}
"""Every command with its help in one line; each is the object `command` of the module with its name."""


class LazyGroup(click.Group):
    """Knows names and short helps of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. Raise Failure when it needs packages that are not installed."""
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = import_module(f"crm_monitoring.cli.{cmd_name}").command
        except ModuleNotFoundError as error:
            if str(error.name).startswith("crm_monitoring"):
                raise
            message = (
                f"{cmd_name} needs the Python package {error.name}; pip install 'crm-monitoring[operator]' brings it"
            )
            raise Failure(message) from None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands for --help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin with what was typed."""
        return [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; errors that are ours become one message."""
        try:
            return super().invoke(ctx)
        except MonitoringError as error:
            raise Failure(error.message) from None


@click.group(cls=LazyGroup, epilog=codes(ok="done", found="problems or differences were found", failed="wrong usage"))
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Monitoring of a CRM communication engine from one CRMMonitoring resource.

    Data goes to standard output, everything else to standard error. NO_COLOR is honoured.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False
