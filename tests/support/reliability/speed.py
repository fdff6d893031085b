"""Whether edits take longer than they did, told apart from what else a machine that is shared has to do."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SLOWER = 1.5
"""How much longer an edit of a good resource may take beside all bad ones."""

SLOWER_BESIDE_WORK = 4.0
"""The same while somebody edits, rotates and deletes without end: the operator, the API server, etcd and those people
share two cores here. Measured: 2.2 times beside one resource that is edited twenty times a second."""

FLOOR_SECONDS = 0.05
"""Less than this is no difference: a turn of the scheduler on a busy core, or one page of the API server's log."""

FEWEST = 100
"""Edits by which a median, too, is judged: a dozen beside the tests of another process say nothing."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How long edits take, in seconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Speed":
        """Return the speed in a series of edits."""
        return cls(statistics.median(seconds), sorted(seconds)[-1 - len(seconds) // 100])

    def __str__(self) -> str:
        return f"p50 {self.p50 * 1000:.0f} ms, p99 {self.p99 * 1000:.0f} ms"


def slower(beside: Sequence[float], before: Sequence[float], after: Sequence[float], most: float = SLOWER) -> list[str]:
    """Return in which way edits took longer than in two series of the same size in which nothing disturbed them.

    By how much the two differ, without a cause of ours, is by how much a third may differ from them: a busy machine so
    widens the bound by itself, and a quiet one leaves it at the floor. Medians of a dozen edits differed by 0.2 s at a
    load of 15, so this is true of them as well, and fewer than a hundred edits are not judged.
    """
    if len(beside) < FEWEST:
        return []
    calm, now, first, second = map(Speed.of, ([*before, *after], beside, before, after))
    judged = (
        ("p50", now.p50, calm.p50, max(FLOOR_SECONDS, abs(first.p50 - second.p50))),
        ("p99", now.p99, calm.p99, max(FLOOR_SECONDS, abs(first.p99 - second.p99))),
    )
    return [
        f"{name} of an edit is {found:.3f} s, and {known:.3f} s without the bad ones ({floor:.3f} s are noise)"
        for name, found, known, floor in judged
        if found > most * known + floor
    ]
