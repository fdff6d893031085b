"""Credentials do not reach the log, whichever way they are logged; ordinary texts do."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_monitoring.instrumentation.logging_config import get_crm_logger
from crm_monitoring.instrumentation.redaction import _RULES, Redactor, is_sensitive
from crm_monitoring.instrumentation.testing import capture_logs

SECRET = "Zq8hunter2Zq8"

TEXTS: dict[str, str] = {
    "a bearer token": f"401 for Bearer {SECRET}",
    "an Authorization header": f"Authorization: Bearer {SECRET}",
    "basic authorization": f"authorization: Basic {SECRET}",
    "another scheme": f"Authorization: Token {SECRET}",
    "headers as Python prints them": f"{{'Authorization': 'Token {SECRET}', 'Accept': '*/*'}}",
    "a header of an API key": f"X-Api-Key: {SECRET}",
    "an assignment": f"password={SECRET} user=x",
    "a password with spaces in quotes": f'{{"password": "open {SECRET} sesame"}}',
    "JSON within JSON": f'{{\\"client_secret\\": \\"{SECRET}\\"}}',
    "an environment variable": f"TWILIO_AUTH_TOKEN={SECRET}",
    "the variable of the alerts": f"CRM_ALERT_PAGERDUTY_ROUTING_KEY={SECRET}",
    "a query": f"GET https://api.example.com/send?to=1&access_token={SECRET}&x=1",
    "a key in a query": f"GET https://maps.example.com/api?key={SECRET}",
    "a database address": f"cannot connect to postgresql://crm:{SECRET}@db:5432/crm",
    "a Slack webhook": f"POST https://hooks.slack.com/services/T000/B000/{SECRET} failed",
    "a Teams webhook": f"POST https://acme.webhook.office.com/webhookb2/{SECRET}",
    "a Discord webhook": f"https://discord.com/api/webhooks/123/{SECRET}",
    "a cookie": f"Set-Cookie: sessionid={SECRET}; Path=/",
    "a private key": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    "half a private key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
    "a Stripe key": f"used sk_live_{SECRET}",
    "a Slack token": f"xoxb-12345-{SECRET}",
    "a GitHub token": f"ghp_{SECRET}{SECRET}",
    "a Google key": f"AIza{SECRET}{SECRET}{SECRET}",
    "a SendGrid key": f"SG.{SECRET}.{SECRET}",
    "a web token": f"eyJhbGciOiJI.{SECRET}.{SECRET}",
}

FIELDS: dict[str, dict[str, object]] = {
    "a password": {"password": SECRET},
    "an API key in any spelling": {"X-Api-Key": SECRET, "apiKey": SECRET, "TWILIO_API_KEY": SECRET},
    "a token": {"auth_token": SECRET},
    "nested headers": {"request": {"headers": [{"Authorization": f"Token {SECRET}"}]}},
    "a tuple": {"auth": ("user", SECRET)},
    "bytes": {"body": f"password={SECRET}".encode()},
    "a number": {"passwd": 8422},
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_credential_in_a_text_is_masked(what: str) -> None:
    with capture_logs() as entries:
        get_crm_logger("x").info(TEXTS[what], detail=TEXTS[what], nested=[{"deep": TEXTS[what]}])
        get_crm_logger("x").error("Failed", exc_info=RuntimeError(TEXTS[what]))
    assert SECRET not in repr(entries)
    assert "***" in entries[0]["message"]
    assert "***" in entries[0]["nested"][0]["deep"]
    assert "***" in entries[1]["exception"]


@pytest.mark.parametrize("what", FIELDS)
def test_a_credential_in_a_field_is_masked(what: str) -> None:
    with capture_logs() as entries:
        get_crm_logger("x").info("Calling", **FIELDS[what])
        get_crm_logger("x").bind(**FIELDS[what]).info("Bound")
    assert SECRET not in repr(entries)
    assert "8422" not in repr(entries)


@pytest.mark.parametrize(
    "text",
    [
        "Communication sent",
        "budget_summary",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "bearer authentication is missing",
        "a basic subscription was ordered",
        "message_type=password_reset status=sent",
        "status_code=500 at 12:30:45",
        "https://example.com/path?page=2",
        "ops@example.com",
        "Tokens were counted",
    ],
)
def test_an_ordinary_text_is_left_as_it_is(text: str) -> None:
    with capture_logs() as entries:
        get_crm_logger("x").info(text, detail=text, nested=[text])
    assert (entries[0]["message"], entries[0]["detail"], entries[0]["nested"]) == (text, text, [text])


def test_yes_no_and_nothing_under_a_sensitive_name_are_shown() -> None:
    with capture_logs() as entries:
        get_crm_logger("x").info("x", password_changed=True, token=None)
    assert (entries[0]["password_changed"], entries[0]["token"]) == (True, None)


def test_addresses_are_masked_when_asked_for() -> None:
    text = "sent to ann.b+c@mail.example.com"
    assert Redactor().redact_text(text) == text
    assert Redactor(addresses=True).redact_text(text) == "sent to ***@mail.example.com"
    assert not Redactor(addresses=True).is_clean({"to": "a@b.io"})


@pytest.mark.parametrize(
    "name", ["author", "channel", "authority", "monkey", "message_type", "communication_id", "keys"]
)
def test_an_ordinary_name_is_not_sensitive(name: str) -> None:
    assert not is_sensitive(name)


PIECES = st.sampled_from(
    [
        *("password", "Bearer", "basic", "token", "key", "auth", "sig", "hook", "https", "a1B2c3d4e5f6", "0" * 32),
        *("=", ":", " ", "://", "@", "/", "?", "&", '"', "'", ".", "\t", "\n"),
        *("sk-", "xoxb-", "SK", "eyJ", "-----BEGIN PRIVATE KEY-----"),
    ]
)


@settings(max_examples=500)
@given(text=st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join))
def test_nothing_is_called_clean_that_a_rule_would_change(text: str) -> None:
    changed = any(pattern.sub(replacement, text) != text for pattern, replacement in _RULES)
    assert not (changed and Redactor().is_clean({"x": text}))


@pytest.mark.parametrize(
    "piece",
    ["http://a/", "password", "pwd='", "eyJaaaaaaaa-", "bearer ", "://:", "-----BEGIN PRIVATE KEY", "SG.aaaaaaaaaa"],
)
def test_a_hostile_text_takes_no_long_time(piece: str) -> None:
    text = piece * (12_000 // len(piece))
    start = time.process_time()
    Redactor().redact_text(text)
    assert time.process_time() - start < 1.0
