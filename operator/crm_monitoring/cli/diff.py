"""`diff`: what the operator would change in a cluster."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.cli import options
from crm_monitoring.cli.differences import changes
from crm_monitoring.cli.exits import FAILED, FOUND, codes, say
from crm_monitoring.cli.live import Plan, Planned, plan
from crm_monitoring.cli.live_secrets import plan_secrets
from crm_monitoring.cli.loading import load_files
from crm_monitoring.cluster.connection import Connection
from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.cluster.port import Reader
from crm_monitoring.reconcile.outcome import PLANNED, State
from crm_monitoring.reconcile.workload.verdicts import CHANGES, SlotState, Verdict
from crm_monitoring.render.settings import RenderSettings

_WORDS = {
    State.IN_SYNC: "unchanged",
    State.HELD: "kept as it is",
    State.WOULD_CREATE: "would create",
    State.WOULD_CHANGE: "would change",
    State.WOULD_DELETE: "would delete",
    State.CONFLICT: "name is taken",
    State.FAILED: "not possible",
}

_LATER = frozenset({SlotState.RATE_LIMITED, SlotState.WAITING_FOR_ROLLOUT})
"""States of fields that change once the target has had its rest."""

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command(
    epilog=codes(
        ok="nothing would change",
        found="something would change",
        failed="wrong usage, an invalid resource, or a cluster that cannot be read",
    )
)
@options.files
@click.option("--kubeconfig", metavar="FILE", help="Default: $KUBECONFIG, the pod's service account, ~/.kube/config.")
@click.option("--context-name", metavar="NAME", help="Context of the kubeconfig file. Default: its current one.")
@options.settings
def command(
    *,
    files: tuple[str, ...],
    namespace: str | None,
    kubeconfig: str | None,
    context_name: str | None,
    settings: RenderSettings,
) -> None:
    """Show what the operator would change in a cluster for CRMMonitoring resources. It reads only.

    It needs the permissions get and list on what the operator manages, Secrets included. Values of Secrets are masked.
    --cluster, --prober and --runbook-base-url must be those of the operator.
    """
    resources = _valid(files, namespace)
    connection = Connection.load(kubeconfig, context=context_name)
    plans, secrets = asyncio.run(_read(connection, resources, settings))
    different = False
    for each in plans:
        _tell(each)
        different |= _show(each.objects) | _show_fields(each)
    if _show(secrets) or different:
        raise click.exceptions.Exit(FOUND)


def _valid(files: Iterable[str], namespace: str | None) -> list[CRMMonitoring]:
    loaded = load_files(files, namespace)
    problems = [f"{each.place}: {problem}" for each in loaded for problem in each.problems]
    if problems:
        say("\n".join(problems))
        raise click.exceptions.Exit(FAILED)
    return [each.resource for each in loaded if each.resource is not None]


async def _read(
    connection: Connection, resources: Iterable[CRMMonitoring], settings: RenderSettings
) -> tuple[list[Plan], list[Planned]]:
    async with KubeCluster(connection, may_write=lambda: False) as cluster:
        return await plans_of(cluster, resources, settings, datetime.now(UTC))


async def plans_of(
    cluster: Reader, resources: Iterable[CRMMonitoring], settings: RenderSettings, now: datetime
) -> tuple[list[Plan], list[Planned]]:
    """Return the plan for each resource, and what would become of their notification Secrets. Raise ClusterError."""
    plans = [await plan(cluster, resource, settings, now) for resource in resources]
    return plans, await plan_secrets(cluster, plans)


def _tell(plan: Plan) -> None:
    """Say what a person must know besides the differences."""
    name = f"{plan.resource.metadata.namespace}/{plan.resource.metadata.name}"
    if plan.resource.spec.mode == "Observe":
        say(f"{name}: spec.mode is Observe: the operator writes none of this")
    for finding in plan.findings:
        say(f"{name}: {finding.condition}=False/{finding.reason}: {finding.message}")
    for warning in plan.bundle.warnings:
        say(f"{name}: warning: {warning}")
    if plan.claimed_by:
        target = plan.resource.spec.target
        say(
            f"{name}: {target.kind} {target.name} belongs to CRMMonitoring {plan.claimed_by}; its fields stay as they are"
        )


def _show(objects: Iterable[Planned]) -> bool:
    """Print one line an object, and the differences of those that would change. Return whether anything differs."""
    different = False
    for each in objects:
        different |= each.state in PLANNED
        click.echo(f"{_WORDS[each.state]}  {each.key}" + (f": {each.message}" if each.message else ""))
        if each.state is State.WOULD_CHANGE and each.desired and each.live:
            for line in changes(each.desired, each.live):
                click.echo(click.style(line, fg=_COLOURS.get(line[:1])))
    return different


def _show_fields(plan: Plan) -> bool:
    different = False
    target = plan.resource.spec.target
    for verdict in plan.fields:
        different |= verdict.state in CHANGES | _LATER
        click.echo(f"{_word(verdict)}  {target.kind} {plan.resource.metadata.namespace}/{target.name}: {verdict.slot}")
    return different


def _word(verdict: Verdict) -> str:
    if verdict.state in CHANGES:
        return "would change"
    if verdict.state in _LATER:
        return f"would change later ({verdict.state})"
    return "unchanged" if verdict.is_fine else f"not possible ({verdict.state})"
