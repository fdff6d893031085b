"""From a live workload and what is wanted of it to the next write. Pure: same input, same plan.

A plan holds at most one write. Who owns what after it, only the API server's answer shows (a JSON patch leaves an
`Update` entry with just the leaves that it changed), so the next write is decided from that answer. It also means
that a restart between two writes needs no special care: every state in between is a live object like any other.

The order of writes: give up what we let go (no rollout, never delayed); change the template, by apply where that can
express it, else all of it in one patch; own by apply what we set; drop the entry that the patch left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from crm_monitoring.manifest import Manifest, annotations_of
from crm_monitoring.reconcile.workload import fields, writes
from crm_monitoring.reconcile.workload.judge import Judgement, Policy, Step, judge, situation, takes_after
from crm_monitoring.reconcile.workload.memory import ANNOTATION, Memory
from crm_monitoring.reconcile.workload.rollout import must_wait
from crm_monitoring.reconcile.workload.slots import Slot, Value, desired_slots, leaves_of
from crm_monitoring.reconcile.workload.verdicts import SlotState, Verdict
from crm_monitoring.render.bundle import WorkloadFields


@dataclass(frozen=True, slots=True)
class Claim:
    """The resource that the workload belongs to."""

    resource: str
    uid: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write next, if anything, and what there is to say of each slot."""

    write: writes.Write | None
    verdicts: tuple[Verdict, ...]
    recheck_after_seconds: float | None = None
    """When to look again even if nothing happens: something waits."""


@dataclass(frozen=True, slots=True)
class _Request:
    live: Manifest
    wanted: Mapping[Slot, Value]
    policy: Policy
    claim: Claim
    now: datetime


@dataclass(frozen=True, slots=True)
class _Case:
    live: Manifest
    after: Memory
    """What is to be remembered once the plan is carried out, but for the time of a change."""
    judgements: Mapping[Slot, Judgement]
    now: datetime
    releasing: bool

    def slots(self, *steps: Step) -> dict[Slot, Judgement]:
        return {slot: judgement for slot, judgement in self.judgements.items() if judgement.step in steps}


def decide(live: Manifest, desired: WorkloadFields | None, policy: Policy, claim: Claim, now: datetime) -> Plan:
    """Return the next write on the way to what is wanted, or none when nothing is left to do.

    `desired=None` releases everything that we hold, as `policy.deletion` says, without waiting. `now` has a zone.
    """
    memory = Memory.of(live)
    if memory.uid != claim.uid:
        memory = replace(memory, takes={})
    wanted = desired_slots(desired)
    case = _case(_Request(live, wanted, policy, claim, now), memory)
    if not case.after.fits:
        case = _case(_Request(live, wanted, replace(policy, conflict="Respect"), claim, now), memory)
    verdicts = [judgement.verdict for judgement in case.judgements.values()]
    missing = [Verdict(slot, SlotState.CONTAINER_NOT_FOUND) for slot in wanted if slot not in case.judgements]
    until = min((verdict.until for verdict in verdicts if verdict.until), default=None)
    return Plan(
        _next_write(case),
        tuple(sorted([*verdicts, *missing], key=lambda verdict: verdict.slot)),
        None if until is None else max(1.0, (until - now).total_seconds()),
    )


def _case(request: _Request, memory: Memory) -> _Case:
    live, wanted, now = request.live, request.wanted, request.now
    wait = must_wait(live, memory, now) if wanted else None
    held = fields.held_slots(live)
    judgements = {}
    for slot in sorted(wanted.keys() | held):
        it = situation(live, slot, wanted.get(slot), policy=request.policy, memory=memory, wait=wait)
        if it:
            judgements[slot] = judge(it)
    after = Memory(
        resource=request.claim.resource,
        uid=request.claim.uid,
        deletion=request.policy.deletion,
        changed=memory.changed,
        originals=_originals_after(memory, judgements, held),
        takes=takes_after(memory, {slot: judgements[slot] for slot in judgements if slot in wanted}, now),
    )
    return _Case(live, after, judgements, now, releasing=not wanted)


def _originals_after(
    memory: Memory, judgements: Mapping[Slot, Judgement], held: frozenset[Slot]
) -> dict[Slot, Value | None]:
    """Return what to remember of earlier owners: what is being taken over now, and what we still hold."""
    originals = {slot: value for slot, value in memory.originals.items() if slot in held and slot in judgements}
    for slot, judgement in judgements.items():
        if judgement.verdict.state is SlotState.TAKEN:
            originals[slot] = judgement.place.value
    return originals


def _next_write(case: _Case) -> writes.Write | None:
    if not _keeps_anything(case):
        return _leave(case)
    return _give_up(case) or _patch_template(case) or _apply(case) or _drop_patch_entry(case)


def _keeps_anything(case: _Case) -> bool:
    changing = case.slots(Step.HOLD, Step.SET, Step.REPLACE, Step.RESTORE, Step.REMOVE)
    return bool(changing or case.after.takes)


def _leave(case: _Case) -> writes.Write | None:
    """Let go of the workload as a whole, its values unchanged."""
    if not fields.holds_anything(case.live):
        return None
    entries = fields.managed_fields_of_others(case.live)
    operations = (*writes.remove_annotation(case.live), writes.replace_managed_fields(entries))
    return writes.guarded(case.live, operations)


def _give_up(case: _Case) -> writes.Write | None:
    slots = case.slots(Step.GIVE_UP)
    if not slots:
        return None
    entries = fields.managed_fields_without(case.live, slots)
    return writes.guarded(case.live, [writes.replace_managed_fields(entries)])


def _patch_template(case: _Case) -> writes.Write | None:
    if not case.slots(Step.REPLACE, Step.RESTORE, Step.REMOVE):
        return None
    changes = case.slots(Step.SET, Step.REPLACE, Step.RESTORE, Step.REMOVE)
    operations = _in_order(changes)
    if not case.releasing:
        operations.append(writes.write_annotation(case.live, replace(case.after, changed=case.now).text()))
    return writes.guarded(case.live, operations, changes)


def _in_order(changes: Mapping[Slot, Judgement]) -> list[writes.Operation]:
    """Return the operations, removals last and from the end of `env`, so that indexes stay true."""
    filled_env: set[str] = set()
    operations = []
    for slot, judgement in changes.items():
        if judgement.step is Step.REMOVE:
            continue
        assert judgement.value is not None
        place = judgement.place
        if slot.variable is not None and slot.container in filled_env:
            place = replace(place, has_env=True)
        operations.append(writes.put(place, slot, judgement.value))
        if slot.variable is not None:
            filled_env.add(slot.container)
    removals = [(slot, judgement.place) for slot, judgement in changes.items() if judgement.step is Step.REMOVE]
    removals.sort(key=lambda removal: removal[1].index or 0, reverse=True)
    return [*operations, *(writes.take_out(place, slot) for slot, place in removals)]


def _apply(case: _Case) -> writes.Write | None:
    changed = case.slots(Step.SET)
    held = {slot: judgement.value for slot, judgement in case.slots(Step.HOLD, Step.SET).items() if judgement.value}
    after = replace(case.after, changed=case.now) if changed else case.after
    text = after.text()
    owns_annotation = fields.owns_annotation(case.live, ANNOTATION)
    if (
        not changed
        and annotations_of(case.live).get(ANNOTATION) == text
        and owns_annotation
        and all(_is_held(case.live, slot, value) for slot, value in held.items())
    ):
        return None
    is_somebody_elses = ANNOTATION in annotations_of(case.live) and not owns_annotation
    return writes.apply_of(case.live, held, text, changed=changed, force=is_somebody_elses)


def _is_held(live: Manifest, slot: Slot, value: Value) -> bool:
    return fields.owners_of(live, slot).applied == leaves_of(value)


def _drop_patch_entry(case: _Case) -> writes.Write | None:
    if not fields.was_patched(case.live):
        return None
    entries = fields.managed_fields_without_patches(case.live)
    return writes.guarded(case.live, [writes.replace_managed_fields(entries)])
