"""amtool accepts what is merged, routes as the severity matrix says, and renders every template."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from crm_monitoring.contract.alerts import SEVERITY_MATRIX, WATCHDOG, Channel, Severity
from crm_monitoring.manifest import Manifest
from crm_monitoring.render import merged
from support.alerting import WATCHDOG as HEARTBEAT
from support.alerting import fragment_of, notifying, receivers_of, texts, tree_of
from support.resources import EMAIL, PAGERDUTY, RECEIVERS, SLACK, WEBHOOK, full, quickstart

Tool = Callable[[str], Path]

MAPPED = {"severityMap": {"high": "critical", "medium": "warning", "low": "info"}}
NIGHTS = {"name": "nights", "weekdays": ["sunday"], "location": "America/Argentina/Buenos_Aires"}

FILES: dict[str, list[Manifest]] = {
    "no resource": [],
    "the quick start": [quickstart()],
    "every block": [full()],
    "many resources": [full(name=f"crm-{number}") for number in range(20)],
    "names with dots in two namespaces": [notifying(name="crm.v2"), notifying(name="crm.v2", namespace="crm-2")],
    "severities under other names": [notifying(HEARTBEAT, alerts=MAPPED)],
}

CHANNELS = {
    Channel.PAGERDUTY: PAGERDUTY,
    Channel.SLACK: SLACK,
    Channel.EMAIL: EMAIL,
    Channel.WEBHOOK: WEBHOOK,
}

OWN = {"namespace": "crm", "crm_monitoring": "crm"}
FOREIGN = {
    "another resource": {"namespace": "crm", "crm_monitoring": "elsewhere"},
    "another namespace": {"namespace": "elsewhere", "crm_monitoring": "crm"},
    "nobody": {},
}


def run(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(directory: Path, bodies: list[Manifest]) -> Path:
    path = directory / "alertmanager.yaml"
    path.write_bytes(merged.merge(map(fragment_of, bodies)))
    return path


def told(amtool: Path, config: Path, labels: Mapping[str, str]) -> list[str]:
    pairs = [f'{name}="{value}"' for name, value in labels.items()]
    return run([amtool, "config", "routes", "test", f"--config.file={config}", *pairs]).strip().split(",")


@pytest.mark.parametrize("feature", ["", "classic-mode", "utf8-strict-mode"], ids=lambda name: name or "by default")
@pytest.mark.parametrize("bodies", FILES.values(), ids=FILES)
def test_amtool_accepts_the_merged_file(bodies: list[Manifest], feature: str, tool: Tool, tmp_path: Path) -> None:
    output = run([tool("amtool"), "check-config", f"--enable-feature={feature}", written(tmp_path, bodies)])

    assert "SUCCESS" in output
    assert "incompatible" not in output
    assert "disagree" not in output


@pytest.mark.parametrize(("channel", "receiver"), CHANNELS.items(), ids=list(CHANNELS))
def test_each_severity_reaches_the_kinds_of_receiver_of_the_matrix(
    channel: Channel, receiver: dict[str, Any], tool: Tool, tmp_path: Path
) -> None:
    receivers = [{"name": "first", "severities": ["critical"], "webhook": WEBHOOK["webhook"]}]
    own = {name: value for name, value in receiver.items() if name != "severities"}
    config = written(tmp_path, [notifying({"receivers": [*receivers, own]})])

    for severity in Severity:
        reached = f"crm/crm/{receiver['name']}" in told(tool("amtool"), config, OWN | {"severity": severity.value})
        assert reached is (severity in SEVERITY_MATRIX[channel])


@pytest.mark.parametrize("severity", [*(severity.value for severity in Severity), "hgih", "none", ""])
def test_amtool_routes_as_our_own_reading_of_the_tree_says(severity: str, tool: Tool, tmp_path: Path) -> None:
    muting = {"muteTimings": [NIGHTS], **HEARTBEAT}
    bodies = [notifying(muting), notifying({"receivers": [SLACK, EMAIL]}, name="second"), notifying(namespace="other")]
    config, tree = written(tmp_path, bodies), tree_of(*bodies)
    identities = [OWN, {**OWN, "crm_monitoring": "second"}, {**OWN, "namespace": "other"}, *FOREIGN.values()]

    for identity, name in product(identities, ("CRMDeliveryRateLow", WATCHDOG)):
        labels = {**identity, "alertname": name, "severity": severity}
        assert told(tool("amtool"), config, labels) == receivers_of(tree, labels)


@pytest.mark.parametrize("identity", FOREIGN.values(), ids=FOREIGN)
def test_amtool_routes_alerts_of_others_to_nobody(identity: dict[str, str], tool: Tool, tmp_path: Path) -> None:
    config = written(tmp_path, [notifying(HEARTBEAT)])

    for severity, name in product((*Severity, "none"), ("CRMDeliveryRateLow", WATCHDOG)):
        assert told(tool("amtool"), config, {**identity, "severity": severity, "alertname": name}) == ["crm-unrouted"]


def alert(severity: str, *, status: str = "firing", **annotations: str) -> dict[str, Any]:
    labels = {"alertname": "CRMDeliveryRateLow", **OWN, "severity": severity, "channel": "sms"}
    return {"status": status, "labels": labels, "annotations": annotations}


def notification(*alerts: dict[str, Any]) -> dict[str, Any]:
    """Return what Alertmanager gives to templates for a group of alerts."""

    def common(part: str) -> dict[str, str]:
        first, *rest = (each[part] for each in alerts)
        return {name: value for name, value in first.items() if all(other.get(name) == value for other in rest)}

    firing = any(each["status"] == "firing" for each in alerts)
    return {
        "receiver": "r",
        "status": "firing" if firing else "resolved",
        "alerts": list(alerts),
        "groupLabels": OWN,
        "commonLabels": common("labels"),
        "commonAnnotations": common("annotations"),
        "externalURL": "http://alertmanager",
    }


NOTIFICATIONS = {
    "one alert with everything": notification(
        alert("high", summary="Too few arrive", description="85 % on sms.", runbook_url="https://example.com/a")
    ),
    "one alert without annotations": notification(alert("low")),
    "two alerts with different summaries": notification(alert("high", summary="a"), alert("high", summary="b")),
    "the end of an alert": notification(alert("medium", status="resolved", summary="Too few arrive")),
}


def rendered(amtool: Path, directory: Path, text: str, data: dict[str, Any]) -> str:
    (directory / "none.tmpl").touch()
    (directory / "data.json").write_text(json.dumps(data))
    where = [f"--template.glob={directory / 'none.tmpl'}", f"--template.data={directory / 'data.json'}"]
    return run([amtool, "template", "render", *where, f"--template.text={text}"])


def templates(body: Manifest) -> Iterator[str]:
    return (text for text in sorted(set(texts(fragment_of(body).receivers))) if "{{" in text)


@pytest.mark.parametrize("data", NOTIFICATIONS.values(), ids=NOTIFICATIONS)
def test_amtool_renders_every_template(data: dict[str, Any], tool: Tool, tmp_path: Path) -> None:
    found = [*templates(full()), *templates(notifying())]

    assert len(found) > len(RECEIVERS)
    for text in found:
        assert "<no value>" not in rendered(tool("amtool"), tmp_path, text, data)


def test_a_slack_message_says_what_where_and_what_to_do(tool: Tool, tmp_path: Path) -> None:
    settings = fragment_of(quickstart()).receivers[0]["slack_configs"][0]
    data = NOTIFICATIONS["one alert with everything"]

    assert rendered(tool("amtool"), tmp_path, settings["title"], data) == "[FIRING:1] CRMDeliveryRateLow crm/crm"
    assert rendered(tool("amtool"), tmp_path, settings["text"], data) == (
        "*firing* high: Too few arrive\n85 % on sms.\n<https://example.com/a|Runbook>\n"
    )


SEVERITIES: dict[str, tuple[dict[str, str], list[str], str]] = {
    "critical": ({}, ["critical"], "critical"),
    "high is an error": ({}, ["high"], "error"),
    "medium is a warning": ({}, ["medium"], "warning"),
    "low is an info": ({}, ["low"], "info"),
    "a misspelt severity is an error": ({}, ["hgih"], "error"),
    "the worst of a mixed group": ({}, ["low", "medium", "high"], "error"),
    "the same whatever comes first": ({}, ["critical", "low"], "critical"),
    "another name for high": ({"high": "major"}, ["major"], "error"),
    "another name for low": (MAPPED["severityMap"], ["info"], "info"),
    "one name for critical and high": (MAPPED["severityMap"], ["critical"], "critical"),
    "a name that is part of another": ({"medium": "low-ish"}, ["low-ish"], "warning"),
    "names that are swapped": ({"low": "critical", "critical": "low"}, ["low"], "critical"),
}


@pytest.mark.parametrize(("severity_map", "severities", "expected"), SEVERITIES.values(), ids=SEVERITIES)
def test_pagerduty_is_given_a_severity_that_it_knows(
    severity_map: dict[str, str], severities: list[str], expected: str, tool: Tool, tmp_path: Path
) -> None:
    body = notifying({"receivers": [PAGERDUTY]}, alerts={"severityMap": severity_map})
    template = fragment_of(body).receivers[0]["pagerduty_configs"][0]["severity"]

    assert rendered(tool("amtool"), tmp_path, template, notification(*map(alert, severities))) == expected
