"""`spec.slos`: service level objectives."""

from typing import ClassVar, Literal

from pydantic import Field

from crm_monitoring.api.quantities import milliseconds, prometheus_duration
from crm_monitoring.api.v1alpha1.base import Duration, Model, Name, Ratio
from crm_monitoring.api.v1alpha1.rules import Rule, ratio_within
from crm_monitoring.contract import metrics

BUCKET_BOUNDS = tuple(round(bound * 1_000) for bound in metrics.DELIVERY_TIME.buckets)
"""Bucket bounds of the delivery time in milliseconds: only there the share of fast deliveries is known exactly."""

_BOUNDS_IN_WORDS = ", ".join(prometheus_duration(f"{bound}ms") for bound in BUCKET_BOUNDS)
_BOUNDS_IN_CEL = ", ".join(f"duration('{bound}ms')" for bound in BUCKET_BOUNDS)


class Slo(Model):
    """One service level objective, alerted on by multi-window multi-burn-rate rules."""

    name: Name = Field(
        description="Name of the objective, unique within the resource; it becomes the label slo.",
        max_length=40,
    )
    sli: Literal["Delivery", "DeliveryTime", "API"] = Field(
        description="What is measured. Delivery: finished communications that were delivered. DeliveryTime: deliveries "
        "within threshold. API: provider requests that did not fail."
    )
    threshold: Duration | None = Field(
        None,
        description="Time within which a delivery is good; only and always with sli: DeliveryTime. It must be a bucket "
        "bound of crm_delivery_time_seconds, for example 300s.",
    )
    objective: Ratio = Field(description="Share that must be good, for example 99%. From 50% to 99.99%.")
    window: Literal["7d", "14d", "28d", "30d"] = Field("30d", description="Time over which the objective must hold.")

    rules: ClassVar = (
        ratio_within("objective", "50%", "99.99%"),
        Rule(
            "must be set with sli: DeliveryTime and only then",
            lambda it: (it.sli == "DeliveryTime") == (it.threshold is not None),
            cel="(self.sli == 'DeliveryTime') == has(self.threshold)",
            field="threshold",
        ),
        Rule(
            f"must be a bucket bound of {metrics.DELIVERY_TIME.name}: {_BOUNDS_IN_WORDS}",
            lambda it: it.threshold is None or milliseconds(it.threshold) in BUCKET_BOUNDS,
            cel=f"!has(self.threshold) || duration(self.threshold) in [{_BOUNDS_IN_CEL}]",
            field="threshold",
        ),
    )
