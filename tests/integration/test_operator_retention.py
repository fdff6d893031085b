"""The running operator looks at the Prometheus that runs its rules."""

import pytest

from crm_monitoring.manifest import PROMETHEUS
from support.live import Tenant, eventually
from support.resources import minimal
from support.running import RunningOperator

pytestmark = pytest.mark.integration

MONTH = {"name": "delivery", "sli": "Delivery", "objective": "99%", "window": "30d"}


def test_an_objective_is_measurable_as_soon_as_prometheus_keeps_long_enough(
    operator: RunningOperator, tenant: Tenant
) -> None:
    tenant.monitor(minimal({"slos": [MONTH]}))
    tenant.ready()
    assert tenant.condition("ObjectivesMeasurable") == {}

    tenant.create(PROMETHEUS, "short", {"spec": {"ruleSelector": {}}})
    message = tenant.says("ObjectivesMeasurable", "False", "WindowExceedsRetention")
    assert f"{tenant.name}/short keeps 24h" in message
    assert tenant.condition("Ready")["status"] == "True"

    tenant.change(PROMETHEUS, "short", {"spec": {"retention": "40d"}})
    tenant.says("ObjectivesMeasurable", "True", "Measurable")

    tenant.delete(PROMETHEUS, "short")
    eventually(lambda: tenant.condition("ObjectivesMeasurable") == {})
