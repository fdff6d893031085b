"""`render`: the compiler without a cluster."""

from collections.abc import Iterable

import click

from crm_monitoring.cli import formats, options
from crm_monitoring.cli.compiling import Compiled, compiled, shares, standalone
from crm_monitoring.cli.context import load_context
from crm_monitoring.cli.credentials import SecretFile, placeholders
from crm_monitoring.cli.exits import FOUND, codes, say
from crm_monitoring.cli.formats import KUBERNETES, PROMETHEUS, Values
from crm_monitoring.cli.loading import Loaded, load_files
from crm_monitoring.errors import Refused
from crm_monitoring.manifest import WORKLOAD_KINDS, Manifest, ObjectKey
from crm_monitoring.render import merged
from crm_monitoring.render.bundle import Fragment
from crm_monitoring.render.documents import dump
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.render.workload import workload_patch

PATCH_COMMENT = """\
# A part of an object that exists. Apply it under a name of its own, or what you applied before would be removed:
#   kubectl apply --server-side --field-manager=crm-monitoring-operator -f FILE
"""


@click.command(
    epilog=codes(
        ok="everything was rendered",
        found="a resource is invalid (then nothing is printed), or some of its objects cannot be rendered",
        failed="wrong usage, or a file cannot be read",
    )
)
@options.files
@options.context
@click.option(
    "--include-patch",
    is_flag=True,
    help="Add the fields that spec.workload sets, as a partial workload for kubectl apply --server-side --field-manager=...",
)
@click.option(
    "--secrets-from",
    metavar="FILE",
    multiple=True,
    help="File or directory with the Secrets that the resources name; their values are checked.",
)
@click.option("--show-secrets", is_flag=True, help="Print the notification Secret with the values of --secrets-from.")
@click.option(
    "--redacted",
    is_flag=True,
    help="Print the notification Secret in plain text with placeholders. For reading, not to be applied.",
)
@formats.options
@options.settings
def command(
    *,
    files: tuple[str, ...],
    namespace: str | None,
    context_files: tuple[str, ...],
    include_patch: bool,
    secrets_from: tuple[str, ...],
    show_secrets: bool,
    redacted: bool,
    destination: formats.Destination,
    settings: RenderSettings,
) -> None:
    """Compile CRMMonitoring resources to the manifests that the operator would apply.

    The output is YAML for `kubectl apply -f -`, with the same bytes for the same input. It has no ownerReferences and no
    owner-uid label, because offline there is no uid: objects applied this way are yours, and an operator that is
    installed later reports NameConflict instead of touching them.

    The notification Secret is left out unless --show-secrets or --redacted asks for it.

    \b
    Without Kubernetes:
      --format prometheus -o DIR   rules.yml, scrape_config.yml, prometheus.yml and alertmanager.yml
      --format grafana -o DIR      one dashboard a file, for Grafana's import
    """
    if show_secrets and redacted:
        raise click.UsageError("--show-secrets and --redacted exclude each other")
    if show_secrets and not secrets_from:
        raise click.UsageError("--show-secrets needs --secrets-from")
    loaded = load_files(files, namespace)
    if _tell_problems(loaded):
        raise click.exceptions.Exit(FOUND)
    secrets = SecretFile(secrets_from, namespace).for_resource if secrets_from else placeholders
    values = Values.SHOWN if show_secrets else Values.REDACTED if redacted else Values.LEFT_OUT
    if destination.format == KUBERNETES:
        results = compiled(loaded, load_context(context_files, namespace), secrets, settings)
        held = _print(results, values, include_patch=include_patch)
    elif destination.format == PROMETHEUS:
        held = formats.write_prometheus(loaded, destination, secrets, settings, values)
    else:
        formats.write_grafana(loaded, settings, destination)
        held = False
    if held:
        raise click.exceptions.Exit(FOUND)


def _print(results: list[Compiled], values: Values, *, include_patch: bool) -> bool:
    """Print the manifests; return whether something could not be rendered."""
    text = "".join(_text(each, include_patch=include_patch) for each in results)
    held = _tell_findings(results)
    for key, fragments in shares(results).items():
        if values is Values.LEFT_OUT:
            say(f"{key} is left out: it holds credentials. --redacted shows its shape, --show-secrets its values")
            continue
        try:
            text += dump([standalone(_secret(key, fragments, redacted=values is Values.REDACTED))])
        except Refused as error:
            say(f"{key}: {error.message}")
            held = True
    click.echo(text, nl=False)
    return held


def _text(result: Compiled, *, include_patch: bool) -> str:
    text = dump(map(standalone, result.bundle.children))
    fields = result.bundle.workload
    if fields is None:
        return text
    target = result.resource.spec.target
    if not include_patch:
        say(f"{result.place}: the fields of {target.kind} {target.name} are left out; --include-patch adds them")
        return text
    kind = next(kind for kind in WORKLOAD_KINDS if kind.name == target.kind)
    patch = dump([workload_patch(result.resource, fields, kind)])
    return text + patch.replace("---\n", f"---\n{PATCH_COMMENT}", 1)


def _secret(key: ObjectKey, fragments: list[Fragment], *, redacted: bool) -> Manifest:
    if redacted:
        return merged.redacted_secret(key.namespace, key.name, (), fragments)
    return merged.merged_secret(key.namespace, key.name, (), merged.merge(fragments))


def _tell_problems(loaded: Iterable[Loaded]) -> bool:
    invalid = False
    for each in loaded:
        for problem in each.problems:
            say(f"{each.place}: {problem}")
            invalid = True
        for warning in each.warnings:
            say(f"{each.place}: warning: {warning}")
    return invalid


def _tell_findings(results: Iterable[Compiled]) -> bool:
    held = False
    for each in results:
        for warning in each.bundle.warnings:
            say(f"{each.place}: warning: {warning}")
        for finding in each.bundle.findings:
            say(f"{each.place}: {finding.condition}=False/{finding.reason}: {finding.message}")
            held = True
    return held
