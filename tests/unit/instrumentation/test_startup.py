"""Settings from the environment, and starting everything in one call."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_monitoring.contract import environment as env
from crm_monitoring.errors import SettingsError
from crm_monitoring.instrumentation.startup import MetricsServer
from crm_monitoring.instrumentation.startup_config import AlertSettings, Config, alert_settings, from_env
from crm_monitoring.instrumentation.testing import isolated_metrics
from crm_monitoring.sealed import Sealed

ROOT = Path(__file__).parents[3]
SEED = ROOT / "tests" / "data" / "seed_examples" / "environment.sh"
HOOK = "https://hooks.slack.com/services/T000/B000/abcDEF123"


def seed() -> dict[str, str]:
    """Return the variables of the product document."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", SEED.read_text(), re.MULTILINE))


def test_nothing_set_gives_the_defaults() -> None:
    assert from_env({}) == Config()


def test_the_defaults_are_those_of_the_contract() -> None:
    assert from_env({variable.name: variable.default for variable in env.ALL if variable.default}) == Config()


def test_every_variable_of_the_product_document_is_read() -> None:
    keys = {"CRM_ALERT_PAGERDUTY_KEY": "abc123", "CRM_ALERT_SLACK_WEBHOOK": HOOK}
    assert from_env(seed() | keys) == Config(
        log_level="INFO",
        log_file="/var/log/crm/crm.log",
        enable_json_logging=True,
        metrics_port=8000,
        metrics_path="/metrics",
        health_check_interval_seconds=30,
        alerting=AlertSettings(
            pagerduty_key=Sealed(b"abc123"),
            slack_webhook=Sealed(HOOK.encode()),
            email_to=("ops@example.com",),
            email_from="ops@example.com",
        ),
    )


def test_a_placeholder_that_was_not_filled_in_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        from_env(seed())
    assert [problem.path for problem in caught.value.problems] == [
        "CRM_ALERT_PAGERDUTY_KEY",
        "CRM_ALERT_SLACK_WEBHOOK",
    ]


WRONG = {
    "CRM_LOG_LEVEL": ("LOUD", "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    "CRM_ENABLE_JSON_LOGGING": ("maybe", "must be one of true, 1, yes, on, false, 0, no, off"),
    "CRM_METRICS_PORT": ("70000", "must be a port number from 1 to 65535"),
    "CRM_METRICS_PATH": ("metrics", "must be a path that begins with /, without query"),
    "CRM_HEALTH_CHECK_INTERVAL": ("0", "must be a number of seconds from 1 to 3600"),
    "CRM_ALERT_PAGERDUTY_KEY": ("s3cret value", "must be a routing key: letters, digits, - and _"),
    "CRM_ALERT_PAGERDUTY_REGION": ("asia", "must be one of us, eu"),
    "CRM_ALERT_SLACK_WEBHOOK": (
        "https://example.com/s3cret",
        "must be https://hooks.slack.com/services/T.../B.../...",
    ),
    "CRM_ALERT_WEBHOOK_URL": (
        "ftp://s3cret",
        "must be an address that begins with https:// or http://, without user and password",
    ),
    "CRM_ALERT_EMAIL_TO": ("ops@example.com, nobody", "must be e-mail addresses separated by commas"),
    "CRM_ALERT_EMAIL_FROM": ("crm", "must be one e-mail address"),
    "CRM_ALERT_SMTP_PORT": ("25x", "must be a port number from 1 to 65535"),
    "CRM_ALERT_SMTP_SECURITY": ("ssl", "must be one of none, starttls, tls"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_named_with_what_is_accepted(name: str) -> None:
    value, message = WRONG[name]
    with pytest.raises(SettingsError) as caught:
        from_env({name: value})
    assert [str(problem) for problem in caught.value.problems] == [f"{name}: {message}"]


def test_every_problem_is_reported_at_once_and_no_secret_with_it() -> None:
    with pytest.raises(SettingsError) as caught:
        from_env({name: value for name, (value, _) in WRONG.items()})
    assert {problem.path for problem in caught.value.problems} == set(WRONG)
    assert "s3cret" not in str(caught.value)


RIGHT: dict[str, tuple[dict[str, str], Config]] = {
    "an empty value is not set": ({"CRM_LOG_LEVEL": "", "CRM_METRICS_PORT": " "}, Config()),
    "a level in small letters": ({"CRM_LOG_LEVEL": "debug"}, Config(log_level="DEBUG")),
    "no in other words": ({"CRM_ENABLE_JSON_LOGGING": "Off"}, Config(enable_json_logging=False)),
    "part of a second": ({"CRM_HEALTH_CHECK_INTERVAL": "2.5"}, Config(health_check_interval_seconds=2.5)),
    "a mail server with encryption": (
        {"CRM_ALERT_SMTP_SECURITY": "starttls", "CRM_ALERT_SMTP_HOST": "smtp.example.com"},
        Config(alerting=AlertSettings(smtp_security="starttls", smtp_port=587, smtp_host="smtp.example.com")),
    ),
    "several addresses, the first is the sender": (
        {"CRM_ALERT_EMAIL_TO": "a@example.com, b@example.com"},
        Config(alerting=AlertSettings(email_to=("a@example.com", "b@example.com"), email_from="a@example.com")),
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_accepted(case: str) -> None:
    environ, expected = RIGHT[case]
    assert from_env(environ) == expected


def test_a_password_is_never_sent_in_the_clear() -> None:
    with pytest.raises(SettingsError, match="CRM_ALERT_SMTP_SECURITY: must be starttls or tls"):
        from_env({"CRM_ALERT_SMTP_USER": "crm", "CRM_ALERT_SMTP_PASSWORD": "s3cret"})


@pytest.mark.parametrize("name", ["CRM_ALERT_SMTP_USER", "CRM_ALERT_SMTP_PASSWORD"])
def test_user_and_password_belong_together(name: str) -> None:
    with pytest.raises(SettingsError, match="must be set together with CRM_ALERT_SMTP_USER"):
        from_env({name: "x", "CRM_ALERT_SMTP_SECURITY": "tls"})


def test_the_alert_manager_reads_its_own_variables_only() -> None:
    assert alert_settings({"CRM_LOG_LEVEL": "LOUD"}) == AlertSettings()


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    with isolated_metrics() as collector:
        collector.record_cache_hit()
        started = MetricsServer(0, "/crm/metrics", "127.0.0.1")
        yield started
        started.close()


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_metrics_are_served_on_their_path_only(server: MetricsServer) -> None:
    status, body = get(server.port, "/crm/metrics")
    assert status == 200
    assert "crm_cache_hits_total 1.0" in body
    assert get(server.port, "/metrics")[0] == 404


def test_serving_says_nothing(server: MetricsServer, capfd: pytest.CaptureFixture[str]) -> None:
    get(server.port, "/crm/metrics")
    assert capfd.readouterr() == ("", "")


STARTED = """
import json, logging, urllib.request
from crm_monitoring.instrumentation import get_alert_manager, get_health_checker, initialize_crm_monitoring
checker = initialize_crm_monitoring("2.0.0", "production", repository=lambda: True, serve_metrics=True, {more})
assert get_health_checker() is checker
text = urllib.request.urlopen("http://127.0.0.1:{port}/metrics").read().decode()
print(json.dumps({{
    "info": [line for line in text.splitlines() if line.startswith("crm_info")],
    "interval": checker.interval_seconds,
    "level": logging.getLevelName(logging.getLogger().level),
    "channels": list(get_alert_manager().delivery_reports()),
}}))
"""


def started(port: int, more: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Start the library in a process of its own: it sets up logging for the whole process."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CRM_")}
    settings = {"PYTHONPATH": str(ROOT / "operator"), "CRM_METRICS_PORT": str(port), **environ}
    code = STARTED.format(port=port, more=more)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=inherited | settings, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def port() -> int:
    with isolated_metrics():
        server = MetricsServer(0, host="127.0.0.1")
        server.close()
    return server.port


def test_one_call_starts_everything(port: int) -> None:
    environ = {"CRM_HEALTH_CHECK_INTERVAL": "7", "CRM_LOG_LEVEL": "ERROR", "CRM_ALERT_EMAIL_TO": "ops@example.com"}
    done = started(port, **environ)
    assert json.loads(done.stdout) == {
        "info": ['crm_info{environment="production",version="2.0.0"} 1.0'],
        "interval": 7.0,
        "level": "ERROR",
        "channels": ["email"],
    }, done.stderr


def test_an_argument_wins_over_its_variable(port: int) -> None:
    done = started(port, 'log_level="critical"', CRM_LOG_LEVEL="ERROR")
    assert json.loads(done.stdout)["level"] == "CRITICAL", done.stderr


def test_a_wrong_setting_stops_the_start_with_every_problem(port: int) -> None:
    done = started(port, CRM_LOG_LEVEL="LOUD", CRM_ALERT_SLACK_WEBHOOK="s3cret")
    assert done.returncode == 1
    assert "CRM_ALERT_SLACK_WEBHOOK: must be" in done.stderr
    assert "CRM_LOG_LEVEL: must be" in done.stderr
    assert "s3cret" not in done.stderr
