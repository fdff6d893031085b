"""The compiler: one resource, and what must be known of the cluster, become everything that monitors it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_monitoring.api.conditions import Finding
from crm_monitoring.manifest import Manifest, ObjectKey
from crm_monitoring.sealed import Sealed

Secrets = Mapping[str, Mapping[str, Sealed] | None]
"""Contents of the Secrets that a resource names, by name; None for a Secret that does not exist."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One resource's share of a merged alertmanager.yaml. It holds credentials, so it has no readable form."""

    secret_name: str
    routes: tuple[Mapping[str, Any], ...] = field(repr=False)
    receivers: tuple[Mapping[str, Any], ...] = field(repr=False)
    inhibit_rules: tuple[Mapping[str, Any], ...] = field(repr=False, default=())
    time_intervals: tuple[Mapping[str, Any], ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class WorkloadFields:
    """The fields that `spec.workload` asks for, on one container of the target."""

    container: str
    probes: Mapping[str, Mapping[str, Any]]
    """Complete probes by the name of their field: readinessProbe, livenessProbe, startupProbe."""
    env: Mapping[str, str]
    """Values by the name of the variable."""


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """How many rules a resource became."""

    recording: int = 0
    alerting: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What one builder makes of the resource."""

    children: tuple[Manifest, ...] = ()
    held: frozenset[ObjectKey] = frozenset()
    """Children that cannot be computed now; whatever exists under these keys stays as it is."""
    findings: tuple[Finding, ...] = ()
    """What keeps a condition from being True."""
    warnings: tuple[str, ...] = ()
    """What a person should know although everything is in place."""
    fragment: Fragment | None = None
    fragment_held: bool = False
    """True when notifications go to a merged Secret but the fragment cannot be computed now: keep the last good one."""
    workload: WorkloadFields | None = None


@dataclass(frozen=True, slots=True)
class Bundle(Part):
    """Everything that a resource asks for, in the order in which it is applied."""

    rules: RuleCounts = RuleCounts()
