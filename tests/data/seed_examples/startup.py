from crm_monitoring.instrumentation import initialize_crm_monitoring

# Initialize all monitoring components on startup
health_checker = initialize_crm_monitoring(
    version="2.0.0",
    environment="production",
    log_level="INFO",
    enable_json_logging=True,
    log_file="/var/log/crm/crm.log",
    email_agent=email_agent,
    messaging_agent=messaging_agent,
    repository=repository,
    cache_manager=cache_manager
)
