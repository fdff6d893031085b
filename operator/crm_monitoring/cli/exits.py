"""How commands end: exit codes and what is said on standard error. Standard output carries data only."""

import click

OK = 0
FOUND = 1
"""Something is wrong with the resources; for `diff`: there are differences."""
FAILED = 2
"""Wrong usage, an unreadable file, or a cluster that did not answer: nothing was decided."""


class Failure(click.ClickException):
    """The command cannot do its work: one message, no traceback, exit code 2."""

    exit_code = FAILED

    def show(self, file: object = None) -> None:
        """Write the message to standard error."""
        say(f"Error: {self.format_message()}")


def say(text: str) -> None:
    """Tell the person at the terminal."""
    click.echo(text, err=True)


def codes(**meanings: str) -> str:
    """Return the part of a help text that lists exit codes: `codes(ok="...", found="...", failed="...")`."""
    numbers = {"ok": OK, "found": FOUND, "failed": FAILED}
    lines = [f"  {numbers[name]}  {meaning}" for name, meaning in meanings.items()]
    return "\b\n" + "\n".join(["Exit codes:", *lines])
