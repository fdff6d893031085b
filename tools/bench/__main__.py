"""`python -m bench [SIZE ...]`: time, requests, CPU and memory of the operator on the real API server.

Each size has a control plane of its own. Figures are printed beside their targets and written to dist/bench/. The
machine's other load changes every time but no count of requests, so on a busy machine compare CPU seconds and ratios.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from bench import chart, measuring
from bench.targets import TARGETS
from testbed.errors import TestbedError

DEFAULT_SIZES = (100, 1000)
LARGE = 10_000
OUTPUT = Path(__file__).resolve().parents[2] / "dist" / "bench"


def main() -> int:
    """Measure each size, print a table, write JSON and the plot."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", metavar="SIZE", help="numbers of resources (default 100 1000)")
    parser.add_argument("--large", action="store_true", help=f"also {LARGE} resources: many minutes, gigabytes")
    chosen = parser.parse_args()
    sizes = [*(chosen.sizes or DEFAULT_SIZES), *([LARGE] if chosen.large else [])]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    runs = []
    for size in sizes:
        load = os.getloadavg()[0]
        try:
            figures = {"resources": size, "load before": round(load, 1), **measuring.measure(size)}
        except (TestbedError, TimeoutError) as problem:
            print(f"bench: {problem}", file=sys.stderr)
            return 1
        runs.append(figures)
        (OUTPUT / f"{size}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        print("\n".join(lines(size, figures)))
    (OUTPUT / "cost.svg").write_text(chart.svg(runs), encoding="utf-8")
    print(f"written: {OUTPUT}")
    return 0


def lines(size: int, figures: dict[str, object]) -> list[str]:
    """Return the table of one run: what was measured, and its target at this size where there is one."""
    table = [f"\n{size} resources on {os.cpu_count()} cores"]
    for name, value in figures.items():
        if isinstance(value, dict):
            table += [f"  {name}: {verb}".ljust(52) + f"{count:>10}" for verb, count in value.items()]
            continue
        target = TARGETS.get(name, {}).get(size)
        verdict = ""
        if target is not None and isinstance(value, (int, float)):
            verdict = f"   target {target:g}: {'met' if value <= target else 'MISSED'}"
        table.append(f"  {name}".ljust(52) + f"{value:>10}{verdict}")
    return table


if __name__ == "__main__":
    sys.exit(main())
