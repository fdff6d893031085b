"""The compiler as `render` and `validate` use it: resources of files in, bundles and merged Secrets out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.cli.context import Context
from crm_monitoring.cli.loading import Loaded
from crm_monitoring.cli.sources import Place
from crm_monitoring.manifest import SECRET, Manifest, ObjectKey
from crm_monitoring.render import names
from crm_monitoring.render.bundle import Bundle, Fragment, Secrets
from crm_monitoring.render.compiler import render
from crm_monitoring.render.settings import RenderSettings


@dataclass(frozen=True, slots=True)
class Compiled:
    """One resource and what became of it."""

    place: Place
    resource: CRMMonitoring
    bundle: Bundle


def compiled(
    loaded: Iterable[Loaded],
    context: Context,
    secrets: Callable[[CRMMonitoring], Secrets],
    settings: RenderSettings,
) -> list[Compiled]:
    """Compile the valid ones among the resources."""
    return [
        Compiled(
            each.place,
            each.resource,
            render(each.resource, context.observed(each.resource), secrets(each.resource), settings),
        )
        for each in loaded
        if each.resource is not None
    ]


def shares(results: Iterable[Compiled]) -> dict[ObjectKey, list[Fragment]]:
    """Return the notification Secrets, each with the fragments of the resources that name it."""
    found: dict[ObjectKey, list[Fragment]] = {}
    for each in results:
        if each.bundle.fragment:
            key = ObjectKey(SECRET, each.resource.metadata.namespace, each.bundle.fragment.secret_name)
            found.setdefault(key, []).append(each.bundle.fragment)
    return dict(sorted(found.items()))


def standalone(manifest: Manifest) -> Manifest:
    """Return an object without what only the API server's uid of its resource could fill.

    Offline there is no uid: an ownerReference with an empty one is refused, and the label that the operator finds its
    objects by would be wrong. An object applied like this belongs to whoever applied it. The operator does not touch it.
    """
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "ownerReferences"}
    if "labels" in metadata:
        metadata["labels"] = {
            name: value for name, value in metadata["labels"].items() if name != names.OWNER_UID_LABEL
        }
    return {**manifest, "metadata": metadata}
