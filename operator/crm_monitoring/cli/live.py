"""What the operator would do to a cluster, found by reading only."""

import base64
import binascii
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_monitoring.api.conditions import Finding
from crm_monitoring.api.references import secret_references
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.cluster.port import FIELD_MANAGER, Reader
from crm_monitoring.errors import DependencyMissing
from crm_monitoring.manifest import (
    CHILD_KINDS,
    CRM_MONITORING,
    SECRET,
    SERVICE,
    WORKLOAD_KINDS,
    Kind,
    Manifest,
    ObjectKey,
    key_of,
    owner_uids,
)
from crm_monitoring.reconcile.drift import Change, compare
from crm_monitoring.reconcile.outcome import State
from crm_monitoring.reconcile.workload.claims import claims
from crm_monitoring.reconcile.workload.decide import Claim, decide
from crm_monitoring.reconcile.workload.fields import holds_anything
from crm_monitoring.reconcile.workload.judge import Policy
from crm_monitoring.reconcile.workload.memory import Memory
from crm_monitoring.reconcile.workload.verdicts import Verdict
from crm_monitoring.render.bundle import Bundle, Secrets
from crm_monitoring.render.compiler import render
from crm_monitoring.render.names import CHILD_SELECTOR
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.secret_types import withheld
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed


@dataclass(frozen=True, slots=True)
class Planned:
    """One object: what would become of it, and both versions of it where they differ. May hold credentials."""

    key: ObjectKey
    state: State
    desired: Manifest | None = field(default=None, repr=False)
    live: Manifest | None = field(default=None, repr=False)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would be done for one resource, notification Secrets aside."""

    resource: CRMMonitoring
    """With the uid of the live one; an empty uid when there is none yet."""
    bundle: Bundle
    objects: tuple[Planned, ...]
    fields: tuple[Verdict, ...] = ()
    """What would become of each probe and variable of the target."""
    claimed_by: str = ""
    """Name of another resource that the target belongs to."""
    before: Manifest | None = field(default=None, repr=False)
    """The live resource."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what keeps parts of the resource from being computed."""
        return self.bundle.findings


async def plan(cluster: Reader, resource: CRMMonitoring, settings: RenderSettings, now: datetime) -> Plan:
    """Return what the operator would do for a valid resource. Raise ClusterError when the cluster cannot be read."""
    metadata = resource.metadata
    before = await _get_if_served(cluster, ObjectKey(CRM_MONITORING, metadata.namespace, metadata.name))
    uid = before["metadata"]["uid"] if before else ""
    resource = resource.model_copy(update={"metadata": metadata.model_copy(update={"uid": uid})})
    target = await cluster.get(_target(resource))
    services = [each async for each in _all(cluster, SERVICE, metadata.namespace)]
    bundle = render(resource, Observed.of(target, services), await _secrets(cluster, resource), settings)
    objects = [await _child(cluster, child, uid) for child in bundle.children]
    if before:
        objects += await _leftovers(cluster, resource, bundle)
    fields, claimed_by = await _fields(cluster, resource, bundle, target, now)
    return Plan(resource, bundle, tuple(objects), fields, claimed_by, before)


async def _child(cluster: Reader, desired: Manifest, uid: str) -> Planned:
    key = key_of(desired)
    try:
        live = await cluster.get(key)
    except DependencyMissing as error:
        return Planned(key, State.FAILED, message=error.message)
    if live is None:
        return Planned(key, State.WOULD_CREATE, desired)
    if not uid or uid not in owner_uids(live):
        return Planned(key, State.CONFLICT, message="it exists and belongs to somebody else; it would not be touched")
    same = compare(desired, live, FIELD_MANAGER).change is Change.NONE
    return Planned(key, State.IN_SYNC if same else State.WOULD_CHANGE, desired, live)


async def _leftovers(cluster: Reader, resource: CRMMonitoring, bundle: Bundle) -> list[Planned]:
    """Return the objects of the resource that would be deleted, and those that would be left as they are."""
    wanted = {key_of(child) for child in bundle.children}
    found = []
    for kind in CHILD_KINDS:
        try:
            async for live in _all(cluster, kind, resource.metadata.namespace, CHILD_SELECTOR):
                key = key_of(live)
                if resource.metadata.uid in owner_uids(live) and key not in wanted:
                    found.append(Planned(key, State.HELD if key in bundle.held else State.WOULD_DELETE, live=live))
        except DependencyMissing:
            continue
    return found


async def _fields(
    cluster: Reader, resource: CRMMonitoring, bundle: Bundle, target: Manifest | None, now: datetime
) -> tuple[tuple[Verdict, ...], str]:
    """Return the verdict on each field of the target, or the name of the other resource that it belongs to."""
    wanted = resource.spec.workload
    if target is None or (bundle.workload is None and (wanted or not _holds(target, resource))):
        return (), ""
    claim = Claim(resource.metadata.name, resource.metadata.uid)
    holder = claims([each async for each in _all_if_served(cluster, resource)]).get(key_of(target))
    if wanted and holder and holder.uid != claim.uid:
        return (), holder.resource
    policy = (
        Policy(wanted.conflict_policy, wanted.deletion_policy)
        if wanted
        else Policy(deletion=Memory.of(target).deletion)
    )
    return decide(target, bundle.workload, policy, claim, now).verdicts, ""


def _holds(target: Manifest, resource: CRMMonitoring) -> bool:
    return holds_anything(target) and Memory.of(target).uid == resource.metadata.uid


def _target(resource: CRMMonitoring) -> ObjectKey:
    target = resource.spec.target
    kind = next(kind for kind in WORKLOAD_KINDS if kind.name == target.kind)
    return ObjectKey(kind, resource.metadata.namespace, target.name)


async def _secrets(cluster: Reader, resource: CRMMonitoring) -> Secrets:
    contents: dict[str, Mapping[str, Sealed] | None] = {}
    for name in sorted({reference.name for reference in secret_references(resource)}):
        live = await cluster.get(ObjectKey(SECRET, resource.metadata.namespace, name))
        contents[name] = None if live is None else _contents(live)
    return contents


def _contents(secret: Manifest) -> Mapping[str, Sealed]:
    refused = withheld(secret)
    return dict(_values(secret)) if refused is None else refused


def _values(secret: Manifest) -> Iterable[tuple[str, Sealed]]:
    for key, value in (secret.get("data") or {}).items():
        yield key, Sealed(decoded(value))


def decoded(value: Any) -> bytes:
    """Return the bytes of an entry of a Secret's data; nothing for what is not base64."""
    try:
        return base64.b64decode(value or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""


async def _get_if_served(cluster: Reader, key: ObjectKey) -> Manifest | None:
    try:
        return await cluster.get(key)
    except DependencyMissing:
        return None


async def _all_if_served(cluster: Reader, resource: CRMMonitoring) -> AsyncIterator[Manifest]:
    try:
        async for each in _all(cluster, CRM_MONITORING, resource.metadata.namespace):
            yield each
    except DependencyMissing:
        return


async def _all(cluster: Reader, kind: Kind, namespace: str, label_selector: str = "") -> AsyncIterator[Manifest]:
    token = None
    while True:
        page = await cluster.list(kind, namespace=namespace, label_selector=label_selector, continue_token=token)
        for item in page.items:
            yield item
        token = page.continue_token
        if token is None:
            return
