"""The audit log of the API server: who asked what. Every request is one event when it is complete."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    nonResourceURLs: [/readyz*, /livez*, /healthz*]
  - level: Request
    resources: [{group: coordination.k8s.io, resources: [leases]}]
  - level: Metadata
"""


@dataclass(frozen=True)
class AuditEvent:
    """One line of the audit log, reduced to what tests ask about."""

    stage: str
    user: str
    user_agent: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    uri: str
    received: float = 0.0
    """When the API server had the request, by its clock, in seconds since 1970."""
    finished: float = 0.0
    """When it had answered."""
    renewal: str = ""
    """The renewTime that a write to a Lease sets; no two of a holder's are alike."""

    @property
    def is_write(self) -> bool:
        """Say whether the request could change something. A dry run is none."""
        return self.verb in WRITES and "dryRun=All" not in self.uri

    @property
    def what(self) -> str:
        """Return verb and resource as RBAC rules write them, for example `patch deployments/status`."""
        if not self.resource:
            return f"{self.verb} {self.uri.partition('?')[0]}"
        return f"{self.verb} {self.resource}" + (f"/{self.subresource}" if self.subresource else "")

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read one line of the log."""
        raw: dict[str, Any] = json.loads(line)
        reference: dict[str, str] = raw.get("objectRef") or {}
        return cls(
            stage=raw["stage"],
            user=(raw.get("user") or {}).get("username", ""),
            user_agent=raw.get("userAgent", ""),
            verb=raw["verb"],
            group=reference.get("apiGroup", ""),
            resource=reference.get("resource", ""),
            subresource=reference.get("subresource", ""),
            namespace=reference.get("namespace", ""),
            name=reference.get("name", ""),
            code=(raw.get("responseStatus") or {}).get("code", 0),
            uri=raw["requestURI"],
            received=datetime.fromisoformat(raw["requestReceivedTimestamp"]).timestamp(),
            finished=datetime.fromisoformat(raw["stageTimestamp"]).timestamp(),
            renewal=_renewal(raw.get("requestObject")),
        )


def _renewal(written: Any) -> str:
    """Return the renewTime in a Lease, or in the JSON patch of one, as our elector writes them."""
    specs = (
        [operation.get("value") for operation in written]
        if isinstance(written, list)
        else [(written or {}).get("spec")]
    )
    return next((str(spec["renewTime"]) for spec in specs if isinstance(spec, dict) and "renewTime" in spec), "")


def events_from(log: Path, offset: int = 0) -> Iterator[AuditEvent]:
    """Yield the events of all complete lines after an offset."""
    if not log.exists():
        return
    with log.open("rb") as lines:
        lines.seek(offset)
        for line in lines:
            if line.endswith(b"\n"):
                yield AuditEvent.parse(line)


def once_per_request(events: Iterable[AuditEvent]) -> Iterator[AuditEvent]:
    """Drop the second event of a watch: it has one when it begins and one when it ends."""
    for event in events:
        if (event.stage == "ResponseStarted") == (event.verb == "watch" and event.code < 400):
            yield event


def counted(events: Iterable[AuditEvent]) -> Counter[str]:
    """Count requests by `AuditEvent.what`."""
    return Counter(event.what for event in events)
