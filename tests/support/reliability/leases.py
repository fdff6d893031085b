"""O11, one leader: who held the Lease when, by the API server's clock, and who wrote when it was not theirs to write.

The audit log says when each account wrote to the Lease, a watch says which of that was stored. A claim lasts from a renewal for the duration of the Lease, unless another account writes its name over it or it is released.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from crm_monitoring.manifest import EVENT
from support.reliability.history import Change
from testbed.audit import AuditEvent


@dataclass(frozen=True, slots=True)
class Claim:
    """One write to the Lease that was carried out."""

    account: str
    """Who wrote."""
    held: bool
    """True: it took the Lease or kept it. False: it gave it back."""
    received: float
    """When the API server had the request, in seconds since 1970."""
    finished: float
    """When it had answered."""


@dataclass(frozen=True, slots=True)
class Succession:
    """One replica following another."""

    before: str
    after: str
    seconds: float
    """From the last renewal of the one, or its release, to the first claim of the other."""
    released: bool


def account_of(user: str) -> str:
    """Return the name of a service account."""
    return user.rpartition(":")[2]


def claims(requests: Iterable[AuditEvent], versions: Iterable[Change]) -> list[Claim]:
    """Join the audit log and the versions of the Lease by the renewTime that each write set.

    What the API server answered does not matter: a write may be stored although the answer came too late for anybody.
    Raise LookupError when nobody asked for a version.
    """
    written = {event.renewal: event for event in requests if event.renewal}
    found = []
    for version in sorted(versions, key=lambda change: change.version):
        spec = version.manifest["spec"]
        event = written.get(spec["renewTime"])
        if event is None:
            raise LookupError(f"no request made version {version.version} of the Lease")
        held = bool(spec.get("holderIdentity"))
        found.append(Claim(account_of(event.user), held, event.received, event.finished))
    return found


def successions(history: Sequence[Claim]) -> Iterator[Succession]:
    """Yield each change of the leader."""
    for before, after in pairwise(history):
        if after.held and (before.account != after.account or not before.held):
            seconds = after.finished - before.received
            yield Succession(before.account, after.account, seconds, released=not before.held)


def trespasses(history: Sequence[Claim], requests: Iterable[AuditEvent], duration: float) -> list[str]:
    """O11: return the writes that were carried out for an account whose claim had ended, or that never had one.

    Events that tell of the last work are writes, too.
    """
    said = []
    for write in requests:
        if not write.is_write or write.code >= 300 or write.resource == "leases":
            continue
        account = account_of(write.user)
        what = f"{write.what} {write.name} by {account}" if write.resource != EVENT.plural else f"an Event by {account}"
        own = [claim for claim in history if claim.account == account and claim.received <= write.finished]
        if not own or not own[-1].held:
            said.append(f"{what}, which {'had given the Lease back' if own else 'never held the Lease'}")
            continue
        last = own[-1]
        taken = [other for other in history if other.account != account and last.received < other.received]
        if taken and taken[0].received <= write.finished:
            late = write.finished - taken[0].received
            said.append(f"{what} {late:.2f} s after {taken[0].account} had taken the Lease")
        elif write.finished > last.received + duration:
            late = write.finished - last.received
            said.append(f"{what} {late:.2f} s after its last renewal, which lasts {duration:.0f} s")
    return said
