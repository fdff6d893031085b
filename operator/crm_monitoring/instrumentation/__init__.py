"""The in-app library: metrics, logging, health and alerts of the CRM itself.

Names are imported when they are first used (PEP 562), so that importing this package costs next to nothing and an
optional extra (`[alerts]`, `[otel]`, FastAPI) is needed only by who uses it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crm_monitoring.errors import SettingsError
    from crm_monitoring.instrumentation.alerts import (
        Alert,
        AlertManager,
        AlertSeverity,
        get_alert_manager,
        initialize_alert_manager,
    )
    from crm_monitoring.instrumentation.health import (
        Check,
        HealthChecker,
        HealthStatus,
        get_health_checker,
        health_app,
        initialize_health_checker,
    )
    from crm_monitoring.instrumentation.health.router import health_router
    from crm_monitoring.instrumentation.logging_config import configure_crm_logging, get_crm_logger
    from crm_monitoring.instrumentation.metrics import (
        MetricsCollector,
        initialize_metrics,
        metrics_asgi_app,
        metrics_wsgi_app,
        observe_delivery,
        track_active,
    )
    from crm_monitoring.instrumentation.startup import MetricsServer, initialize_crm_monitoring
    from crm_monitoring.instrumentation.startup_config import Config, from_env
    from crm_monitoring.instrumentation.tracing import delivery_span, retry_span, send_span

_HOMES = {
    "crm_monitoring.errors": ("SettingsError",),
    "crm_monitoring.instrumentation.alerts": (
        "Alert",
        "AlertManager",
        "AlertSeverity",
        "get_alert_manager",
        "initialize_alert_manager",
    ),
    "crm_monitoring.instrumentation.health": (
        "Check",
        "HealthChecker",
        "HealthStatus",
        "get_health_checker",
        "health_app",
        "initialize_health_checker",
    ),
    "crm_monitoring.instrumentation.health.router": ("health_router",),
    "crm_monitoring.instrumentation.logging_config": ("configure_crm_logging", "get_crm_logger"),
    "crm_monitoring.instrumentation.metrics": (
        "MetricsCollector",
        "initialize_metrics",
        "metrics_asgi_app",
        "metrics_wsgi_app",
        "observe_delivery",
        "track_active",
    ),
    "crm_monitoring.instrumentation.startup": ("MetricsServer", "initialize_crm_monitoring"),
    "crm_monitoring.instrumentation.startup_config": ("Config", "from_env"),
    "crm_monitoring.instrumentation.tracing": ("delivery_span", "retry_span", "send_span"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Alert",
    "AlertManager",
    "AlertSeverity",
    "Check",
    "Config",
    "HealthChecker",
    "HealthStatus",
    "MetricsCollector",
    "MetricsServer",
    "SettingsError",
    "configure_crm_logging",
    "delivery_span",
    "from_env",
    "get_alert_manager",
    "get_crm_logger",
    "get_health_checker",
    "health_app",
    "health_router",
    "initialize_alert_manager",
    "initialize_crm_monitoring",
    "initialize_health_checker",
    "initialize_metrics",
    "metrics_asgi_app",
    "metrics_wsgi_app",
    "observe_delivery",
    "retry_span",
    "send_span",
    "track_active",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
