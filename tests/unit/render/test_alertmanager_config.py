from typing import Any

import pytest
import yaml

from crm_monitoring.api.conditions import Reason
from crm_monitoring.manifest import ALERTMANAGER_CONFIG, Manifest, ObjectKey, key_of
from support.alerting import WATCHDOG, fragment_of, notifying, part_of, secrets_for
from support.resources import full

KEY = ObjectKey(ALERTMANAGER_CONFIG, "crm", "crm-crm-routing")
CONFIG = {"mode": "AlertmanagerConfig"}


def config_of(body: Manifest) -> Manifest:
    part = part_of(body)
    assert part.findings == ()
    (child,) = part.children
    return child


def test_it_is_a_child_of_the_resource() -> None:
    config = config_of(notifying(CONFIG))

    assert key_of(config) == KEY
    assert config["metadata"]["ownerReferences"][0]["controller"] is True


def test_nothing_goes_into_a_merged_secret() -> None:
    part = part_of(notifying(CONFIG))

    assert part.fragment is None
    assert not part.fragment_held


def test_it_refers_to_secrets_and_holds_none_of_their_values() -> None:
    body = notifying(CONFIG | WATCHDOG)
    secrets = secrets_for(body, {"smtp-password": b"canary", "audit-url": b"https://canary.example.com"})
    (config,) = part_of(body, secrets).children
    receivers = {receiver.pop("name"): receiver for receiver in config["spec"]["receivers"]}

    def reference(key: str) -> dict[str, str]:
        return {"name": "crm-alerting", "key": key}

    assert receivers["pagerduty"]["pagerdutyConfigs"][0]["routingKey"] == reference("pagerduty-routing-key")
    assert receivers["slack"]["slackConfigs"][0]["apiURL"] == reference("slack-webhook-url")
    assert receivers["email"]["emailConfigs"][0]["authPassword"] == reference("smtp-password")
    assert receivers["audit"]["webhookConfigs"] == [{"sendResolved": True, "urlSecret": reference("audit-url")}]
    assert receivers["CRMWatchdog"]["webhookConfigs"] == [
        {"sendResolved": False, "urlSecret": reference("heartbeat-url")}
    ]
    assert "canary" not in yaml.safe_dump(config)


@pytest.mark.parametrize("broken", [None, b"not a key\n"], ids=["missing", "malformed"])
def test_with_a_bad_credential_what_exists_stays(broken: bytes | None) -> None:
    body = notifying(CONFIG)
    part = part_of(body, secrets_for(body, {"pagerduty-routing-key": broken}))

    assert part.children == ()
    assert part.held == {KEY}
    assert not part.fragment_held
    assert len(part.findings) == 1


def test_a_mute_timing_with_a_time_zone_is_left_out_and_reported() -> None:
    nights: dict[str, Any] = {"name": "nights", "times": [{"start": "00:00", "end": "08:00"}]}
    berlin = {**nights, "name": "berlin", "location": "Europe/Berlin"}
    part = part_of(notifying(CONFIG | {"muteTimings": [nights, berlin]}))
    (config,) = part.children

    assert [finding.reason for finding in part.findings] == [Reason.INVALID_SPEC]
    assert part.findings[0].message.startswith("spec.notifications.muteTimings[1].location: ")
    assert config["spec"]["muteTimeIntervals"] == [
        {"name": "nights", "timeIntervals": [{"times": [{"startTime": "00:00", "endTime": "08:00"}]}]}
    ]
    assert "berlin" not in yaml.safe_dump(config)


def test_its_tree_is_that_of_the_merged_secret() -> None:
    mute = {"name": "nights", "weekdays": ["sunday"]}
    change = {"notifications": {"muteTimings": [mute]}}
    config = config_of(full({"notifications": {**CONFIG, "muteTimings": [mute]}}))
    fragment = fragment_of(full(change))

    assert as_merged(config["spec"]["route"]) == fragment.routes[0]
    assert [
        {
            "source_matchers": matchers(rule["sourceMatch"]),
            "target_matchers": matchers(rule["targetMatch"]),
            "equal": rule["equal"],
        }
        for rule in config["spec"]["inhibitRules"]
    ] == list(fragment.inhibit_rules)


def matchers(listed: list[dict[str, str]]) -> list[str]:
    return [f'{matcher["name"]}{matcher["matchType"]}"{matcher["value"]}"' for matcher in listed]


def as_merged(route: dict[str, Any]) -> dict[str, Any]:
    """Return a route of an AlertmanagerConfig as it stands in a merged file."""
    renamed = {
        "groupBy": "group_by",
        "groupWait": "group_wait",
        "groupInterval": "group_interval",
        "repeatInterval": "repeat_interval",
        "muteTimeIntervals": "mute_time_intervals",
    }
    content = {renamed.get(name, name): value for name, value in route.items()}
    content["receiver"] = f"crm/crm/{route['receiver']}"
    content["matchers"] = matchers(route["matchers"])
    if "muteTimeIntervals" in route:
        content["mute_time_intervals"] = [f"crm/crm/{name}" for name in route["muteTimeIntervals"]]
    if "routes" in route:
        content["routes"] = [as_merged(child) for child in route["routes"]]
    return content
