import pytest
from crm_monitoring.instrumentation import MetricsCollector, get_crm_logger

def test_metrics_collection():
    """Test metrics are recorded correctly."""
    MetricsCollector.record_communication_sent(
        message_type="welcome",
        channel="email",
        status="delivered"
    )
    # Assert metric value increased

def test_structured_logging():
    """Test structured logging format."""
    logger = get_crm_logger(__name__)
    logger.info("Test message", plan_id="test-123")
    # Assert log entry contains expected fields
