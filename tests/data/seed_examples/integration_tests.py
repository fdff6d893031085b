async def test_health_check_endpoint():
    """Test health check endpoint."""
    response = await client.get("/api/crm/health")
    assert response.status_code == 200
    data = response.json()
    assert data["status"] in ["healthy", "degraded", "unhealthy"]
    assert "components" in data

async def test_metrics_endpoint():
    """Test Prometheus metrics endpoint."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert "crm_communications_total" in response.text
