"""What the operator would do to notification Secrets, found by reading only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_monitoring.cli.live import Plan, Planned, decoded
from crm_monitoring.cluster.port import FIELD_MANAGER, Reader
from crm_monitoring.errors import Refused
from crm_monitoring.manifest import CRM_MONITORING, SECRET, Manifest, ObjectKey, labels_of
from crm_monitoring.reconcile.drift import Change, compare
from crm_monitoring.reconcile.outcome import State
from crm_monitoring.render import merged
from crm_monitoring.render.bundle import Fragment
from crm_monitoring.render.names import MANAGED_BY, MANAGED_BY_LABEL

DEFAULT_NAME = "alertmanager-crm"


@dataclass(frozen=True, slots=True)
class _Share:
    """What one resource of the files does to one Secret."""

    plan: Plan
    fragment: Fragment | None
    stays: bool
    """Whether the last good fragment is kept when there is no new one."""


async def plan_secrets(cluster: Reader, plans: Iterable[Plan]) -> list[Planned]:
    """Return what would become of each notification Secret that the resources name, or have named until now.

    Fragments of resources that are not in the files are taken from the live Secret as they are. Raise ClusterError.
    """
    shares: dict[ObjectKey, list[_Share]] = {}
    for each in plans:
        for key, share in _shares(each):
            shares.setdefault(key, []).append(share)
    return [_planned(key, await cluster.get(key), shares[key]) for key in sorted(shares)]


def _shares(plan: Plan) -> Iterable[tuple[ObjectKey, _Share]]:
    namespace, wanted = plan.resource.metadata.namespace, plan.resource.spec.notifications
    now = wanted.secret_name if wanted and wanted.mode == "Secret" else None
    if now:
        yield ObjectKey(SECRET, namespace, now), _Share(plan, plan.bundle.fragment, stays=True)
    until_now = _name_in(plan.before)
    if until_now and until_now != now:
        yield ObjectKey(SECRET, namespace, until_now), _Share(plan, None, stays=False)


def _name_in(resource: Manifest | None) -> str | None:
    notifications = (resource or {}).get("spec", {}).get("notifications")
    if not notifications or notifications.get("mode", "Secret") != "Secret":
        return None
    return str(notifications.get("secretName", DEFAULT_NAME))


def _planned(key: ObjectKey, live: Manifest | None, shares: list[_Share]) -> Planned:
    if live is not None and not _is_ours(live):
        return Planned(key, State.CONFLICT, message="it was not made by the operator; it would not be touched")
    fragments = merged.split(decoded(_data(live).get(merged.CONTENT_KEY)), key.name) if live else {}
    for share in shares:
        owner = (share.plan.resource.metadata.namespace, share.plan.resource.metadata.name)
        if share.fragment:
            fragments[owner] = share.fragment
        elif not share.stays:
            fragments.pop(owner, None)
    if not fragments:
        unused = live is not None and not any(share.stays for share in shares)
        return Planned(key, State.WOULD_DELETE if unused else State.HELD, live=live)
    try:
        content = merged.merge(fragments.values())
    except Refused as error:
        return Planned(key, State.FAILED, message=error.message)
    desired = merged.merged_secret(key.namespace, key.name, _owners(live, shares), content)
    if live is None:
        return Planned(key, State.WOULD_CREATE, desired)
    same = compare(desired, live, FIELD_MANAGER).change is Change.NONE
    return Planned(key, State.IN_SYNC if same else State.WOULD_CHANGE, desired, live)


def _owners(live: Manifest | None, shares: Iterable[_Share]) -> set[tuple[str, str]]:
    references = live["metadata"].get("ownerReferences") or () if live else ()
    owners = {(reference["name"], reference["uid"]) for reference in references}
    for share in shares:
        owner = (share.plan.resource.metadata.name, share.plan.resource.metadata.uid)
        if share.fragment:
            owners.add(owner)
        elif not share.stays:
            owners.discard(owner)
    return owners


def _data(secret: Manifest | None) -> Mapping[str, Any]:
    return (secret or {}).get("data") or {}


def _is_ours(live: Manifest) -> bool:
    """Return whether the operator made a Secret: it says so, and a resource of ours owns it."""
    owners = live["metadata"].get("ownerReferences") or ()
    return labels_of(live).get(MANAGED_BY_LABEL) == MANAGED_BY and any(o["kind"] == CRM_MONITORING.name for o in owners)
