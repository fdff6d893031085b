"""Everything in one call when the CRM starts."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from crm_monitoring.contract import environment as env
from crm_monitoring.instrumentation.alerts.setup import initialize_alert_manager
from crm_monitoring.instrumentation.health.checker import HealthChecker
from crm_monitoring.instrumentation.health.setup import initialize_health_checker
from crm_monitoring.instrumentation.logging_config import configure_crm_logging
from crm_monitoring.instrumentation.metrics import initialize_metrics, metrics_wsgi_app
from crm_monitoring.instrumentation.startup_config import from_env


def initialize_crm_monitoring(
    version: str = "unknown",
    environment: str = "unknown",
    *,
    log_level: str | None = None,
    enable_json_logging: bool | None = None,
    log_file: str | None = None,
    email_agent: object = None,
    messaging_agent: object = None,
    repository: object = None,
    cache_manager: object = None,
    checks: Mapping[str, object] | None = None,
    serve_metrics: bool = False,
    environ: Mapping[str, str] | None = None,
) -> HealthChecker:
    """Set up logging, metrics, alerts and health, and return the health checker.

    An argument wins over its CRM_* variable, which wins over the default; `environ` is `os.environ` unless given.
    With `serve_metrics` a thread serves the metrics on CRM_METRICS_PORT and CRM_METRICS_PATH, for a CRM that has no
    endpoint of its own. Raise SettingsError with every problem of the environment at once, OSError when the port is
    taken.
    """
    given = {
        env.LOG_LEVEL: log_level,
        env.LOG_FILE: log_file,
        env.ENABLE_JSON_LOGGING: None if enable_json_logging is None else str(enable_json_logging),
    }
    overlay = {variable.name: value for variable, value in given.items() if value is not None}
    config = from_env({**(os.environ if environ is None else environ), **overlay})
    checker = initialize_health_checker(
        version,
        email_agent=email_agent,
        messaging_agent=messaging_agent,
        repository=repository,
        cache_manager=cache_manager,
        checks=checks,
        interval_seconds=config.health_check_interval_seconds,
    )
    initialize_alert_manager(config.alerting)
    configure_crm_logging(log_level=config.log_level, enable_json=config.enable_json_logging, log_file=config.log_file)
    initialize_metrics(version=version, environment=environment)
    if serve_metrics:
        MetricsServer(config.metrics_port, config.metrics_path)
    return checker


class MetricsServer:
    """Serves the metrics from a thread until it is closed or the process ends."""

    def __init__(self, port: int, path: str = "/metrics", host: str = "0.0.0.0") -> None:  # noqa: S104 - Prometheus comes from outside of the pod
        """Start to serve; port 0 picks a free one. Raise OSError when the port is taken."""
        self._server = make_server(host, port, _only(path), _Server, _Quiet)
        threading.Thread(target=self._server.serve_forever, name="crm-metrics", daemon=True).start()

    @property
    def port(self) -> int:
        """Return the port in use."""
        return self._server.server_port

    def close(self) -> None:
        """Stop to serve and free the port."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10
    """Seconds after which a client that sends nothing is let go."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: a scrape every 15 s is not worth a line."""


def _only(path: str) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    metrics = metrics_wsgi_app()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == path:
            return metrics(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return [b""]

    return app
