"""`render --format prometheus|grafana -o DIR`: files for people without Kubernetes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.cli.exits import say
from crm_monitoring.cli.files import File, write
from crm_monitoring.cli.loading import Loaded, valid
from crm_monitoring.cli.sources import STDIN, Place
from crm_monitoring.errors import Refused
from crm_monitoring.render import merged, plain
from crm_monitoring.render.bundle import Secrets
from crm_monitoring.render.dashboards.importing import importable
from crm_monitoring.render.documents import GENERATED, dump
from crm_monitoring.render.plain import Monitored
from crm_monitoring.render.settings import RenderSettings

KUBERNETES, PROMETHEUS, GRAFANA = "kubernetes", "prometheus", "grafana"

HEADER = f"# {GENERATED}; do not edit\n"
PLACEHOLDERS = "# Credentials are replaced by placeholders: Alertmanager loads this file and delivers nothing.\n"

_MEANT_FOR = {
    "output": (PROMETHEUS, GRAFANA),
    "force": (PROMETHEUS, GRAFANA),
    "targets": (PROMETHEUS,),
    "alertmanagers": (PROMETHEUS,),
    "prober": (KUBERNETES, PROMETHEUS),
    "secrets_from": (KUBERNETES, PROMETHEUS),
    "show_secrets": (KUBERNETES, PROMETHEUS),
    "redacted": (KUBERNETES, PROMETHEUS),
    "context_files": (KUBERNETES,),
    "include_patch": (KUBERNETES,),
}
"""Formats for which a parameter means something; those that are not here are for all."""

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?):([0-9]{1,5})")


class Values(Enum):
    """What becomes of the credentials of notifications."""

    LEFT_OUT = auto()
    REDACTED = auto()
    SHOWN = auto()


@dataclass(frozen=True, slots=True)
class Destination:
    """In which form, and where to."""

    format: str
    directory: str = ""
    """Empty for standard output."""
    force: bool = False
    targets: tuple[str, ...] = ()
    alertmanagers: tuple[str, ...] = ()


def _addresses(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        match = _ADDRESS.fullmatch(value)
        if match is None or not 1 <= int(match[1]) <= 65535:
            raise click.BadParameter(f"{value}: must be host:port without a scheme, for example crm-api:8000")
    return values


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the formats; the command gets them as `destination`."""

    @click.option(
        "--format",
        "format_",
        type=click.Choice([KUBERNETES, PROMETHEUS, GRAFANA]),
        default=KUBERNETES,
        show_default=True,
        help="Manifests on standard output, or files in the directory that -o names.",
    )
    @click.option("-o", "--output", metavar="DIR", help="Directory for the files of the other formats; it is created.")
    @click.option("--force", is_flag=True, help="Overwrite files, too, that render did not write.")
    @click.option(
        "--target",
        "targets",
        metavar="HOST:PORT",
        multiple=True,
        callback=_addresses,
        help="Address of a replica of the CRM, for --format prometheus. Can be given several times. "
        "Without it the name of the target, and port 8000 unless spec.metrics.port is a number.",
    )
    @click.option(
        "--alertmanager",
        "alertmanagers",
        metavar="HOST:PORT",
        multiple=True,
        callback=_addresses,
        help="Address of an Alertmanager, for --format prometheus. Can be given several times. "
        f"Without it {plain.DEFAULT_ALERTMANAGER} if a resource has notifications.",
    )
    @wraps(command)
    def wrapped(
        *args: Any,
        format_: str,
        output: str | None,
        force: bool,
        targets: tuple[str, ...],
        alertmanagers: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        _check_usage(click.get_current_context(), format_, output)
        destination = Destination(format_, output or "", force, targets, alertmanagers)
        return command(*args, destination=destination, **kwargs)

    return wrapped


def _check_usage(ctx: click.Context, form: str, output: str | None) -> None:
    for parameter in ctx.command.params:
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and form not in _MEANT_FOR.get(name, (form,)):
            raise click.UsageError(f"{parameter.opts[-1]} is for --format {' and '.join(_MEANT_FOR[name])}")
    if form != KUBERNETES and output in (None, "", STDIN):
        raise click.UsageError(
            f"--format {form} writes several files: name a directory with -o DIR, not standard output"
        )


def write_prometheus(
    loaded: Iterable[Loaded],
    destination: Destination,
    secrets: Callable[[CRMMonitoring], Secrets],
    settings: RenderSettings,
    values: Values,
) -> bool:
    """Write the files for Prometheus and Alertmanager; return whether something could not be rendered."""
    resources = valid(loaded)
    scraped = [resource for _, resource in resources if plain.scraped(resource)]
    if destination.targets and len(scraped) != 1:
        raise click.UsageError(f"--target needs exactly one resource that is scraped; there are {len(scraped)}")
    results = []
    for place, resource in resources:
        targets = destination.targets if plain.scraped(resource) else ()
        result = plain.monitored(resource, secrets(resource), settings, targets)
        _tell(place, result)
        results.append(result)
    files = [_yaml(plain.RULES, plain.rule_file(results))]
    if any(result.jobs for result in results):
        files.append(_yaml(plain.SCRAPING, plain.scrape_file(results)))
    files.append(_yaml(plain.PROMETHEUS, plain.prometheus_file(results, destination.alertmanagers)))
    held = any(result.problems for result in results)
    routing = _alertmanager(results, values)
    if isinstance(routing, File):
        files.append(routing)
    elif routing:
        say(f"{plain.ALERTMANAGER} is left out: {routing}")
        held = held or values is not Values.LEFT_OUT
    write(destination.directory, files, force=destination.force)
    return held


def write_grafana(loaded: Iterable[Loaded], settings: RenderSettings, destination: Destination) -> None:
    """Write the dashboards."""
    files = [
        File(name, content)
        for _, resource in valid(loaded)
        for name, content in sorted(importable(resource, settings.cluster).items())
    ]
    write(destination.directory, files, force=destination.force)


def _tell(place: Place, result: Monitored) -> None:
    for warning in result.warnings:
        say(f"{place}: warning: {warning}")
    for problem in result.problems:
        say(f"{place}: {problem}")


def _alertmanager(results: list[Monitored], values: Values) -> File | str:
    """Return the file, or why there is none; empty when nobody is to be notified.

    A file without one resource's routes would end that resource's notifications, so it is all or none.
    """
    notifying = [result for result in results if result.notifies]
    fragments = [result.fragment for result in notifying if result.fragment]
    if not notifying:
        return ""
    if len(fragments) < len(notifying):
        return "the notifications of a resource cannot be rendered"
    if values is Values.LEFT_OUT:
        return "it holds credentials. --redacted shows its shape, --secrets-from with --show-secrets its values"
    redacted = values is Values.REDACTED
    try:
        content = merged.merge(map(merged.redacted, fragments) if redacted else fragments).decode()
    except Refused as error:
        return error.message
    return File(plain.ALERTMANAGER, HEADER + (PLACEHOLDERS if redacted else "") + content, secret=not redacted)


def _yaml(name: str, content: dict[str, Any]) -> File:
    return File(name, HEADER + dump([content]))
