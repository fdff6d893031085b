"""Alerts inside the CRM: conditions, the manager, delivery."""

from crm_monitoring.contract.alerts import Channel, Severity
from crm_monitoring.instrumentation.alerts.alert import Alert, Notice
from crm_monitoring.instrumentation.alerts.courier import DeliveryFailed, DeliveryReport, Destination
from crm_monitoring.instrumentation.alerts.manager import AlertManager, Sending
from crm_monitoring.instrumentation.alerts.setup import get_alert_manager, initialize_alert_manager

AlertSeverity = Severity

__all__ = [
    "Alert",
    "AlertManager",
    "AlertSeverity",
    "Channel",
    "DeliveryFailed",
    "DeliveryReport",
    "Destination",
    "Notice",
    "Sending",
    "get_alert_manager",
    "initialize_alert_manager",
]
