"""O11 finds every write of a replica that does not hold the Lease, by the API server's clock."""

from dataclasses import replace

import pytest

from support.reliability.history import Change
from support.reliability.leases import Claim, claims, successions, trespasses
from testbed.audit import AuditEvent

DURATION = 4.0
LATENCY = 0.01


def asked(account: str, at: float, resource: str = "configmaps", code: int = 200) -> AuditEvent:
    user = f"system:serviceaccount:ops:{account}"
    return AuditEvent("ResponseComplete", user, "", "patch", "", resource, "", "shop", "a", code, "/", at, at + LATENCY)


def version(number: int, holder: str, at: float) -> Change:
    return Change(number, "Lease l", {"spec": {"holderIdentity": holder, "renewTime": f"at {float(at)}"}})


def claim(account: str, at: float, *, held: bool = True) -> Claim:
    return Claim(account, held, at, at + LATENCY)


HISTORY = [claim("first", 0), claim("first", 1), claim("second", 6), claim("second", 7)]

WRITES: dict[str, tuple[AuditEvent, str]] = {
    "while it leads": (asked("first", 2), ""),
    "by the next leader": (asked("second", 6.5), ""),
    "that was refused": (asked("first", 6.5, code=409), ""),
    "after the Lease ended, before another took it": (asked("first", 5.5), "after its last renewal"),
    "after another took the Lease": (asked("first", 6.5), "after second had taken the Lease"),
    "on its way while another took the Lease": (asked("first", 5.995), "after second had taken the Lease"),
    "before it ever held the Lease": (asked("second", 2), "never held the Lease"),
    "by somebody who takes no part": (asked("third", 2), "never held the Lease"),
}


@pytest.mark.parametrize(("write", "said"), WRITES.values(), ids=WRITES)
def test_a_write_is_judged_by_who_held_the_lease(write: AuditEvent, said: str) -> None:
    found = trespasses(HISTORY, [write], DURATION)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_a_write_after_a_release_is_found() -> None:
    history = [claim("first", 0), claim("first", 1, held=False)]
    assert trespasses(history, [asked("first", 0.5)], DURATION) == []
    assert "given the Lease back" in trespasses(history, [asked("first", 2)], DURATION)[0]


def test_a_succession_is_timed_from_the_last_renewal() -> None:
    (found,) = successions(HISTORY)
    assert (found.before, found.after, found.released) == ("first", "second", False)
    assert found.seconds == pytest.approx(5 + LATENCY)


def test_a_succession_after_a_release_says_so() -> None:
    (found,) = successions([claim("first", 0), claim("first", 1, held=False), claim("second", 1.5)])
    assert found.released
    assert found.seconds == pytest.approx(0.5 + LATENCY)


def renewed(account: str, at: float, code: int = 200) -> AuditEvent:
    return replace(asked(account, at, "leases", code), renewal=f"at {float(at)}")


def test_the_history_is_joined_from_who_wrote_and_what_was_stored() -> None:
    requests = [
        renewed("first", 0),
        renewed("first", 1, code=504),
        renewed("second", 1, code=409),
        renewed("second", 2),
    ]
    requests[2] = replace(requests[2], renewal="refused")
    told = [version(1, "first-1", 0), version(2, "", 1), version(3, "second-9", 2)]
    assert claims(requests, told) == [claim("first", 0), claim("first", 1, held=False), claim("second", 2)]


def test_a_version_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(LookupError, match="version 2"):
        claims([renewed("first", 0)], [version(1, "first-1", 0), version(2, "first-1", 1)])
