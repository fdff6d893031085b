"""Each alert, judged by Prometheus itself: what fires and, as much, what stays silent."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from crm_monitoring.contract import alerts
from promql.cases import anomaly, channels, delivery, monitoring, objectives, providers
from support import promtool
from support.promtool import Case
from support.resources import full

TABLES: dict[str, dict[str, Case]] = {
    "deliveries": delivery.CASES,
    "channels": channels.CASES,
    "providers": providers.CASES,
    "monitoring": monitoring.CASES,
    "objectives": objectives.CASES,
    "traffic": anomaly.CASES,
}
CASES = {name: case for table in TABLES.values() for name, case in table.items()}
NAMES = (*(alert.name for alert in alerts.ALL), alerts.WATCHDOG)


def fires(case: Case) -> bool:
    return any(alert.split()[0] == case.about for firing in case.firing.values() for alert in firing)


def test_names_of_cases_are_unique() -> None:
    assert len(CASES) == sum(map(len, TABLES.values()))


@pytest.mark.parametrize("alert", NAMES)
def test_every_alert_has_a_case_in_which_it_fires(alert: str) -> None:
    assert any(fires(case) for case in CASES.values() if case.about == alert)


@pytest.mark.parametrize("alert", NAMES)
def test_every_alert_has_a_case_in_which_it_stays_silent(alert: str) -> None:
    assert any(not fires(case) for case in CASES.values() if case.about == alert)


@pytest.mark.parametrize("table", TABLES)
def test_prometheus_fires_exactly_the_alerts_of_every_case(
    tool: Callable[[str], Path], tmp_path: Path, table: str
) -> None:
    files = [
        promtool.write(tmp_path, str(index), rules, tests)
        for index, (rules, tests) in enumerate(promtool.documents(TABLES[table]))
    ]
    result = promtool.run(tool("promtool"), "test", "rules", *files)
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_accepts_the_rules_of_every_case_without_a_lint(tool: Callable[[str], Path], tmp_path: Path) -> None:
    files = []
    for index, (rules, tests) in enumerate(promtool.documents(CASES)):
        promtool.write(tmp_path, str(index), rules, tests)
        files.append(tmp_path / f"{index}-rules.yaml")
    whole = tmp_path / "full-rules.yaml"
    whole.write_text(yaml.safe_dump(promtool.rule_file(promtool.rule_objects(full()["spec"]))))
    result = promtool.run(tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", whole, *files)
    assert result.returncode == 0, result.stdout + result.stderr
