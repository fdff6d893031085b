"""The CRM's metrics: names, types, labels and buckets are those of the contract."""

from crm_monitoring.instrumentation.metrics.collector import MetricsCollector, default_collector, initialize_metrics
from crm_monitoring.instrumentation.metrics.exposition import metrics_asgi_app, metrics_wsgi_app, scrape_registry
from crm_monitoring.instrumentation.metrics.sections import observe_delivery, track_active

__all__ = [
    "MetricsCollector",
    "default_collector",
    "initialize_metrics",
    "metrics_asgi_app",
    "metrics_wsgi_app",
    "observe_delivery",
    "scrape_registry",
    "track_active",
]
