"""Runs plans one after the other. Each is judged after the next one ran: by then it had time to do what it should not."""

from collections.abc import Iterable, Mapping

from support.reliability import oracles
from support.reliability.crash import Point
from support.reliability.record import Recorder
from support.reliability.runs import Reference, Run, judged, run
from support.reliability.scenarios import Scenario
from support.reliability.world import World

Plan = tuple[str, Point | None]
"""The name of a scenario, and where it crashes."""


def sentence(plan: Plan) -> str:
    """Return a plan in words."""
    name, point = plan
    return f"{name}: {point or 'undisturbed'}"


def carry_out(
    world: World,
    scenarios: Mapping[str, Scenario],
    references: Mapping[str, Reference],
    plans: Iterable[Plan],
    recorder: Recorder,
) -> None:
    """Run plans and record what came of each."""
    waiting: tuple[Plan, Run] | None = None
    for plan in plans:
        name, point = plan
        result = run(world, scenarios[name], references[name], point)
        if waiting:
            _judge(world, scenarios, references, waiting, recorder)
        waiting = plan, result
        if any(step.flags is not None for step in scenarios[name].steps):
            # The next plan begins with other settings, with which there is something to do.
            world.restart()
            _judge(world, scenarios, references, waiting, recorder)
            waiting = None
    if waiting:
        world.restart()
        _judge(world, scenarios, references, waiting, recorder)


def _judge(
    world: World,
    scenarios: Mapping[str, Scenario],
    references: Mapping[str, Reference],
    waiting: tuple[Plan, Run],
    recorder: Recorder,
) -> None:
    plan, result = waiting
    name, point = plan
    violations = judged(world, result, references[name], scenarios[name])
    if point and not result.reached:
        violations["O2"] = [*violations["O2"], "the write at which it was to crash was never made"]
    recorder.add(
        sentence(plan),
        converged=result.converged,
        seconds=result.seconds,
        exits=result.ends.exits - result.ends.planned,
        tracebacks=oracles.tracebacks(result.log),
        violations=violations,
    )
