"""What the compiler must know of the cluster, from manifests in files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.cli.exits import Failure
from crm_monitoring.cli.loading import DEFAULT_NAMESPACE
from crm_monitoring.cli.sources import Source, read_whole
from crm_monitoring.manifest import DEPLOYMENT, SERVICE, STATEFUL_SET, Kind
from crm_monitoring.render.observed import Observed, Service, Workload

READ = (DEPLOYMENT, STATEFUL_SET, SERVICE)
"""Kinds that are looked at; everything else in a context file is passed over."""


@dataclass(frozen=True, slots=True)
class Context:
    """Workloads and Services by namespace. Without objects the compiler makes its assumptions."""

    objects: tuple[Mapping[str, Any], ...] | None = None
    """None: no context was given."""
    namespace: str = DEFAULT_NAMESPACE
    """Namespace of objects that name none."""

    def observed(self, resource: CRMMonitoring) -> Observed:
        """Return what the files say of the namespace of a resource."""
        if self.objects is None:
            return Observed(complete=False)
        here = [
            each
            for each in self.objects
            if each["metadata"].get("namespace", self.namespace) == resource.metadata.namespace
        ]
        target = resource.spec.target
        workload = next(
            (each for each in here if (each["kind"], each["metadata"]["name"]) == (target.kind, target.name)), None
        )
        return Observed.of(workload, [each for each in here if each["kind"] == SERVICE.name])


def load_context(names: Iterable[str], namespace: str | None) -> Context:
    """Return the context in files; none for no files. Raise Failure for an object that is not complete."""
    files = tuple(names)
    default = namespace or DEFAULT_NAMESPACE
    if not files:
        return Context(namespace=default)
    wanted = {(kind.api_version, kind.name): kind for kind in READ}
    objects = []
    for source in read_whole(files):
        kind = wanted.get((str(source.body.get("apiVersion")), source.body["kind"]))
        if kind:
            _check(source, kind)
            objects.append(source.body)
    return Context(tuple(objects), default)


def _check(source: Source, kind: Kind) -> None:
    try:
        source.body["metadata"].get("namespace")
        (Service if kind is SERVICE else Workload).of(source.body)
    except (AttributeError, KeyError, TypeError):
        needed = "metadata.name and spec" if kind is SERVICE else "metadata.name and spec.template with its containers"
        raise Failure(f"{source.place}: is not a complete {kind.name}: it needs {needed}") from None
