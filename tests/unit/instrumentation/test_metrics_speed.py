"""What recording and logging cost, compared with a floor measured in the same process.

The process is one of its own, so that what other tests imported does not count. A loaded machine spoils single rounds,
so the best of several processes is judged, each of which takes the best of its own rounds.
"""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "tools" / "bench_instrumentation.py"
PROCESSES = 4


def test_recording_and_logging_stay_within_their_limits() -> None:
    exceeded: dict[str, float] = {}
    for number in range(PROCESSES):
        run = subprocess.run([sys.executable, str(BENCH), "--json"], capture_output=True, text=True, check=False)
        rows = json.loads(run.stdout)
        slow = {row["name"]: row for row in rows if row["exceeded"]}
        exceeded = {
            name: min(row["times_floor"], exceeded.get(name, row["times_floor"]))
            for name, row in slow.items()
            if number == 0 or name in exceeded
        }
        if not exceeded:
            return
    raise AssertionError(f"over the limit in each of {PROCESSES} processes, as multiples of the floor: {exceeded}")
