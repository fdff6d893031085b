"""`spec.alerts.anomaly`: how much of what is usual the volume of communications may stray from."""

from typing import ClassVar

from pydantic import Field

from crm_monitoring.api.v1alpha1.base import Model, Ratio
from crm_monitoring.api.v1alpha1.rules import ratio_within


class Anomaly(Model):
    """The band around the usual number of communications, which is the median of the same hour in earlier weeks."""

    weeks: int = Field(
        3,
        ge=1,
        le=4,
        description="How many earlier weeks are looked at, those that are there. Prometheus must keep series that long. "
        "From 3 weeks on, one unusual week does not change what is usual.",
    )
    margin: Ratio = Field(
        "30%",
        description="How far the number may stray from the median, beyond three standard deviations of a count "
        "(3 times the square root of the median). Above 0% and below 100%.",
    )

    rules: ClassVar = (ratio_within("margin", "0%", "100%", open_ends=True),)
