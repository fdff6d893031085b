"""What came of each plan: one JSON row a plan below dist/reliability/, of which tools/reliability_report.py makes a table.

recorder = Recorder("crash", seed=7, directory=ROWS)
recorder.add("create, before patch secrets", converged=True, seconds=1.2, violations={"O3": []})
assert not recorder.failures(), recorder.told()
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROWS = Path(__file__).resolve().parents[3] / "dist" / "reliability"
"""Where the rows of `make reliability` are."""


@dataclass(frozen=True, slots=True)
class Row:
    """The outcome of one plan."""

    campaign: str
    plan: str
    """A sentence from which the plan can be run again, together with the seed."""
    converged: bool
    seconds: float | None = None
    """From the end of the fault to everything being as it should; None where nothing had to recover."""
    exits: int = 0
    """How often the process ended without having been made to."""
    tracebacks: int = 0
    violations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Sentences by oracle, `O1` to `O10`; oracles that found nothing are not there."""
    seed: int = 0

    @property
    def is_good(self) -> bool:
        """Return whether nothing was wrong."""
        return self.converged and not (self.exits or self.tracebacks or self.violations)

    def told(self) -> str:
        """Return what was wrong, with the plan, for a person."""
        wrong = [f"{oracle}: {sentence}" for oracle, those in self.violations.items() for sentence in those]
        if not self.converged:
            wrong.insert(0, "it did not converge")
        if self.exits:
            wrong.append(f"the process ended {self.exits} times by itself")
        return "\n  ".join([f"[{self.campaign}] {self.plan} (seed {self.seed})", *wrong])


class Recorder:
    """Keeps the rows of a campaign, and writes each at once to `directory` unless that is None."""

    def __init__(self, campaign: str, *, seed: int = 0, directory: Path | None = None) -> None:
        self.rows: list[Row] = []
        self._campaign = campaign
        self._seed = seed
        self._path = directory / f"{campaign}.jsonl" if directory else None

    def add(
        self,
        plan: str,
        *,
        converged: bool,
        seconds: float | None = None,
        exits: int = 0,
        tracebacks: int = 0,
        violations: Mapping[str, Sequence[str]] | None = None,
    ) -> Row:
        """Note a plan's outcome."""
        found = {oracle: list(sentences) for oracle, sentences in (violations or {}).items() if sentences}
        rounded = None if seconds is None else round(seconds, 2)
        row = Row(self._campaign, plan, converged, rounded, exits, tracebacks, found, self._seed)
        self.rows.append(row)
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row), sort_keys=True) + "\n")
        return row

    def failures(self) -> list[Row]:
        """Return the plans in which something was wrong."""
        return [row for row in self.rows if not row.is_good]

    def told(self) -> str:
        """Return everything that was wrong, for the message of an assertion."""
        return "\n".join(row.told() for row in self.failures())


def read(directory: Path = ROWS) -> list[Row]:
    """Return the rows of all campaigns that were run, in the order of their names and of their plans' runs."""
    return [
        Row(**json.loads(line))
        for path in sorted(directory.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
