"""Building the health checker of a process, and finding it again."""

import os
from collections.abc import Mapping

from crm_monitoring.contract.environment import HEALTH_CHECK_INTERVAL
from crm_monitoring.instrumentation.health.asking import Check
from crm_monitoring.instrumentation.health.checker import HealthChecker
from crm_monitoring.instrumentation.health.component import Limits
from crm_monitoring.instrumentation.health.status import CACHE, DATABASE, EMAIL_AGENT, MESSAGING_AGENT
from crm_monitoring.instrumentation.startup_config import Values

_process: dict[str, HealthChecker] = {}


class NotInitialized(RuntimeError):
    """Something was asked for that `initialize_...` has not built yet."""


def initialize_health_checker(
    version: str = "unknown",
    *,
    email_agent: object = None,
    messaging_agent: object = None,
    repository: object = None,
    cache_manager: object = None,
    checks: Mapping[str, object] | None = None,
    interval_seconds: float | None = None,
    limits: Limits | None = None,
) -> HealthChecker:
    """Build the checker of this process and return it; `get_health_checker` finds it again.

    A dependency has `health_check()`, `ping()` or `is_healthy`, sync or async, or is a function. One that is None is
    not a component of this CRM. `checks` adds components of the CRM's own: a function, an object or a `Check`.
    The interval is CRM_HEALTH_CHECK_INTERVAL unless given. Raise SettingsError with everything that is wrong.
    """
    given = {
        EMAIL_AGENT: email_agent,
        MESSAGING_AGENT: messaging_agent,
        DATABASE: repository,
        CACHE: cache_manager,
        **(checks or {}),
    }
    wanted = {
        name: dependency if isinstance(dependency, Check) else Check(dependency)
        for name, dependency in given.items()
        if dependency is not None
    }
    if interval_seconds is None:
        values = Values(os.environ)
        interval_seconds = values.seconds(HEALTH_CHECK_INTERVAL)
        values.raise_problems()
    _process["checker"] = HealthChecker(wanted, version=version, interval_seconds=interval_seconds, limits=limits)
    return _process["checker"]


def get_health_checker() -> HealthChecker:
    """Return the checker of this process. Raise NotInitialized before `initialize_health_checker`."""
    try:
        return _process["checker"]
    except KeyError:
        raise NotInitialized("call initialize_health_checker or initialize_crm_monitoring first") from None
