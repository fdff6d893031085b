"""docs/instrumentation.md: its code runs, and its tables say what is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crm_monitoring.contract import environment as env
from crm_monitoring.instrumentation.alerts.conditions import CONDITIONS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "instrumentation.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

FIVE_MINUTES = """
import json
from fastapi.testclient import TestClient
with TestClient(app) as crm:
    assert crm.post("/welcome").json() == {"sent": True}
    shown = crm.get("/api/crm/health").json()
    assert (shown["version"], list(shown["components"])) == ("2.0.0", ["database"])
    assert crm.get("/api/crm/health/liveness").status_code == 200
    metrics = crm.get("/metrics").text
    assert 'crm_communications_total{channel="email",message_type="welcome",status="sent"} 1.0' in metrics
"""
WITHOUT_A_FRAMEWORK = """
import asyncio, httpx
async def ask(path):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://crm") as crm:
        return await crm.get(path)
assert asyncio.run(ask("/hello")).text == "yours"
assert asyncio.run(ask("/api/crm/health/liveness")).json() == {"status": "healthy"}
"""
OWN_CHECKS = """
import asyncio
assert list(asyncio.run(health_checker.check_health()).components) == ["ledger", "template_store"]
"""
ALERTS = """
import asyncio
(found,) = asyncio.run(look_at({"delivery_rate": 0.5, "total_sent": 100}))
assert found.name == "CRMDeliveryRateLow"
"""
AFTERWARDS = {
    "the five minutes": FIVE_MINUTES,
    "without a framework": WITHOUT_A_FRAMEWORK,
    "checks of the CRM's own": OWN_CHECKS,
    "alerts": ALERTS,
}


def test_every_block_is_tested() -> None:
    assert len(BLOCKS) == len(AFTERWARDS)


@pytest.mark.parametrize("block", AFTERWARDS)
def test_the_code_runs(block: str, tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(BLOCKS[list(AFTERWARDS).index(block)] + AFTERWARDS[block])
    environ = {key: value for key, value in os.environ.items() if not key.startswith("CRM_")}
    environ["PYTHONPATH"] = str(ROOT / "operator")
    done = subprocess.run(
        [sys.executable, str(program)], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def cell(text: str | None) -> str:
    return f"`{text}`" if text else ""


def test_the_table_of_variables_is_the_contract() -> None:
    rows = [
        f"| `{variable.name}` | {cell(variable.default)} | {variable.description}{' Secret.' * variable.secret} |"
        for variable in env.ALL
    ]
    assert re.findall(r"^\| `CRM_.*$", TEXT, re.MULTILINE) == rows


def test_the_table_of_figures_is_what_is_judged() -> None:
    rows = []
    for condition in CONDITIONS:
        stock = condition.stock
        volume = f"`{condition.volume_key}`, {stock.minimum_volume}" if condition.volume_key else ""
        judged = f"| `{condition.key}` | {stock.name} | {stock.severity.value} | {stock.threshold or ''} "
        rows.append(f"{judged}| {cell(condition.scope)} | {volume} |")
    assert re.findall(r"^\| `[a-z_0-9]+` \| CRM.*$", TEXT, re.MULTILINE) == rows
