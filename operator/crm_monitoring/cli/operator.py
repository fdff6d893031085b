"""`operator`: the process that runs in the cluster."""

import asyncio
import errno
import os
import re
import secrets
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import click
from structlog.typing import FilteringBoundLogger

from crm_monitoring.cli import options
from crm_monitoring.cli.exits import FOUND, Failure, codes
from crm_monitoring.cluster.connection import SERVICE_ACCOUNT
from crm_monitoring.cluster.lease import Timing
from crm_monitoring.controller import logs
from crm_monitoring.controller.process import Process
from crm_monitoring.controller.settings import Settings
from crm_monitoring.controller.shard import Shard
from crm_monitoring.errors import MonitoringError, Problem, SettingsError
from crm_monitoring.render.settings import RenderSettings

ENVIRONMENT_PREFIX = "CRM_OPERATOR"
"""Every option is also read from the environment: --poll-seconds from CRM_OPERATOR_POLL_SECONDS."""

_NO_ADDRESS = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DEFAULTS = Settings()
_TIMING = _DEFAULTS.lease_timing

_OPTIONS = (
    click.option(
        "--kubeconfig", metavar="FILE", help="Default: $KUBECONFIG, the pod's service account, ~/.kube/config."
    ),
    click.option("--context", metavar="NAME", help="Context of the kubeconfig file. Default: its current one."),
    click.option(
        "-n",
        "--namespace",
        "namespaces",
        metavar="NAME",
        multiple=True,
        help="Namespace to watch; can be given several times. Default: all. In CRM_OPERATOR_NAMESPACES: separated by spaces.",
    ),
    click.option(
        "--shard",
        metavar="NUMBER/TOTAL",
        default=str(_DEFAULTS.shard),
        show_default=True,
        help="Serve a part of the namespaces: 2/3 is the second of three operators.",
    ),
    click.option(
        "--leader-election/--no-leader-election",
        default=_DEFAULTS.leader_election,
        show_default=True,
        help="Whether replicas agree on one that writes.",
    ),
    click.option(
        "--lease-namespace", metavar="NAME", help="Namespace of the Lease. Default: that of the pod, else default."
    ),
    click.option(
        "--lease-name", metavar="NAME", default=_DEFAULTS.lease_name, show_default=True, help="Name of the Lease."
    ),
    click.option(
        "--lease-duration-seconds",
        type=float,
        default=_TIMING.duration,
        show_default=True,
        help="How long a silent leader is waited for.",
    ),
    click.option(
        "--lease-renew-deadline-seconds",
        type=float,
        default=_TIMING.renew_deadline,
        show_default=True,
        help="When a leader that cannot renew stops.",
    ),
    click.option(
        "--lease-retry-seconds", type=float, default=_TIMING.retry, show_default=True, help="Time between two attempts."
    ),
    click.option("--identity", metavar="TEXT", help="Name of this replica. Default: host name and a random suffix."),
    click.option(
        "--host",
        metavar="ADDRESS",
        default=_DEFAULTS.host,
        show_default=True,
        help="Where /metrics and probes are served.",
    ),
    click.option(
        "--port",
        type=int,
        default=_DEFAULTS.port,
        show_default=True,
        help="Port of /metrics, /healthz and /readyz; 0: any.",
    ),
    click.option(
        "--workers", type=int, default=_DEFAULTS.workers, show_default=True, help="Passes at the same time, 1 to 64."
    ),
    click.option(
        "--max-requests-per-second",
        type=float,
        default=_DEFAULTS.max_requests_per_second,
        show_default=True,
        help="Most requests to the API server in a second, on average.",
    ),
    click.option(
        "--resync-seconds",
        type=float,
        default=_DEFAULTS.resync_seconds,
        show_default=True,
        help="How often the resources are listed again, give or take a fifth; everything else half as often.",
    ),
    click.option(
        "--poll-seconds",
        type=float,
        default=_DEFAULTS.poll_seconds,
        show_default=True,
        help="How often each Secret in use is read again, give or take a fifth.",
    ),
    click.option(
        "--log-level",
        type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
        metavar="[DEBUG|INFO|WARNING|ERROR]",
        default=_DEFAULTS.log_level,
        show_default=True,
        help="Lowest level that is logged.",
    ),
    click.option(
        "--log-format",
        type=click.Choice(["json", "console"]),
        default=_DEFAULTS.log_format,
        show_default=True,
        help="json: one object a line.",
    ),
)


def _flags(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(
    context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX},
    epilog=codes(
        ok="ended by SIGTERM or SIGINT",
        found="the Lease was lost, or something happened that should not; the log says where",
        failed="a setting is wrong, or packages are missing",
    ),
)
@_flags
@options.settings
def command(**given: Any) -> None:
    """Run the operator until SIGTERM.

    Every option can be set in the environment: --poll-seconds as CRM_OPERATOR_POLL_SECONDS. Logs go to standard output.
    """
    settings = settings_of(**given)
    logger = logs.configure(settings.log_level, settings.log_format)
    raise click.exceptions.Exit(exit_code_of(Process(settings, logger).run, settings, logger))


def exit_code_of(run: Callable[[], Coroutine[Any, Any, int]], settings: Settings, logger: FilteringBoundLogger) -> int:
    """Run the process to its end. What should not happen is logged by class and place: its text may hold anything."""
    try:
        return asyncio.run(run())
    except MonitoringError:
        raise
    except OSError as error:
        if error.errno not in _NO_ADDRESS:
            return _crashed(error, logger)
        raise Failure(f"--host and --port: cannot listen on {settings.host}:{settings.port}") from None
    except Exception as error:
        return _crashed(error, logger)


def _crashed(error: Exception, logger: FilteringBoundLogger) -> int:
    logger.critical(
        "Operator crashed",
        event_name="operator_crashed",
        error=type(error).__name__,
        frames=logs.frames(error.__traceback__),
    )
    return FOUND


def settings_of(
    *,
    settings: RenderSettings,
    namespaces: Sequence[str],
    shard: str,
    lease_namespace: str | None,
    lease_duration_seconds: float,
    lease_renew_deadline_seconds: float,
    lease_retry_seconds: float,
    identity: str | None,
    log_level: str,
    **others: Any,
) -> Settings:
    """Return the settings that options stand for. Raise Failure with every problem, one a line."""
    problems = [
        Problem("namespace", "must be the name of a namespace; give the option once for each")
        for name in namespaces
        if not _NAMESPACE.fullmatch(name)
    ]
    part = _DEFAULTS.shard
    try:
        part = Shard.parse(shard)
    except ValueError as error:
        problems.append(Problem("shard", str(error)))
    timing = _TIMING
    try:
        timing = Timing(lease_duration_seconds, lease_renew_deadline_seconds, lease_retry_seconds)
    except ValueError:
        message = "must exceed lease-renew-deadline-seconds, and that twice lease-retry-seconds, which must exceed 0"
        problems.append(Problem("lease-duration-seconds", message))
    try:
        built = Settings(
            namespaces=tuple(dict.fromkeys(namespaces)),
            shard=part,
            lease_namespace=lease_namespace or _own_namespace(),
            lease_timing=timing,
            identity=identity or f"{socket.gethostname()}-{secrets.token_hex(4)}",
            log_level=log_level.upper(),
            render=settings,
            **others,
        )
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise Failure("\n".join(f"--{problem}" for problem in sorted(set(problems))))
    return built


def _own_namespace() -> str:
    """Return the namespace of the pod that this is, or the default for a process outside of the cluster."""
    if not os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _DEFAULTS.lease_namespace
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text(encoding="ascii").strip()
    except OSError:
        return _DEFAULTS.lease_namespace
