"""Health endpoints of the CRM and the names of its components."""

HEALTH_PATH = "/api/crm/health"
READINESS_PATH = "/api/crm/health/readiness"
LIVENESS_PATH = "/api/crm/health/liveness"

METRICS_PATH = "/metrics"
METRICS_PORT = 8000

STATUSES = ("healthy", "degraded", "unhealthy")
COMPONENTS = ("email_agent", "messaging_agent", "database", "cache")
