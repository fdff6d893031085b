from crm_monitoring.instrumentation import MetricsCollector, initialize_metrics

# Initialize metrics on startup
initialize_metrics()

# Record a communication sent
MetricsCollector.record_communication_sent(
    message_type="budget_summary",
    channel="email",
    status="delivered"
)

# Record delivery time
MetricsCollector.record_delivery_time(
    channel="email",
    delivery_time_seconds=5.2
)

# Record API error
MetricsCollector.record_api_error(
    api="twilio",
    error_type="rate_limit"
)
