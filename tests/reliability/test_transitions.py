"""Five hundred changes to one resource, one after the other: however a state was reached, it is the state made fresh."""

import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from crm_monitoring.manifest import CRM_MONITORING
from support.live import POLL_SECONDS, Tenant, eventually
from support.reliability.chain import PROBER, Chain
from support.reliability.generate import Generator
from support.reliability.generated_live import clear
from support.reliability.oracles import Violations, clean_log, rest, tracebacks
from support.reliability.record import Recorder
from support.reliability.snapshot import Snapshot, differences
from support.running import RunningOperator
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

Record = Callable[..., Recorder]

SEED = 1
STEPS, BETWEEN_COMPARISONS = 500, 10
SAMPLE_STEPS, SAMPLE_BETWEEN = 15, 8
RESYNC_SECONDS = 2.0
SECONDS_TO_CONVERGE = 20.0

FLAGS = ("--prober", PROBER, "--resync-seconds", "2", "--poll-seconds", "2")

BROKEN: dict[str, dict[str, Any]] = {
    "an expression that is no PromQL": {"alerts": {"custom": [{"alert": "Broken", "expr": "sum(", "summary": "s"}]}},
    "a target that is not there": {"target": {"name": "somewhere-else"}},
    "a Secret that is not there": {
        "notifications": {
            "receivers": [{"name": "a", "webhook": {"urlSecretRef": {"name": "nowhere", "key": "url"}}}],
        }
    },
}
"""Changes after which the resource cannot be Ready; reverting them must restore everything."""


class Campaign:
    """Changes one resource and compares it with fresh ones."""

    def __init__(self, plane: ControlPlane, directory: Path, recorder: Recorder, seed: int) -> None:
        self._plane = plane
        self._recorder = recorder
        self._name = f"chain-{time.monotonic_ns():x}"
        self._seed = seed
        self._fresh = 0
        self.chain = Chain(Tenant(plane, f"{self._name}-0000"), Generator(seed))
        self.operator = RunningOperator(plane, f"{self._name}-ops", directory, flags=FLAGS, name=self._name)

    def run(self, steps: int, between: int) -> None:
        """Take the steps; compare after each `between` of them and at the end."""
        self.chain.create()
        self.operator.start()
        said: list[str] = []
        for number in range(1, steps + 1):
            said.append(self._step(number))
            if number % between == 0 or number == steps:
                self._compare(f"steps to {number}: {'; '.join(said)}")
                said = []
        self._end()

    def _step(self, number: int) -> str:
        chain = self.chain
        chances = [chain.edit] * 12 + [chain.replace, chain.rotate, chain.replace_target, chain.drift, chain.drift]
        if number % 20 == 0:
            return self._break_and_revert()
        said = chain.generator.random.choice(chances)()
        if chain.generator.random.random() < 0.7:
            self._wait_until_seen(chain)
        chain.settle_claims()
        return said

    def _break_and_revert(self) -> str:
        """Pass through a state that cannot be Ready, and demand the state before it back."""
        name = self.chain.generator.random.choice(sorted(BROKEN))
        before, good = self._compare(f"before {name}"), self.chain.spec
        self.chain.write({**deepcopy(good), **BROKEN[name]})
        eventually(lambda: self.chain.tenant.condition("Ready").get("status") == "False", SECONDS_TO_CONVERGE)
        self.chain.settle_claims()
        self.chain.write(good)
        seconds, different = self._until(lambda: differences(before, self._settled_state()))
        plan = f"{name}, and back"
        violations: Violations = {"O1": different} if different else {}
        self._recorder.add(plan, converged=not different, seconds=seconds, violations=violations)
        return plan

    def _compare(self, plan: str) -> Snapshot:
        """Demand the state that is made fresh, and return it."""
        self.chain.make_comparable()
        self._fresh += 1
        fresh = self.chain.fresh(self._plane, f"{self._name}-{self._fresh:04}")
        self._converged(fresh)
        wanted = fresh.state()
        seconds, different = self._until(lambda: differences(wanted, self._settled_state()))
        violations: Violations = {"O1": different} if different else {}
        self._recorder.add(plan, converged=not different, seconds=seconds, violations=violations)
        clear(fresh.tenant)
        return wanted

    def _settled_state(self) -> Snapshot:
        self.chain.settle_claims()
        return self.chain.state()

    def _until(self, different: Callable[[], list[str]]) -> tuple[float, list[str]]:
        """Wait until nothing differs; return how long that took, and what still differs."""
        began = time.monotonic()
        while (found := different()) and time.monotonic() - began < SECONDS_TO_CONVERGE:
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began, found

    def _wait_until_seen(self, chain: Chain) -> None:
        def seen() -> bool:
            body = chain.tenant.look(CRM_MONITORING, "crm")
            return bool(body.get("status", {}).get("observedGeneration") == body["metadata"]["generation"])

        eventually(seen, SECONDS_TO_CONVERGE)

    def _converged(self, chain: Chain) -> None:
        """Wait until the state of a chain stays as it is."""
        self._wait_until_seen(chain)
        since, last = time.monotonic(), chain.state()
        deadline = since + SECONDS_TO_CONVERGE
        while time.monotonic() - since < 0.5 and time.monotonic() < deadline:
            chain.settle_claims()
            now = chain.state()
            if now != last:
                since, last = time.monotonic(), now

    def _end(self) -> None:
        self._converged(self.chain)
        self.operator.settle()
        mark = self.operator.mark()
        time.sleep(2 * RESYNC_SECONDS * 1.2)
        violations: Violations = {"O3": rest(self.operator.requests(mark))}
        self.operator.end()
        log = self.operator.log.read_text(encoding="utf-8")
        violations |= {"O7": clean_log(log), "O10": self.operator.complaints()}
        self._recorder.add("the end", converged=True, tracebacks=tracebacks(log), violations=violations)

    def close(self) -> None:
        """End the operator and leave nothing for others to look at."""
        self.operator.kill()
        clear(self.chain.tenant)


def carry_out(plane: ControlPlane, directory: Path, recorder: Recorder, steps: int, between: int) -> None:
    """Run the campaign and demand that nothing was wrong."""
    campaign = Campaign(plane, directory, recorder, SEED)
    try:
        campaign.run(steps, between)
    finally:
        campaign.close()
    assert not recorder.failures(), recorder.told()


@pytest.mark.timeout(180)
def test_a_few_transitions_lead_to_the_state_that_is_made_fresh(
    served_plane: ControlPlane, record: Record, tmp_path: Path
) -> None:
    carry_out(served_plane, tmp_path, record("transitions", SEED), SAMPLE_STEPS, SAMPLE_BETWEEN)


@pytest.mark.reliability
@pytest.mark.timeout(3600)
def test_every_chain_of_transitions_leads_to_the_state_that_is_made_fresh(
    served_plane: ControlPlane, record: Record, tmp_path: Path
) -> None:
    carry_out(served_plane, tmp_path, record("transitions", SEED), STEPS, BETWEEN_COMPARISONS)
