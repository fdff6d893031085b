from crm_monitoring.instrumentation import AlertSeverity, get_alert_manager

# Get alert manager
alert_manager = get_alert_manager()

# Evaluate conditions with current metrics
metrics = {
    "total_sent": 100,
    "delivery_rate": 0.85,  # Below 90% threshold
    "auth_failures": 0,
    "all_channels_failed": False
}

triggered_alerts = alert_manager.evaluate_conditions(metrics)

# Send alerts
for alert in triggered_alerts:
    await alert_manager.send_alert(alert)

# Get active alerts
active_alerts = alert_manager.get_active_alerts(severity=AlertSeverity.CRITICAL)
