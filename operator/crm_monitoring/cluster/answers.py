"""What an HTTP answer of the API server means, as an error of ours. Pure; no text of a body gets through."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from crm_monitoring.cluster.port import Expired, FieldConflict, Silent
from crm_monitoring.errors import (
    ClusterError,
    Conflict,
    DependencyMissing,
    Forbidden,
    NamespaceTerminating,
    NotLeading,
    Refused,
    Unavailable,
)
from crm_monitoring.manifest import Kind

Verb = Literal["get", "list", "watch", "create", "patch", "apply", "delete"]

LONGEST_RETRY_AFTER_SECONDS = 60.0
"""A Retry-After beyond this is cut: no proxy may put the operator to sleep for hours."""

_MOST_FIELDS = 8
_BUILT_IN_GROUPS = frozenset({"", "apps", "coordination.k8s.io", "events.k8s.io"})

_FIELD = re.compile(r'[A-Za-z0-9_.\-\[\]="/:,(){}~* ]{1,200}')
_SET_MEMBER = re.compile(r'\[="(?:[^"\\]|\\.)*"\]|\[=[^\]]*\]')
_MANAGER = re.compile(r'conflict with "([A-Za-z0-9._/:@ -]{1,128})"(?: |$)')
_UNKNOWN_FIELD = re.compile(r'unknown field "([A-Za-z0-9_.\[\]-]{1,200})"')
_UNDECLARED_FIELD = re.compile(r"(\.[A-Za-z0-9_.\[\]-]{1,200}): field not declared in schema")
_CAUSE = re.compile(r"[A-Za-z]{1,40}")


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked of the API server. `namespace` is None for all, `name` is None for a collection."""

    verb: Verb
    kind: Kind
    namespace: str | None = None
    name: str | None = None
    json_patch: bool = False
    brief: bool = False
    """Whether the answer may do without anything but metadata."""

    def __str__(self) -> str:
        if self.name is not None:
            return f"{self.kind.name} {self.namespace}/{self.name}"
        return f"{self.verb} {self.resource} {self.place}"

    @property
    def resource(self) -> str:
        """Return the resource as RBAC names it: `secrets`, `prometheusrules.monitoring.coreos.com`."""
        return self.kind.crd_name if self.kind.group else self.kind.plural

    @property
    def place(self) -> str:
        """Return where, for a sentence."""
        return "in all namespaces" if self.namespace is None else f"in namespace {self.namespace}"


class Absent(Conflict):
    """The named object does not exist. It does not leave this package, except as a Conflict of a patch."""


def error_of(code: int, status: Mapping[str, Any] | None, retry_after: str | None, call: Call) -> ClusterError:
    """Return the error for an answer that is no success.

    `status` is the decoded `Status` object, or None when the body was none. `retry_after` is the header as it came.
    """
    status = status if isinstance(status, Mapping) else {}
    details = status.get("details")
    details = details if isinstance(details, Mapping) else {}
    match code:
        case 400 | 405 | 406 | 413 | 415 | 422:
            return _refusal(code, status, details, call)
        case 401:
            return Forbidden(f"{call}: the API server did not accept the operator's credentials")
        case 403:
            return _forbidden(details, call)
        case 404:
            return _not_found(details, call)
        case 409:
            return _conflict(status, details, call)
        case 410:
            return Expired(f"{call}: the version asked for is too old")
        case 429:
            return Unavailable(f"{call}: the API server asks for patience", patience(retry_after, details))
    undeclared = _undeclared(status) if code == 500 else None
    if undeclared:
        return Refused(f"{call}: {undeclared}")
    return Unavailable(f"{call}: the API server answered {code}", patience(retry_after, details))


def missing_kind(kind: Kind) -> DependencyMissing:
    """Return the error for a kind that the API server does not serve."""
    if kind.group in _BUILT_IN_GROUPS:
        return DependencyMissing(f"the API server does not serve {kind.plural} ({kind.api_version})")
    return DependencyMissing(
        f"CustomResourceDefinition {kind.crd_name} is missing or does not serve version {kind.version}"
    )


def nonsense(call: Call) -> Unavailable:
    """Return the error for an answer that no API server would send, such as the page of a proxy."""
    return Unavailable(f"{call}: the answer is not what an API server sends")


def not_leading(call: Call) -> NotLeading:
    """Return the error for a write of a replica that does not lead."""
    return NotLeading(f"{call}: this replica does not lead and must not write")


def unreachable(call: Call) -> Unavailable:
    """Return the error for a connection that could not be made or broke."""
    return Unavailable(f"{call}: the connection to the API server failed")


def silent(call: Call, seconds: float | None) -> Unavailable:
    """Return the error for an answer that did not come in time, or for a stream (None) that fell silent."""
    if seconds is None:
        return Silent(f"{call}: the stream fell silent")
    return Unavailable(f"{call}: the API server did not answer within {seconds:g} s")


def fields_conflict(subject: object, owners: Mapping[str, str]) -> FieldConflict:
    """Return the error for fields (path to manager) that an apply without force must not take."""
    listed = [f'{path} (owned by "{manager}")' for path, manager in owners.items()]
    return FieldConflict(f"{subject}: field conflict on {_few(listed)}", owners)


def _refusal(code: int, status: Mapping[str, Any], details: Mapping[str, Any], call: Call) -> ClusterError:
    if code == 405 and call.kind.group not in _BUILT_IN_GROUPS:
        return missing_kind(call.kind)  # what a CustomResourceDefinition answers while it is being deleted
    if code == 413:
        return Refused(f"{call}: the object is too large")
    causes = list(_causes(details))
    if any(field == "metadata.uid" for field, _, _ in causes):
        return Conflict(f"{call}: the object was replaced by another of the same name")
    if code == 422 and call.json_patch and not causes:
        return Conflict(f"{call}: the object does not look as the patch expects")
    undeclared = _undeclared(status)
    if undeclared:
        return Refused(f"{call}: {undeclared}")
    if any((field, reason) == ("[]", "FieldValueTooLong") for field, reason, _ in causes):
        return Refused(f"{call}: the object is too large")
    fields = [f"{field} ({reason})" if reason else field for field, reason, _ in causes if field]
    if fields:
        return Refused(f"{call}: the API server refuses {_few(fields)}")
    return Refused(f"{call}: the API server refuses the object ({code})")


def _forbidden(details: Mapping[str, Any], call: Call) -> ClusterError:
    if any(reason == "NamespaceTerminating" for _, reason, _ in _causes(details)):
        return NamespaceTerminating(f"{call}: namespace {call.namespace} is being deleted")
    verb = "patch" if call.verb == "apply" else call.verb
    return Forbidden(f"{call}: not allowed to {verb} {call.resource} {call.place} (RBAC, quota or admission policy)")


def _not_found(details: Mapping[str, Any], call: Call) -> ClusterError:
    if details.get("kind") == "namespaces" and details.get("name") == call.namespace:
        return NamespaceTerminating(f"{call}: namespace {call.namespace} does not exist")
    if call.name is not None and call.verb != "apply" and details.get("name") == call.name:
        return Absent(f"{call}: the object does not exist")
    return missing_kind(call.kind)


def _conflict(status: Mapping[str, Any], details: Mapping[str, Any], call: Call) -> ClusterError:
    if status.get("reason") == "AlreadyExists":
        return Conflict(f"{call}: the object exists already")
    owners = {
        field or "(unnamed field)": _manager(message)
        for field, reason, message in _causes(details)
        if reason == "FieldManagerConflict"
    }
    if owners:
        return fields_conflict(call, owners)
    return Conflict(f"{call}: the object changed since it was read")


def _causes(details: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (field path, reason, raw message) of each cause; the first two are safe, the third never is."""
    causes = details.get("causes")
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, Mapping):
            field, reason = str(cause.get("field", "")), str(cause.get("reason", ""))
            field = _SET_MEMBER.sub("[*]", field)
            yield (
                field if _FIELD.fullmatch(field) else "",
                reason if _CAUSE.fullmatch(reason) else "",
                str(cause.get("message", "")),
            )


def _manager(message: str) -> str:
    found = _MANAGER.match(message)
    return found[1] if found else "unknown"


def _undeclared(status: Mapping[str, Any]) -> str | None:
    """Return what a schema error says of unknown fields. An apply reports them by a 500, so callers ask here first."""
    message = str(status.get("message", ""))
    fields = dict.fromkeys([*_UNKNOWN_FIELD.findall(message), *_UNDECLARED_FIELD.findall(message)])
    if fields:
        return f"unknown field {_few([field.removeprefix('.') for field in fields])}"
    if "failed to create typed patch object" in message:
        return "the object does not fit its schema"
    if "request is too large" in message:
        return "the object is too large"
    return None


def _few(texts: list[str]) -> str:
    more = len(texts) - _MOST_FIELDS
    return ", ".join(texts[:_MOST_FIELDS]) + (f" and {more} more" if more > 0 else "")


def patience(header: str | None, details: Mapping[str, Any]) -> float | None:
    """Return how long the server wants to be left alone, in seconds. Dates and nonsense count as nothing said.

    `header` is Retry-After as it came, `details` are those of the `Status` in the body.
    """
    for said in (header, details.get("retryAfterSeconds")):
        if said is not None and not isinstance(said, bool) and re.fullmatch(r"[0-9]{1,9}", str(said).strip()):
            return min(float(str(said)), LONGEST_RETRY_AFTER_SECONDS)
    return None
