from typing import Any

import pytest
import yaml

from crm_monitoring.render import merged
from crm_monitoring.render.bundle import Fragment
from support.alerting import fragment_of
from support.resources import full


def broken(change: str, value: Any) -> Fragment:
    """Return a full fragment with one thing changed: a path of names and indices, and its new value."""
    fragment = fragment_of(full())
    content: Any = {
        part: yaml.safe_load(yaml.safe_dump(list(getattr(fragment, part))))
        for part in ("routes", "receivers", "inhibit_rules", "time_intervals")
    }
    *path, last = [int(step) if step.lstrip("-").isdigit() else step for step in change.split(".")]
    holder = content
    for step in path:
        holder = holder[step]
    holder[last] = value
    return Fragment(fragment.secret_name, **{part: tuple(items) for part, items in content.items()})


MISTAKES: dict[str, tuple[str, Any, str]] = {
    "a route to an unknown receiver": ("routes.0.routes.1.receiver", "crm/crm/none", "receiver is used"),
    "a route for other alerts": ("routes.0.matchers", ['namespace="crm"'], "must match the resource's identity"),
    "a route without matchers": ("routes.0.routes.1.matchers", [], "must hold matchers"),
    "a matcher without quotes": ("routes.0.routes.1.matchers", ["severity=high"], "must hold matchers"),
    "a matcher with a line break": ("routes.0.routes.1.matchers", ['severity="a\nb"'], "must hold matchers"),
    "an interval that is no duration": ("routes.0.group_interval", "soon", "is not a duration"),
    "an interval in the wrong order": ("routes.0.group_interval", "1s2h", "is not a duration"),
    "an interval of nothing": ("routes.0.repeat_interval", "0s", "must not be zero"),
    "a group without identity": ("routes.0.group_by", ["alertname"], "must contain namespace and crm_monitoring"),
    "a label twice in a group": ("routes.0.group_by", ["namespace", "crm_monitoring", "namespace"], "each once"),
    "an unknown mute timing": ("routes.0.routes.1.mute_time_intervals", ["crm/crm/x"], "mute timing is used"),
    "a setting of somebody else": ("routes.0.match", {"a": "b"}, "not one of ours"),
    "continue as a text": ("routes.0.continue", "yes", "must be true or false"),
    "two receivers with one name": ("receivers.1.name", "crm/crm/pagerduty", "two have the same name"),
    "a receiver of another resource": ("receivers.1.name", "crm/other/slack", "has not the form"),
    "a receiver of a kind that we do not make": ("receivers.1.discord_configs", [], "must have one kind"),
    "a credential that is missing": (
        "receivers.0.pagerduty_configs",
        [{"send_resolved": True}],
        "routing_key: is missing",
    ),
    "a credential of wrong shape": ("receivers.1.slack_configs.0.api_url", "http://x", "does not start with https"),
    "an HTTP client of its own": ("receivers.1.slack_configs.0.http_config", {}, "not one of ours"),
    "no word on resolved alerts": ("receivers.3.webhook_configs.0.send_resolved", None, "must be true or false"),
    "an address that is none": ("receivers.2.email_configs.0.to", "ops@example.com, a..b@c", "not an e-mail address"),
    "a mail server without a port": ("receivers.2.email_configs.0.smarthost", "mail", "must be host:port"),
    "a mail server with port 70000": ("receivers.2.email_configs.0.smarthost", "mail:70000", "must be host:port"),
    "a reference to the environment": ("receivers.1.slack_configs.0.channel", "#$(HOME)", "holds $(NAME)"),
    "a control character": ("receivers.2.email_configs.0.auth_username", "a\x07", "control characters"),
    "a number where a text belongs": ("receivers.1.slack_configs.0.title", 7, "neither text nor true nor false"),
    "an inhibition of everybody": ("inhibit_rules.0.target_matchers", ['severity="low"'], "must begin with"),
    "an inhibition by everything": (
        "inhibit_rules.0.source_matchers",
        ['namespace="crm"', 'crm_monitoring="crm"'],
        "and go on",
    ),
    "an inhibition without equal labels": ("inhibit_rules.0.equal", [], "must contain namespace and crm_monitoring"),
    "a mute timing of another resource": ("time_intervals.0.name", "crm/other/nights", "must begin with"),
    "an unknown time zone": ("time_intervals.0.time_intervals.0.location", "Mars/Base", "is not a time zone"),
    "an unknown day": ("time_intervals.0.time_intervals.0.weekdays", ["moonday"], "not a day of the week"),
    "a night in one part": (
        "time_intervals.0.time_intervals.0.times",
        [{"start_time": "22:00", "end_time": "06:00"}],
        "start before end",
    ),
}


@pytest.mark.parametrize(("change", "value", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_the_check_finds(change: str, value: Any, problem: str) -> None:
    assert any(problem in found for found in merged.check(broken(change, value)))


def test_the_check_finds_nothing_in_what_we_render() -> None:
    assert merged.check(fragment_of(full())) == []


def test_the_check_repeats_no_value() -> None:
    problems = merged.check(broken("receivers.1.slack_configs.0.api_url", "http://canary"))

    assert problems
    assert not any("canary" in problem for problem in problems)
