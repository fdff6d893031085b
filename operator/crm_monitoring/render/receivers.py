"""Receivers in the form of alertmanager.yaml: settings and message templates of each kind."""

from collections.abc import Callable, Mapping
from typing import Any

from crm_monitoring.api.v1alpha1.base import SecretKeyRef
from crm_monitoring.api.v1alpha1.notifications import Email, PagerDuty, Receiver, Slack, Watchdog, Webhook
from crm_monitoring.contract.alerts import Severity

Credential = Callable[[SecretKeyRef], Any]
"""Gives what stands in the configuration for a Secret key: its value, or a reference to it."""

Integration = tuple[str, dict[str, Any]]
"""Name of the list in a receiver (`slack_configs`) and its one entry."""

TITLE = (
    '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] '
    "{{ .CommonLabels.alertname }} {{ .CommonLabels.namespace }}/{{ .CommonLabels.crm_monitoring }}"
)
SLACK_TEXT = (
    "{{ range .Alerts }}*{{ .Status }}* {{ .Labels.severity }}: "
    "{{ if .Annotations.summary }}{{ .Annotations.summary }}{{ else }}{{ .Labels.alertname }}{{ end }}\n"
    "{{ with .Annotations.description }}{{ . }}\n{{ end }}"
    "{{ with .Annotations.runbook_url }}<{{ . }}|Runbook>\n{{ end }}{{ end }}"
)
PAGERDUTY_DESCRIPTION = f"{TITLE}{{{{ with .CommonAnnotations.summary }}}}: {{{{ . }}}}{{{{ end }}}}"
PAGERDUTY_CLASS = "{{ .CommonLabels.alertname }}"
PAGERDUTY_GROUP = "{{ .CommonLabels.namespace }}/{{ .CommonLabels.crm_monitoring }}"
RUNBOOK = "{{ .CommonAnnotations.runbook_url }}"

PAGERDUTY_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
"""The Events API v2 answers 400 to any other severity, and the page is lost."""

SETTINGS: Mapping[str, frozenset[str]] = {
    "pagerduty_configs": frozenset(
        ["send_resolved", "routing_key", "severity", "description", "class", "component", "group", "client", "links"]
    ),
    "slack_configs": frozenset(["send_resolved", "api_url", "channel", "title", "text"]),
    "email_configs": frozenset(
        ["send_resolved", "to", "from", "smarthost", "auth_username", "auth_password", "require_tls", "headers"]
    ),
    "webhook_configs": frozenset(["send_resolved", "url"]),
}
"""Every setting that a receiver can have, by the name of its list. No proxies, no files, no HTTP options."""


def integration(receiver: Receiver, exported: Mapping[str, str], credential: Credential) -> Integration:
    """Return the settings of a receiver. `exported` gives the name under which each severity is exported."""
    common = {"send_resolved": receiver.send_resolved}
    if receiver.pagerduty:
        return "pagerduty_configs", common | _pagerduty(receiver.pagerduty, exported, credential)
    if receiver.slack:
        return "slack_configs", common | _slack(receiver.slack, credential)
    if receiver.email:
        return "email_configs", common | _email(receiver.email, credential)
    assert receiver.webhook
    return "webhook_configs", common | _webhook(receiver.webhook, credential)


def heartbeat(watchdog: Watchdog, credential: Credential) -> Integration:
    """Return the settings of the dead man's switch, which knows no end of an alert."""
    return "webhook_configs", {"send_resolved": False, "url": credential(watchdog.url_secret_ref)}


def pagerduty_severity(exported: Mapping[str, str]) -> str:
    """Return the template that turns the worst severity of a notification into one that PagerDuty knows.

    Where several severities are exported under one name, the worst of them counts. A severity that is not ours is an
    `error`. The alerts of a notification differ in severity only when it is not in `groupBy`.
    """
    worst: dict[str, Severity] = {}
    for severity in Severity:
        worst.setdefault(exported[severity], severity)
    branches = "{{ else if ".join(
        f'match "\\\\|{name}\\\\|" $all }}}}{PAGERDUTY_SEVERITIES[severity]}' for name, severity in worst.items()
    )
    collect = '{{ $all := "|" }}{{ range .Alerts }}{{ $all = printf "%s%s|" $all .Labels.severity }}{{ end }}'
    return f"{collect}{{{{ if {branches}{{{{ else }}}}error{{{{ end }}}}"


def _pagerduty(pagerduty: PagerDuty, exported: Mapping[str, str], credential: Credential) -> dict[str, Any]:
    return {
        "routing_key": credential(pagerduty.routing_key_secret_ref),
        "severity": pagerduty_severity(exported),
        "description": PAGERDUTY_DESCRIPTION,
        "class": PAGERDUTY_CLASS,
        "component": "crm",
        "group": PAGERDUTY_GROUP,
        "client": "crm-monitoring-operator",
        "links": [{"href": RUNBOOK, "text": "Runbook"}],
    }


def _slack(slack: Slack, credential: Credential) -> dict[str, Any]:
    content = {"api_url": credential(slack.webhook_url_secret_ref), "title": TITLE, "text": SLACK_TEXT}
    return content | ({"channel": slack.channel} if slack.channel else {})


def _email(email: Email, credential: Credential) -> dict[str, Any]:
    content: dict[str, Any] = {
        "to": ", ".join(email.to),
        "from": email.from_,
        "smarthost": email.smarthost,
        "require_tls": email.require_tls,
        "headers": {"Subject": TITLE},
    }
    if email.auth_username and email.auth_password_secret_ref:
        content["auth_username"] = email.auth_username
        content["auth_password"] = credential(email.auth_password_secret_ref)
    return content


def _webhook(webhook: Webhook, credential: Credential) -> dict[str, Any]:
    return {"url": credential(webhook.url_secret_ref)}
