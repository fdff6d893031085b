"""Health checks: what is asked, the rules, and the endpoints."""

from crm_monitoring.instrumentation.health.app import health_app
from crm_monitoring.instrumentation.health.asking import Check
from crm_monitoring.instrumentation.health.checker import HealthChecker
from crm_monitoring.instrumentation.health.component import Limits
from crm_monitoring.instrumentation.health.setup import NotInitialized, get_health_checker, initialize_health_checker
from crm_monitoring.instrumentation.health.status import ComponentHealth, HealthStatus, Status

__all__ = [
    "Check",
    "ComponentHealth",
    "HealthChecker",
    "HealthStatus",
    "Limits",
    "NotInitialized",
    "Status",
    "get_health_checker",
    "health_app",
    "initialize_health_checker",
]
