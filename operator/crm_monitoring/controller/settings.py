"""What the administrator decides: built once from flags and environment, passed to whoever needs it."""

from dataclasses import dataclass, field

from crm_monitoring.cluster.lease import Timing
from crm_monitoring.controller.shard import Shard
from crm_monitoring.errors import Problem, SettingsError
from crm_monitoring.render.settings import RenderSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the operator process. Raise SettingsError with every problem when one is out of bounds."""

    kubeconfig: str | None = None
    """Path of a kubeconfig file; None: $KUBECONFIG, the pod's service account, or ~/.kube/config."""
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    """Watched namespaces; empty: the whole cluster."""
    shard: Shard = field(default_factory=Shard)
    """Which part of the namespaces this operator serves; each shard has a Lease of its own."""
    leader_election: bool = True
    lease_namespace: str = "default"
    lease_name: str = "crm-monitoring-operator"
    lease_timing: Timing = field(default_factory=Timing)
    identity: str = "crm-monitoring-operator"
    """Name of this replica, unique among replicas: the holder of the Lease and the reporter of Events."""
    host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from outside of the pod
    port: int = 8080
    """Port of /metrics, /healthz and /readyz; 0 picks a free one and logs it."""
    workers: int = 8
    max_requests_per_second: float = 1000.0
    """Most requests to the API server in a second, on average; those for the Lease are not counted."""
    resync_seconds: float = 300.0
    """How often the resources are listed again, give or take a fifth; everything else half as often."""
    poll_seconds: float = 60.0
    """How often what is not watched is read again, give or take a fifth: Secrets, and foreign objects in our way."""
    log_level: str = "INFO"
    log_format: str = "json"
    render: RenderSettings = field(default_factory=RenderSettings)

    def __post_init__(self) -> None:
        problems = [
            Problem(name, f"must be from {low} to {high}")
            for name, value, low, high in (
                ("port", self.port, 0, 65535),
                ("workers", self.workers, 1, 64),
                ("max-requests-per-second", self.max_requests_per_second, 1, 100_000),
                ("resync-seconds", self.resync_seconds, 1, 86400),
                ("poll-seconds", self.poll_seconds, 1, 3600),
            )
            if not low <= value <= high
        ]
        if self.render.prober and "://" in self.render.prober:
            problems.append(Problem("prober", "must be host:port without a scheme, for example blackbox-exporter:9115"))
        if problems:
            raise SettingsError(problems)
