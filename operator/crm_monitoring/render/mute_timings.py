"""Times at which mild alerts are not sent, in the form that Alertmanager reads."""

from typing import Any

from crm_monitoring.api.v1alpha1.notifications import MuteTiming

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def interval(timing: MuteTiming) -> dict[str, Any]:
    """Return the one interval of an entry of `time_intervals`. Without times and weekdays it lasts for ever."""
    content: dict[str, Any] = {"location": timing.location}
    if timing.times:
        content["times"] = [{"start_time": part.start, "end_time": part.end} for part in timing.times]
    if timing.weekdays:
        content["weekdays"] = [day for day in WEEKDAYS if day in timing.weekdays]
    return content
