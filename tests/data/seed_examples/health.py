from crm_monitoring.instrumentation import initialize_health_checker

# Initialize health checker on startup
health_checker = initialize_health_checker(
    version="2.0.0",
    email_agent=email_agent,
    messaging_agent=messaging_agent,
    repository=repository,
    cache_manager=cache_manager
)

# Perform health check
health_status = await health_checker.check_health(include_details=True)
print(health_status.to_dict())
