"""`spec.slos`: service level objectives."""

from typing import Literal

from pydantic import Field

from crm_monitoring.api.v1alpha1.base import Duration, Model, Name, Ratio


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
