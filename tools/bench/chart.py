"""Cost against the number of resources, as SVG: a straight line is linear growth."""

from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN, GAP = 320, 220, 48, 16
SHOWN = {
    "bulk: operator CPU seconds": "CPU s, bulk",
    "restart: operator CPU seconds": "CPU s, restart",
    "bulk: operator peak RSS MiB": "peak RSS MiB",
    "bulk: seconds until all are Ready": "seconds, bulk",
}


def svg(runs: Sequence[dict[str, object]]) -> str:
    """Return one small plot for each figure, side by side."""
    plots = [_plot(index, name, title, runs) for index, (name, title) in enumerate(SHOWN.items())]
    size = f'width="{(WIDTH + GAP) * len(SHOWN)}" height="{HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(plots) + "\n</svg>\n"


def _plot(index: int, name: str, title: str, runs: Sequence[dict[str, object]]) -> str:
    points = sorted((_number(run["resources"]), _number(run[name])) for run in runs)
    most, highest = max(x for x, _ in points), max(y for _, y in points) or 1.0
    width, height = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    places = [(MARGIN + width * x / most, HEIGHT - MARGIN - height * y / highest) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [
        f'<text x="{WIDTH / 2}" y="20" text-anchor="middle">{title}</text>',
        f'<path d="M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}" fill="none" stroke="black"/>',
        f'<polyline points="{line}" fill="none" stroke="steelblue" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="steelblue"/>' for x, y in places),
        *(
            f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{size:g}</text>'
            f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{value:g}</text>'
            for (x, y), (size, value) in zip(places, points, strict=True)
        ),
    ]
    return f'<g transform="translate({index * (WIDTH + GAP)} 0)">' + "".join(parts) + "</g>"


def _number(value: object) -> float:
    assert isinstance(value, (int, float))
    return float(value)
