"""What the environment says: every variable is read here, and every problem is reported at once."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crm_monitoring.contract import environment as env
from crm_monitoring.contract.environment import Variable
from crm_monitoring.contract.health import METRICS_PORT
from crm_monitoring.contract.logs import Level
from crm_monitoring.errors import Problem, SettingsError
from crm_monitoring.sealed import Sealed

BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
SMTP_PORTS = {"none": 25, "starttls": 587, "tls": 465}

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SLACK = re.compile(r"https://hooks\.slack\.com/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+")
_URL = re.compile(r"https?://[^\s/?#@]+(?:[/?][^\s#]*)?")
_URL_FORM = "an address that begins with https:// or http://, without user and password"
_PATH = re.compile(r"/[^\s?#]*")
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]+)?")
_ANYTHING = re.compile(r".+")
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where the alert manager delivers to. Nothing configured: nowhere."""

    pagerduty_key: Sealed | None = None
    pagerduty_region: str = "us"
    slack_webhook: Sealed | None = None
    webhook_url: Sealed | None = None
    email_to: tuple[str, ...] = ()
    email_from: str = ""
    smtp_host: str = "localhost"
    smtp_port: int = 25
    smtp_security: str = "none"
    smtp_user: str | None = None
    smtp_password: Sealed | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The library's settings."""

    log_level: str = "INFO"
    log_file: str | None = None
    enable_json_logging: bool = True
    metrics_port: int = 8000
    metrics_path: str = "/metrics"
    health_check_interval_seconds: float = 30.0
    alerting: AlertSettings = AlertSettings()


class Values:
    """Reads variables from a mapping such as `os.environ` and collects what is wrong with them.

    Messages say what would be accepted and never repeat a value. An empty value counts as not set.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[Problem] = []

    def wrong(self, variable: Variable, message: str) -> None:
        """Note a problem."""
        self._problems.append(Problem(variable.name, message))

    def raise_problems(self) -> None:
        """Raise SettingsError with every problem that was noted."""
        if self._problems:
            raise SettingsError(self._problems)

    def text(self, variable: Variable) -> str:
        """Return the value, else the default, else an empty text."""
        return self._environ.get(variable.name, "").strip() or variable.default or ""

    def choice(self, variable: Variable, accepted: Iterable[str], *, upper: bool = False) -> str:
        """Return one of the accepted words, however it was capitalized."""
        text = self.text(variable)
        word = text.upper() if upper else text.lower()
        if word in accepted:
            return word
        self.wrong(variable, f"must be one of {', '.join(accepted)}")
        return variable.default or ""

    def boolean(self, variable: Variable) -> bool:
        """Return what true, 1, yes, on and their opposites mean."""
        return BOOLEANS[self.choice(variable, BOOLEANS)]

    def port(self, variable: Variable, default: int) -> int:
        """Return a port number."""
        text = self.text(variable)
        if not text:
            return default
        if text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 65535:
            return int(text)
        self.wrong(variable, "must be a port number from 1 to 65535")
        return default

    def seconds(self, variable: Variable) -> float:
        """Return a number of seconds."""
        text = self.text(variable)
        if _NUMBER.fullmatch(text) and 1 <= float(text) <= 3600:
            return float(text)
        self.wrong(variable, "must be a number of seconds from 1 to 3600")
        return float(variable.default or 1)

    def secret(self, variable: Variable, form: re.Pattern[str], accepted: str) -> Sealed | None:
        """Return a credential, None when it is not set."""
        text = self.text(variable)
        if not text:
            return None
        if not form.fullmatch(text):
            self.wrong(variable, f"must be {accepted}")
        return Sealed(text.encode())


def from_env(environ: Mapping[str, str]) -> Config:
    """Return the settings. Raise SettingsError with every problem at once."""
    values = Values(environ)
    path = values.text(env.METRICS_PATH)
    if not _PATH.fullmatch(path):
        values.wrong(env.METRICS_PATH, "must be a path that begins with /, without query")
    config = Config(
        log_level=values.choice(env.LOG_LEVEL, tuple(Level), upper=True),
        log_file=values.text(env.LOG_FILE) or None,
        enable_json_logging=values.boolean(env.ENABLE_JSON_LOGGING),
        metrics_port=values.port(env.METRICS_PORT, METRICS_PORT),
        metrics_path=path,
        health_check_interval_seconds=values.seconds(env.HEALTH_CHECK_INTERVAL),
        alerting=_alerting(values),
    )
    values.raise_problems()
    return config


def alert_settings(environ: Mapping[str, str]) -> AlertSettings:
    """Return where alerts go. Raise SettingsError with every problem of the CRM_ALERT_* variables at once."""
    values = Values(environ)
    settings = _alerting(values)
    values.raise_problems()
    return settings


def _alerting(values: Values) -> AlertSettings:
    recipients = tuple(part.strip() for part in values.text(env.ALERT_EMAIL_TO).split(",") if part.strip())
    sender = values.text(env.ALERT_EMAIL_FROM) or next(iter(recipients), "")
    if not all(map(_ADDRESS.fullmatch, recipients)):
        values.wrong(env.ALERT_EMAIL_TO, "must be e-mail addresses separated by commas")
    if sender and not _ADDRESS.fullmatch(sender):
        values.wrong(env.ALERT_EMAIL_FROM, "must be one e-mail address")
    security = values.choice(env.ALERT_SMTP_SECURITY, SMTP_PORTS)
    user = values.text(env.ALERT_SMTP_USER) or None
    password = values.secret(env.ALERT_SMTP_PASSWORD, _ANYTHING, "a password")
    if (user is None) != (password is None):
        values.wrong(env.ALERT_SMTP_PASSWORD, f"must be set together with {env.ALERT_SMTP_USER.name}")
    if password is not None and security == "none":
        values.wrong(env.ALERT_SMTP_SECURITY, "must be starttls or tls where a password is sent")
    return AlertSettings(
        pagerduty_key=values.secret(env.ALERT_PAGERDUTY_KEY, _KEY, "a routing key: letters, digits, - and _"),
        pagerduty_region=values.choice(env.ALERT_PAGERDUTY_REGION, ("us", "eu")),
        slack_webhook=values.secret(env.ALERT_SLACK_WEBHOOK, _SLACK, "https://hooks.slack.com/services/T.../B.../..."),
        webhook_url=values.secret(env.ALERT_WEBHOOK_URL, _URL, _URL_FORM),
        email_to=recipients,
        email_from=sender,
        smtp_host=values.text(env.ALERT_SMTP_HOST),
        smtp_port=values.port(env.ALERT_SMTP_PORT, SMTP_PORTS[security]),
        smtp_security=security,
        smtp_user=user,
        smtp_password=password,
    )
