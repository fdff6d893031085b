"""The compiler alone: no cluster, one process."""

import time
from typing import Any

from crm_monitoring.api.validation import load
from crm_monitoring.render.compiler import render
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings

REPEATS = 300


def per_second(body: dict[str, Any], target: dict[str, Any], service: dict[str, Any], *, alike: bool) -> float:
    """Return how many resources are loaded, validated and rendered in a second of CPU time.

    Unless they are `alike`, no two wish the same, so that nothing of one serves another.
    """
    observed, settings = Observed.of(target, [service]), RenderSettings()
    bodies = [body if alike else _with_threshold(body, number) for number in range(REPEATS + 1)]
    render(load(bodies[0]), observed, {}, settings)
    started = time.process_time()
    for each in bodies[1:]:
        render(load(each), observed, {}, settings)
    return REPEATS / (time.process_time() - started)


def _with_threshold(body: dict[str, Any], number: int) -> dict[str, Any]:
    overrides = {"CRMQueueSizeHigh": {"threshold": str(1000 + number)}}
    return {**body, "spec": {**body["spec"], "alerts": {"overrides": overrides}}}
