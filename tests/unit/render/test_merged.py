import base64
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_monitoring.contract.alerts import Severity
from crm_monitoring.errors import Refused
from crm_monitoring.manifest import SECRET, kind_of
from crm_monitoring.render import merged, merged_document
from crm_monitoring.render.bundle import Fragment
from support.alerting import WATCHDOG, Labels, fragment_of, notifying, part_of, receivers_of, secrets_for, texts
from support.resources import RECEIVERS, full

SECRET_NAME = "alertmanager-crm"

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NIGHTS = {
    "name": "nights",
    "severities": ["low"],
    "weekdays": ["saturday", "sunday"],
    "times": [{"start": "18:00", "end": "24:00"}],
    "location": "Europe/Berlin",
}
PASSWORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
    lambda text: "$(" not in text
)


@st.composite
def fragments(draw: st.DrawFn) -> Fragment:
    """Fragments of resources that differ in name, receivers, passwords, severities and optional blocks."""
    receivers = draw(st.lists(st.sampled_from(RECEIVERS), min_size=1, max_size=4, unique_by=lambda r: str(r["name"])))
    notifications: dict[str, Any] = {"receivers": receivers, "groupWait": f"{draw(st.integers(0, 300))}s"}
    if draw(st.booleans()):
        notifications["muteTimings"] = [NIGHTS]
    if draw(st.booleans()):
        notifications |= WATCHDOG
    exported = draw(st.dictionaries(st.sampled_from([s.value for s in Severity]), NAMES, max_size=4))
    body = notifying(notifications, alerts={"severityMap": exported}, name=draw(NAMES), namespace=draw(NAMES))
    part = part_of(body, secrets_for(body, {"smtp-password": draw(PASSWORDS).encode()}))
    assert part.fragment is not None, part.findings
    return part.fragment


MERGEABLE = st.lists(fragments(), max_size=3, unique_by=merged_document.owner)
LABELS = st.dictionaries(
    st.sampled_from(["namespace", "crm_monitoring", "severity", "alertname", "team"]),
    st.sampled_from(["critical", "high", "medium", "low", "CRMWatchdog", "Other", "", 'a"b\\'])
    | st.text(max_size=4)
    | NAMES,
)


def loaded(content: bytes) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(content)
    return tree


@settings(max_examples=50, deadline=None)
@given(MERGEABLE)
def test_a_merged_file_splits_into_what_it_was_merged_from(parts: list[Fragment]) -> None:
    expected = {merged_document.owner(part): part for part in parts}

    assert merged.split(merged.merge(parts), SECRET_NAME) == expected


@settings(max_examples=50, deadline=None)
@given(MERGEABLE)
def test_the_order_of_the_fragments_does_not_matter(parts: list[Fragment]) -> None:
    content = merged.merge(parts)

    assert merged.merge(reversed(parts)) == content
    assert merged.check_merged(content) == []


@settings(max_examples=50, deadline=None)
@given(MERGEABLE)
def test_what_is_split_can_be_merged_again_byte_for_byte(parts: list[Fragment]) -> None:
    content = merged.merge(parts)

    assert merged.merge(merged.split(content, SECRET_NAME).values()) == content


@settings(max_examples=50, deadline=None)
@given(fragments(), fragments(), LABELS)
def test_a_resource_changes_nothing_for_alerts_that_are_not_its_own(
    mine: Fragment, theirs: Fragment, labels: Labels
) -> None:
    own = merged_document.owner(mine)
    if own == merged_document.owner(theirs):
        return
    alone = loaded(merged.merge([theirs]))
    together = loaded(merged.merge([theirs, mine]))
    foreign = {**labels, "crm_monitoring": "x-" + labels.get("crm_monitoring", "")}

    for alert in (foreign, {**labels, "namespace": own[0] + "-x"}):
        assert receivers_of(together, alert) == receivers_of(alone, alert)


@settings(deadline=None)
@given(PASSWORDS, st.sampled_from(["", "\n", "\x85", "\u2028", "\ufeff", "\x00", "\ud7ff"]))
def test_no_value_can_add_settings(password: str, separator: str) -> None:
    value = f"{password}{separator}global: {{smtp_hello: x}}{separator}- &a *a !!python/name:os.system"
    fragment = fragment_of(notifying())
    email = fragment.receivers[2]["email_configs"][0]
    changed = replace(
        fragment, receivers=({"name": "crm/crm/email", "email_configs": [{**email, "auth_password": value}]},)
    )

    content = merged_document.dump(merged_document.document([changed]))

    assert loaded(content) == merged_document.document([changed])
    assert content.isascii()


def test_an_empty_file_routes_everything_to_nobody() -> None:
    tree = loaded(merged.merge([]))

    assert tree["route"]["receiver"] == "crm-unrouted"
    assert tree["receivers"] == [{"name": "crm-unrouted"}]


def test_there_are_no_settings_that_concern_everybody() -> None:
    tree = loaded(merged.merge([fragment_of(full())]))

    assert sorted(tree) == ["inhibit_rules", "receivers", "route", "time_intervals"]


def test_no_setting_gives_files_proxies_or_templates() -> None:
    forbidden = ("_file", "proxy", "tls_config", "templates", "http_config")
    tree = loaded(merged.merge([fragment_of(full())]))

    assert not [text for text in texts(tree) if text.endswith(forbidden)]


def test_a_file_that_is_too_large_is_refused_without_its_content() -> None:
    many = [fragment_of(notifying(name=f"crm-{number}")) for number in range(250)]

    with pytest.raises(Refused, match=r"may have 900 KiB; give some resources another secretName"):
        merged.merge(many)


def test_the_same_resource_twice_is_refused() -> None:
    fragment = fragment_of(notifying())

    with pytest.raises(Refused, match="two have the same name"):
        merged.merge([fragment, fragment])


GARBAGE = {
    "nothing": b"",
    "a text": b"hello",
    "bytes that are not text": b"\xff\xfe\x00",
    "broken YAML": b"route: [",
    "another program's object": b"!!python/object/apply:os.system [ls]",
    "a date that does not exist": b"route: 2026-99-99",
    "a list": b"- route",
    "nesting that would end the process": b"[" * 100_000 + b"]" * 100_000,
    "nesting by dashes": b"- " * 100_000,
    "aliases that grow": b"a: &a [x,x]\nroute: &b [*a,*a]\nreceivers: [*b,*b]",
    "an alias to itself": b"&a [*a]",
    "keys that are lists": b"? [a]\n: b",
    "parts of wrong types": b"route: 1\nreceivers: {a: b}\ninhibit_rules: x\ntime_intervals: [1, [2]]",
    "receivers of wrong types": b"receivers: [{name: [1]}, {name: a/b/c, slack_configs: 7}, 3, null]",
    "routes of wrong types": b"route: {routes: [1, {receiver: a/b/c, matchers: {x: y}}]}\nreceivers: [{name: a/b/c}]",
    "more than a Secret can hold": b"a: " + b"x" * 2_000_000,
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_garbage_holds_no_fragments(content: bytes) -> None:
    assert merged.split(content, SECRET_NAME) == {}
    assert merged.check_merged(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["crm/crm/slack", "crm/crm/x"]),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["route", "routes", "receiver", "receivers", "name", "matchers", "continue", "equal", "x"]),
            below,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_no_live_file_can_stop_the_operator(content: Any) -> None:
    for fragment in merged.split(yaml.safe_dump(content).encode(), SECRET_NAME).values():
        assert merged.check(fragment) == []


@settings(max_examples=50, deadline=None)
@given(JSON, st.integers(0, 40))
def test_a_live_file_with_one_part_replaced_gives_back_only_sound_fragments(content: Any, position: int) -> None:
    tree = merged_document.document([fragment_of(full()), fragment_of(full(name="other"))])
    places = list(_places(tree))
    holder, key = places[position * 7 % len(places)]
    holder[key] = content

    split = merged.split(yaml.safe_dump(tree).encode(), SECRET_NAME)

    assert merged.check_merged(merged.merge(split.values())) == []


def _places(tree: Any) -> Any:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, below in list(items):
        yield tree, key
        yield from _places(below)


def test_what_somebody_added_by_hand_is_left_out_and_the_rest_kept() -> None:
    tree = merged_document.document([fragment_of(notifying()), fragment_of(notifying(name="other"))])
    tree["receivers"].append({"name": "mine", "webhook_configs": [{"url": "https://example.com"}]})
    tree["route"]["routes"].insert(0, {"receiver": "mine", "matchers": ['a="b"']})
    tree["global"] = {"smtp_from": "me@example.com"}
    tree["receivers"][1]["pagerduty_configs"][0]["http_config"] = {"proxy_url": "http://example.com"}

    split = merged.split(yaml.safe_dump(tree).encode(), SECRET_NAME)

    assert split == {("crm", "other"): fragment_of(notifying(name="other"))}


def test_the_secret_belongs_to_every_resource_in_it_and_to_no_controller() -> None:
    content = merged.merge([fragment_of(full())])
    secret = merged.merged_secret("crm", SECRET_NAME, [("b", "uid-b"), ("a", "uid-a")], content)
    references = secret["metadata"]["ownerReferences"]

    assert kind_of(secret) == SECRET
    assert secret["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "crm-monitoring-operator"}
    assert [(reference["name"], reference["uid"]) for reference in references] == [("a", "uid-a"), ("b", "uid-b")]
    assert not any(reference["controller"] for reference in references)
    assert base64.b64decode(secret["data"]["alertmanager.yaml"]) == content


def test_a_redacted_secret_has_the_same_form_and_none_of_the_credentials() -> None:
    body = notifying(WATCHDOG)
    canaries = {
        "pagerduty-routing-key": b"canary00canary00canary00canary00",
        "slack-webhook-url": b"https://hooks.slack.com/canary",
        "smtp-password": b"canary",
        "audit-url": b"https://canary.example.com",
        "heartbeat-url": b"https://canary.example.com/heartbeat",
    }
    fragment = part_of(body, secrets_for(body, canaries)).fragment
    assert fragment is not None

    secret = merged.redacted_secret("crm", SECRET_NAME, [("crm", "uid")], [fragment])

    assert merged.redacted(fragment) == fragment_of(body)
    assert secret["metadata"]["annotations"] == {"monitoring.crm.io/redacted": "true"}
    assert secret["stringData"]["alertmanager.yaml"].startswith("# Credentials are replaced by placeholders.")
    assert "data" not in secret
    assert not any("canary" in text for text in texts(secret))
