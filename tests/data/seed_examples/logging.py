from crm_monitoring.instrumentation import configure_crm_logging, get_crm_logger

# Configure logging on startup
configure_crm_logging(
    log_level="INFO",
    enable_json=True,
    log_file="/var/log/crm/crm.log"
)

# Get a logger instance
logger = get_crm_logger(__name__, component="MyComponent")

# Log with context
logger.info(
    "Processing request",
    plan_id="plan-123",
    client_id="client-456"
)

# Log communication events
logger.communication_sent(
    plan_id="plan-123",
    client_id="client-456",
    communication_id="comm-789",
    channel="email",
    message_type="welcome",
    status="sent"
)
