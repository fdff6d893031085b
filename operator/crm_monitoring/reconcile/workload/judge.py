"""The rules, one slot at a time. Each rule is a pure function; the first that has something to say decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Literal

from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload.fields import Owners, owners_of
from crm_monitoring.reconcile.workload.memory import DeletionPolicy, Memory
from crm_monitoring.reconcile.workload.rollout import Wait
from crm_monitoring.reconcile.workload.slots import (
    Leaf,
    Place,
    Slot,
    Value,
    clashing_keys,
    differing,
    leaves_of,
    only,
    place_of,
    says_something,
    stored,
)
from crm_monitoring.reconcile.workload.verdicts import SlotState, Verdict

MOST_TAKES = 2
"""How often a slot is set against somebody else: after that many reverts we stop."""


class Step(Enum):
    """What to do with a slot."""

    NOTHING = auto()
    HOLD = auto()
    """Own it with the value it has."""
    SET = auto()
    """Set it by server-side apply."""
    REPLACE = auto()
    """Replace it as a whole by a JSON patch."""
    RESTORE = auto()
    REMOVE = auto()
    GIVE_UP = auto()
    """Keep the value, drop our ownership."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the resource says of conflicts and of its own end."""

    conflict: Literal["Respect", "TakeOver"] = "Respect"
    deletion: DeletionPolicy = "Retain"


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the rules look at, for one slot."""

    slot: Slot
    place: Place
    owners: Owners
    policy: Policy
    memory: Memory
    wait: Wait | None
    wanted: Value | None
    """None: not wanted (any more)."""

    @property
    def live(self) -> Value | None:
        """Return what is in the slot."""
        return self.place.value

    @property
    def held(self) -> Value:
        """Return what we own of the slot once it holds what is wanted."""
        assert self.wanted is not None
        return stored(self.slot, self.wanted)

    @property
    def taken(self) -> bool:
        """Return whether we took the slot over and still own something in it."""
        return self.slot in self.memory.originals and bool(self.owners.ours)

    @property
    def ours_alone(self) -> frozenset[Leaf]:
        """Return the leaves that only we own and that hold more than the API server would fill in."""
        alone = self.owners.ours - self.owners.foreign
        return frozenset(leaf for leaf in alone if says_something(self.slot, self.live, leaf))

    @property
    def different(self) -> frozenset[Leaf]:
        """Return the leaves that are not as wanted; leaves that we once set and that are not wanted count, too."""
        assert self.live is not None
        assert self.wanted is not None
        stale = self.owners.applied - leaves_of(self.wanted)
        return differing(self.slot, self.live, self.wanted) | stale


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do with one slot, and what to say of it."""

    step: Step
    verdict: Verdict
    value: Value | None = None
    """What our apply holds, what is set, or what is put back."""
    place: Place = field(default_factory=lambda: Place(""))
    take: bool = False
    """It is set where it was empty or somebody else's: counted, so that a fight ends."""
    forget: bool = False
    """Earlier takes no longer count."""


Rule = Callable[[Situation], Judgement | None]


def situation(
    live: Manifest, slot: Slot, wanted: Value | None, *, policy: Policy, memory: Memory, wait: Wait | None
) -> Situation | None:
    """Gather what the rules need; None when the container does not exist."""
    place = place_of(live, slot)
    if place is None:
        return None
    return Situation(slot, place, owners_of(live, slot), policy, memory, wait, wanted)


def judge(it: Situation) -> Judgement:
    """Return what the first rule that applies says."""
    for rule in WANTED if it.wanted is not None else UNWANTED:
        judgement = rule(it)
        if judgement:
            return judgement
    raise AssertionError("the last rule of each chain always applies")


def listed_twice(it: Situation) -> Judgement | None:
    """A variable that is listed twice cannot be changed by its name: it is a conflict under either policy."""
    return _conflict(it) if it.place.twice and it.different else None


def already_as_wanted(it: Situation) -> Judgement | None:
    """It holds what is wanted. If others vouch for all that matters, it is theirs; otherwise we own it (too)."""
    if it.live is None or it.different:
        return None
    if it.ours_alone or not (it.owners.foreign or it.place.twice):
        original = it.memory.originals.get(it.slot)
        clash = clashing_keys(it.slot, original) if it.taken and original else ()
        return Judgement(Step.HOLD, Verdict(it.slot, SlotState.IN_SYNC, clash=clash), it.held)
    return Judgement(_let_go(it), Verdict(it.slot, SlotState.SATISFIED, tuple(it.owners.others)))


def undone_too_often(it: Situation) -> Judgement | None:
    """We set it, and somebody undid it, as often as we are prepared to go along with."""
    if len(it.memory.takes.get(it.slot, ())) < MOST_TAKES or _is_ours_to_change(it):
        return None
    if it.live is not None and it.policy.conflict == "Respect":
        return None
    return Judgement(_let_go(it), Verdict(it.slot, SlotState.REVERTED, tuple(it.owners.others)))


def empty(it: Situation) -> Judgement | None:
    """Nobody has set it: ours to set."""
    return _change(it, Step.SET, SlotState.APPLIED, take=True) if it.live is None else None


def ours_to_change(it: Situation) -> Judgement | None:
    """What differs is ours alone."""
    if not _is_ours_to_change(it):
        return None
    assert it.live is not None
    unowned = it.different - it.owners.ours - leaves_of(it.held)  # an apply would leave these as they are
    shared = it.different & it.owners.foreign  # and would be a conflict on these
    step = Step.REPLACE if unowned or shared else Step.SET
    return _change(it, step, SlotState.APPLIED)


def somebody_elses(it: Situation) -> Judgement:
    """Somebody else has set it otherwise, or nobody knows who has."""
    if it.policy.conflict == "Respect":
        return _conflict(it)
    return _change(it, Step.REPLACE, SlotState.TAKEN, take=True)


def gone(it: Situation) -> Judgement | None:
    """It is empty. An entry may still mention a field in it: one that held zero, which is stored as absent."""
    return Judgement(Step.GIVE_UP, Verdict(it.slot, SlotState.RELEASED)) if it.live is None else None


def back_as_it_was(it: Situation) -> Judgement | None:
    """It was taken over and holds again what was there before."""
    if it.taken and it.live == it.memory.originals[it.slot]:
        return Judgement(Step.GIVE_UP, Verdict(it.slot, SlotState.RELEASED))
    return None


def taken_over(it: Situation) -> Judgement | None:
    """It was taken over: Remove puts the original back.

    So does Retain where the original cannot stand beside what we set (tcpSocket beside httpGet, valueFrom beside
    value): its owner declares it still, and every further deploy of theirs would be refused.
    """
    if not it.taken or not it.ours_alone:
        return None
    original = it.memory.originals[it.slot]
    clash = original is not None and clashing_keys(it.slot, original)
    if it.policy.deletion == "Retain" and not clash:
        return None
    return _change(it, Step.REMOVE if original is None else Step.RESTORE, SlotState.RESTORED, value=original)


def ours_to_remove(it: Situation) -> Judgement | None:
    """Remove takes away what only we have set."""
    if it.policy.deletion == "Retain" or it.taken or not it.ours_alone or it.owners.foreign or it.place.twice:
        return None
    return _change(it, Step.REMOVE, SlotState.REMOVED)


def given_up(it: Situation) -> Judgement:
    """The value stays, our ownership goes."""
    return Judgement(Step.GIVE_UP, Verdict(it.slot, SlotState.RELEASED))


WANTED: tuple[Rule, ...] = (
    listed_twice,
    already_as_wanted,
    undone_too_often,
    empty,
    ours_to_change,
    somebody_elses,
)

UNWANTED: tuple[Rule, ...] = (
    gone,
    back_as_it_was,
    taken_over,
    ours_to_remove,
    given_up,
)


def _is_ours_to_change(it: Situation) -> bool:
    if it.live is None or not it.owners.ours:
        return False
    if not it.owners.foreign:
        return True
    # After a take-over its earlier owner still stands for the fields that already were as we wanted them, beside us.
    # A field that it has changed since is no longer ours.
    clashing = clashing_keys(it.slot, it.live)
    theirs = it.owners.foreign - it.owners.ours
    return it.taken and not any(leaf in theirs or leaf[0] in clashing for leaf in it.different)


def _change(
    it: Situation, step: Step, state: SlotState, *, value: Value | None = None, take: bool = False
) -> Judgement:
    """Change the slot, or wait and hold what we own of it as it is."""
    clash = clashing_keys(it.slot, it.live or {}) if state is SlotState.TAKEN else ()
    managers = tuple(it.owners.others)
    if it.wait:
        verdict = Verdict(it.slot, SlotState(it.wait.reason), managers, until=it.wait.until)
        held = only(it.live, it.owners.ours) if it.live and it.owners.ours else None
        return Judgement(Step.HOLD if held else Step.NOTHING, verdict, held)
    verdict = Verdict(it.slot, state, managers, clash)
    return Judgement(step, verdict, it.held if it.wanted is not None else value, it.place, take)


def _conflict(it: Situation) -> Judgement:
    verdict = Verdict(it.slot, SlotState.CONFLICT, tuple(it.owners.others), clashing_keys(it.slot, it.live or {}))
    return Judgement(_let_go(it), verdict, forget=True)


def _let_go(it: Situation) -> Step:
    return Step.GIVE_UP if it.owners.mentioned else Step.NOTHING


def takes_after(
    memory: Memory, judgements: Mapping[Slot, Judgement], now: datetime
) -> dict[Slot, tuple[datetime, ...]]:
    """Return the takes to remember once the judgements are carried out; those of slots no longer wanted are dropped."""
    takes = {}
    for slot, judgement in judgements.items():
        times = () if judgement.forget else memory.takes.get(slot, ())
        if judgement.take and judgement.step in (Step.SET, Step.REPLACE):
            times = (*times, now)
        if times:
            takes[slot] = times
    return takes
