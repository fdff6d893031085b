"""Building the alert manager of a process, and finding it again."""

import os
import threading
from collections.abc import Mapping

from crm_monitoring.instrumentation.alerts.apprise_posts import destinations
from crm_monitoring.instrumentation.alerts.manager import COOLDOWN_SECONDS, AlertManager
from crm_monitoring.instrumentation.startup_config import AlertSettings, alert_settings

_process: dict[str, AlertManager] = {}
_lock = threading.RLock()


def initialize_alert_manager(
    settings: AlertSettings | None = None,
    *,
    thresholds: Mapping[str, float] | None = None,
    cooldown_seconds: float = COOLDOWN_SECONDS,
) -> AlertManager:
    """Build the alert manager of this process and return it; an earlier one takes no more alerts.

    Without `settings` the variables CRM_ALERT_* decide where alerts go. Raise SettingsError with everything that is
    wrong, also when a channel is configured and apprise is not installed.
    """
    if settings is None:
        settings = alert_settings(os.environ)
    manager = AlertManager(destinations(settings), thresholds=thresholds, cooldown_seconds=cooldown_seconds)
    with _lock:
        before = _process.get("manager")
        _process["manager"] = manager
    if before is not None:
        before.close(timeout_seconds=0)
    return manager


def get_alert_manager() -> AlertManager:
    """Return the alert manager of this process; the first call builds it from the environment."""
    with _lock:
        return _process.get("manager") or initialize_alert_manager()
