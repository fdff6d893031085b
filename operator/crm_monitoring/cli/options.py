"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from crm_monitoring.render.settings import RenderSettings

DEFAULTS = RenderSettings()


def files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-f` and `-n`."""
    option = click.option(
        "-f",
        "--file",
        "files",
        metavar="FILE",
        multiple=True,
        required=True,
        help="File, directory or - (standard input) with CRMMonitoring resources. Can be given several times. "
        "Directories are read without their subdirectories.",
    )
    return option(namespace(command))


namespace = click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    help="Namespace of objects that name none; without it: default, with a warning.",
)

context = click.option(
    "--context",
    "context_files",
    metavar="FILE",
    multiple=True,
    help="File or directory with the manifests of the target (Deployment or StatefulSet) and its Services. "
    "Without it the cluster is assumed to be as the resource says, with a warning. Can be given several times.",
)


def _without_scheme(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if "://" in value:
        raise click.BadParameter("must be host:port without a scheme, for example blackbox-exporter:9115")
    return value


def settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the settings of the compiler; the command gets them as `settings`."""

    @click.option("--cluster", metavar="NAME", default=DEFAULTS.cluster, help="Name of the cluster, a label of alerts.")
    @click.option(
        "--prober",
        metavar="HOST:PORT",
        default=DEFAULTS.prober,
        callback=_without_scheme,
        help="Address of the blackbox exporter, without a scheme; spec.blackbox needs it.",
    )
    @click.option(
        "--runbook-base-url",
        metavar="URL",
        default=DEFAULTS.runbook_base_url,
        show_default=True,
        help="Where runbooks are published, for resources that do not say so.",
    )
    @wraps(command)
    def wrapped(*args: Any, cluster: str, prober: str, runbook_base_url: str, **kwargs: Any) -> Any:
        return command(*args, settings=RenderSettings(cluster, prober, runbook_base_url), **kwargs)

    return wrapped
