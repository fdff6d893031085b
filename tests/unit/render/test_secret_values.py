import pytest

from crm_monitoring.api.conditions import ConditionType, Reason
from crm_monitoring.render import secret_values
from crm_monitoring.render.secret_types import Withheld
from crm_monitoring.sealed import Sealed
from support.alerting import WATCHDOG, notifying, secrets_for
from support.resources import parsed

KEY = "pagerduty-routing-key"
SLACK = "slack-webhook-url"
WEBHOOK = "audit-url"
PASSWORD = "smtp-password"

CANARY = "k8ycanary0v9q"

GOOD = {
    "a routing key in lower case": (KEY, "0123456789abcdef0123456789abcdef"),
    "a routing key with letters beyond hexadecimal": (KEY, "R0UTINGKEYz123456789abcdefghijkl"),
    "a Slack webhook": (SLACK, "https://hooks.slack.com/services/T00/B00/xyz"),
    "a webhook within the cluster": (WEBHOOK, "http://audit.crm.svc:8080/hook"),
    "a webhook with a token in its query": (WEBHOOK, "https://audit.example.com/hook?token=a%20b&x=1"),
    "a webhook with user and password": (WEBHOOK, "https://user:p%40ss@audit.example.com/"),
    "a webhook on an IPv6 address": (WEBHOOK, "http://[::1]:9000/"),
    "a password with spaces, quotes and letters beyond ASCII": (PASSWORD, "pä ss\"'\\{{word}}: # &x"),
}

BAD = {
    "an empty value": (SLACK, b"", "is empty"),
    "a value that ends with a newline": (SLACK, b"https://hooks.slack.com/%s\n", "ends with a newline"),
    "a value in white space": (WEBHOOK, b" https://example.com/%s", "starts or ends with white space"),
    "a value that is not text": (PASSWORD, b"\xff\xfe%s", "is not UTF-8"),
    "a value with a NUL": (PASSWORD, b"a\x00%s", "holds control characters"),
    "a value with a line break within": (PASSWORD, b"a\nroutes: %s", "holds control characters"),
    "a value with a Unicode line separator": (PASSWORD, "a\u2028%s".encode(), "holds control characters"),
    "a value with a next-line character": (PASSWORD, "a\u0085%s".encode(), "holds control characters"),
    "a value with a byte order mark": (
        KEY,
        b"\xef\xbb\xbf0123456789abcdef0123456789abcdef",
        "holds control characters",
    ),
    "a value that looks like a reference to the environment": (PASSWORD, b"a$(%s)", "holds $(NAME)"),
    "a routing key that is too short": (KEY, b"%s", "is not a routing key"),
    "a routing key with a dash": (KEY, b"0123456789abcdef-123456789abcdef", "is not a routing key"),
    "a routing key that is a template": (KEY, b"{{ .ExternalURL }}{{ .Status   }}", "is not a routing key"),
    "a Slack webhook without encryption": (SLACK, b"http://hooks.slack.com/%s", "does not start with https://"),
    "a Slack webhook that is a token": (SLACK, b"xoxb-%s", "is not an address"),
    "a webhook with another scheme": (WEBHOOK, b"file:///etc/%s", "is not an address"),
    "a webhook without a host": (WEBHOOK, b"https:///%s", "is not an address"),
    "a webhook with a template": (WEBHOOK, b"https://example.com/{{ .Status }}%s", "is not an address"),
    "a webhook with a broken escape": (WEBHOOK, b"https://example.com/%zz%s", "is not an address"),
    "a webhook with an impossible port": (WEBHOOK, b"https://example.com:65536/%s", "is not an address"),
    "a webhook with port 0": (WEBHOOK, b"https://example.com:0/%s", "is not an address"),
    "a webhook on half an IPv6 address": (WEBHOOK, b"https://[::1:::2]/%s", "is not an address"),
    "a webhook longer than any browser takes": (WEBHOOK, b"https://example.com/" + b"%s" * 999, "is longer than"),
    "a password of a megabyte": (PASSWORD, b"%s" * 100_000, "is longer than 1024 characters"),
}


@pytest.mark.parametrize(("key", "value"), GOOD.values(), ids=GOOD)
def test_it_accepts(key: str, value: str) -> None:
    body = notifying()

    assert secret_values.findings(parsed(body), secrets_for(body, {key: value.encode()})) == ()


@pytest.mark.parametrize(("key", "value", "problem"), BAD.values(), ids=BAD)
def test_it_refuses_without_repeating_it(key: str, value: bytes, problem: str) -> None:
    body = notifying()
    secret = value.replace(b"%s", CANARY.encode())

    (finding,) = secret_values.findings(parsed(body), secrets_for(body, {key: secret}))

    assert finding.condition == ConditionType.NOTIFICATIONS
    assert finding.reason == Reason.SECRET_INVALID
    assert problem in finding.message
    assert f"key {key} in Secret crm-alerting" in finding.message
    assert CANARY not in finding.message


def test_a_missing_key_is_named_with_its_path_and_the_command_that_sets_it() -> None:
    body = notifying()

    (finding,) = secret_values.findings(parsed(body), secrets_for(body, {SLACK: None}))

    assert finding.reason == Reason.SECRET_MISSING
    assert finding.message == (
        "spec.notifications.receivers[1].slack.webhookUrlSecretRef: Secret crm-alerting in namespace crm has no key "
        "slack-webhook-url; set it with: kubectl -n crm patch secret crm-alerting --type merge "
        """-p '{"stringData":{"slack-webhook-url":"<value>"}}'"""
    )


def test_a_missing_secret_is_reported_for_each_use_with_one_command_for_all_its_keys() -> None:
    body = notifying(WATCHDOG)

    findings = secret_values.findings(parsed(body), {"crm-alerting": None})

    assert {finding.reason for finding in findings} == {Reason.SECRET_MISSING}
    assert [finding.message.partition(":")[0].removeprefix("spec.notifications.") for finding in findings] == [
        "receivers[0].pagerduty.routingKeySecretRef",
        "receivers[1].slack.webhookUrlSecretRef",
        "receivers[2].email.authPasswordSecretRef",
        "receivers[3].webhook.urlSecretRef",
        "watchdog.urlSecretRef",
    ]
    command = (
        "kubectl -n crm create secret generic crm-alerting --from-literal=audit-url=<value> "
        "--from-literal=heartbeat-url=<value> --from-literal=pagerduty-routing-key=<value> "
        "--from-literal=slack-webhook-url=<value> --from-literal=smtp-password=<value>"
    )
    assert all(finding.message.endswith(command) for finding in findings)


def test_a_secret_that_nobody_looked_for_counts_as_missing() -> None:
    reasons = {finding.reason for finding in secret_values.findings(parsed(notifying()), {})}

    assert reasons == {Reason.SECRET_MISSING}


def test_all_problems_are_reported_at_once() -> None:
    body = notifying()
    secrets = secrets_for(body, {KEY: None, SLACK: b"x\n", PASSWORD: b""})

    findings = secret_values.findings(parsed(body), secrets)

    assert [finding.reason for finding in findings] == [
        Reason.SECRET_MISSING,
        Reason.SECRET_INVALID,
        Reason.SECRET_INVALID,
    ]


def test_a_secret_of_another_type_is_refused_at_every_reference_to_it() -> None:
    findings = secret_values.findings(parsed(notifying()), {"crm-alerting": Withheld("helm.sh/release.v1")})

    assert {finding.reason for finding in findings} == {Reason.SECRET_REFUSED}
    assert findings[1].message == (
        "spec.notifications.receivers[1].slack.webhookUrlSecretRef: Secret crm-alerting is of type helm.sh/release.v1, "
        "which is not read; types that are: Opaque, kubernetes.io/basic-auth, kubernetes.io/tls. "
        "Name a Secret of your own that holds only this value"
    )


def test_references_outside_of_notifications_are_not_looked_at() -> None:
    body = notifying()
    body["spec"]["metrics"] = {"bearerTokenSecretRef": {"name": "elsewhere", "key": "token"}}

    assert secret_values.findings(parsed(body), secrets_for(body)) == ()


def test_placeholders_have_the_right_shape_for_every_reference() -> None:
    resource = parsed(notifying(WATCHDOG))
    placeholders = secret_values.placeholders(resource)

    assert secret_values.findings(resource, placeholders) == ()
    assert placeholders["crm-alerting"] == {
        "pagerduty-routing-key": Sealed(b"0" * 32),
        "slack-webhook-url": Sealed(b"https://redacted.invalid/slack"),
        "smtp-password": Sealed(b"redacted"),
        "audit-url": Sealed(b"https://redacted.invalid/webhook"),
        "heartbeat-url": Sealed(b"https://redacted.invalid/webhook"),
    }
