"""What each figure should not exceed, by number of resources, on two cores with nothing else to do.

Extrapolated from prototypes on such a machine, see docs/performance.md.
"""

TARGETS: dict[str, dict[int, float]] = {
    "bulk: seconds until all are Ready": {1000: 20, 10_000: 200},
    "bulk: operator CPU seconds": {1000: 5, 10_000: 50},
    "bulk: operator peak RSS MiB": {1000: 120, 10_000: 250},
    "edit: p50 ms": {100: 25, 1000: 25},
    "edit: p99 ms": {100: 100, 1000: 100},
    "heal: p50 ms": {100: 50, 1000: 50},
    "restart: seconds until idle": {1000: 3, 10_000: 20},
    "restart: operator CPU seconds": {1000: 2, 10_000: 10},
    "restart: writes": {100: 0, 1000: 0, 10_000: 0},
    "restart: operator peak RSS MiB": {1000: 120, 10_000: 250},
}
