"""What the compiler must know of the cluster: the target workload, the Services that select it, every Prometheus."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_monitoring.manifest import labels_of
from crm_monitoring.render.selectors import matches

SelectorSpec = Mapping[str, Any]
"""A Kubernetes label selector as objects hold it."""


@dataclass(frozen=True, slots=True)
class Port:
    """A named port of a container or of a Service."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the pod template."""

    name: str
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """The target: what its pods look like."""

    kind: str
    name: str
    pod_labels: Mapping[str, str]
    containers: tuple[Container, ...]
    selector: Mapping[str, str] = field(default_factory=dict)
    """The workload's matchLabels: unlike the labels of its pods they never change. Empty when it has other matchers."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Return the labels that tell the workload's pods from others, during a rollout too."""
        return self.selector or self.pod_labels

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Workload":
        """Return the part of a Deployment or StatefulSet that the compiler uses."""
        template = manifest["spec"]["template"]
        containers = tuple(
            Container(
                container["name"],
                tuple(Port(p.get("name", ""), p["containerPort"]) for p in container.get("ports") or ()),
            )
            for container in template["spec"].get("containers") or ()
        )
        selector = manifest["spec"].get("selector") or {}
        fixed = {} if selector.get("matchExpressions") else selector.get("matchLabels") or {}
        return cls(manifest["kind"], manifest["metadata"]["name"], labels_of(template), containers, fixed)


@dataclass(frozen=True, slots=True)
class Service:
    """A Service: what it selects and exposes."""

    name: str
    labels: Mapping[str, str]
    selector: Mapping[str, str]
    ports: tuple[Port, ...]

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Service":
        """Return the part of a Service that the compiler uses."""
        spec = manifest.get("spec") or {}
        ports = tuple(Port(p.get("name", ""), p["port"]) for p in spec.get("ports") or ())
        return cls(manifest["metadata"]["name"], labels_of(manifest), spec.get("selector") or {}, ports)

    def selects(self, workload: Workload) -> bool:
        """Return whether the Service sends traffic to the workload's pods."""
        return bool(self.selector) and self.selector.items() <= dict(workload.pod_labels).items()


DEFAULT_RETENTION = "24h"
"""What prometheus-operator sets where a Prometheus says neither how long nor how much it keeps."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus object: which rules it runs, and how far back they can look."""

    namespace: str
    name: str
    retention: str
    """As Prometheus writes durations; empty when rules may look back further than can be told."""
    rule_selector: SelectorSpec | None
    """None selects nothing."""
    rule_namespaces: SelectorSpec | None
    """None is the Prometheus' own namespace."""

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Prometheus":
        """Return the part of a Prometheus that the compiler uses."""
        spec, metadata = manifest.get("spec") or {}, manifest["metadata"]
        limited = spec.get("retention") or ("" if spec.get("retentionSize") else DEFAULT_RETENTION)
        return cls(
            metadata["namespace"],
            metadata["name"],
            "" if spec.get("remoteRead") else limited,
            spec.get("ruleSelector"),
            spec.get("ruleNamespaceSelector"),
        )

    def runs_rules(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Return whether it runs the rules of an object, as far as can be told.

        A selector on the labels of namespaces counts as matching: the operator does not read Namespaces.
        """
        if self.rule_selector is None or not matches(self.rule_selector, labels):
            return False
        return self.rule_namespaces is not None or namespace == self.namespace


@dataclass(frozen=True, slots=True)
class Observed:
    """A snapshot of what the compiler may look at: in the namespace of the resource, and every Prometheus.

    `complete` is False on the command line without `--context`: then the target is assumed to be as the resource
    says, and the bundle carries a warning instead of a finding.
    """

    workload: Workload | None = None
    services: tuple[Service, ...] = ()
    complete: bool = True
    prometheuses: tuple[Prometheus, ...] = ()

    @classmethod
    def of(
        cls,
        workload: Mapping[str, Any] | None,
        services: Iterable[Mapping[str, Any]],
        prometheuses: Iterable[Mapping[str, Any]] = (),
    ) -> "Observed":
        """Return the snapshot of live objects; Services that do not select the workload are left out."""
        seen = tuple(sorted(map(Prometheus.of, prometheuses), key=lambda each: (each.namespace, each.name)))
        if workload is None:
            return cls(prometheuses=seen)
        target = Workload.of(workload)
        selecting = (service for service in map(Service.of, services) if service.selects(target))
        return cls(target, tuple(sorted(selecting, key=lambda service: service.name)), prometheuses=seen)
