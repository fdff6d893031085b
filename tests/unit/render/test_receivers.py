import pytest

from crm_monitoring.contract.alerts import Channel, Severity
from crm_monitoring.render.receivers import PAGERDUTY_SEVERITIES, SETTINGS, pagerduty_severity
from support.alerting import fragment_of, notifying
from support.resources import EMAIL, PAGERDUTY, RECEIVERS, SLACK, WEBHOOK

NAMES = {
    Channel.PAGERDUTY: PAGERDUTY,
    Channel.SLACK: SLACK,
    Channel.EMAIL: EMAIL,
    Channel.WEBHOOK: WEBHOOK,
}
OWN_NAMES = {severity.value: severity.value for severity in Severity}


def settings_of(channel: Channel, **change: object) -> dict[str, object]:
    body = notifying({"receivers": [{**NAMES[channel], **change}]})
    receiver = fragment_of(body).receivers[0]
    (settings,) = receiver[f"{channel.value}_configs"]
    return dict(settings)


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("wanted", [True, False])
def test_whether_the_end_of_an_alert_is_sent_is_always_said(channel: Channel, wanted: bool) -> None:
    assert settings_of(channel, sendResolved=wanted)["send_resolved"] is wanted


@pytest.mark.parametrize("channel", Channel)
def test_no_receiver_has_a_setting_beyond_the_fixed_ones(channel: Channel) -> None:
    assert settings_of(channel).keys() <= SETTINGS[f"{channel.value}_configs"]


def test_no_setting_reads_files_or_goes_through_a_proxy() -> None:
    names = {name for settings in SETTINGS.values() for name in settings}

    assert not [name for name in names if "file" in name or "proxy" in name or "http" in name or "tls_config" in name]


def test_an_email_receiver_says_how_to_reach_its_server_itself() -> None:
    settings = settings_of(Channel.EMAIL)

    assert settings["smarthost"] == "smtp.example.com:587"
    assert settings["from"] == "crm@example.com"
    assert settings["require_tls"] is True
    assert (settings["auth_username"], settings["auth_password"]) == ("crm", "redacted")


def test_an_email_receiver_can_do_without_authentication() -> None:
    email = {"to": ["a@example.com", "b@example.com"], "from": "crm@example.com", "smarthost": "mail:25"}
    settings = settings_of(Channel.EMAIL, email=email)

    assert settings["to"] == "a@example.com, b@example.com"
    assert "auth_username" not in settings
    assert "auth_password" not in settings


def test_a_slack_receiver_can_leave_the_channel_to_the_webhook() -> None:
    reference = SLACK["slack"]["webhookUrlSecretRef"]  # type: ignore[index]

    assert "channel" not in settings_of(Channel.SLACK, slack={"webhookUrlSecretRef": reference})
    assert settings_of(Channel.SLACK)["channel"] == "#crm-alerts"


def test_pagerduty_is_addressed_by_its_second_events_api() -> None:
    settings = settings_of(Channel.PAGERDUTY)

    assert settings["routing_key"] == "0" * 32
    assert "service_key" not in settings


def test_pagerduty_knows_every_severity_that_it_is_given() -> None:
    assert set(PAGERDUTY_SEVERITIES) == set(Severity)
    assert set(PAGERDUTY_SEVERITIES.values()) == {"critical", "error", "warning", "info"}


def test_the_worst_severity_counts_where_two_have_one_name() -> None:
    template = pagerduty_severity({**OWN_NAMES, "medium": "critical", "low": "info"})

    assert template.count("critical") == 2  # the pattern and what it becomes
    assert "warning" not in template
    assert template.endswith('match "\\\\|info\\\\|" $all }}info{{ else }}error{{ end }}')


def test_the_receivers_of_the_seed_are_all_there() -> None:
    assert [receiver["name"] for receiver in fragment_of(notifying()).receivers] == [
        *(f"crm/crm/{receiver['name']}" for receiver in RECEIVERS),
        "crm/crm/CRMWatchdog",
    ]
