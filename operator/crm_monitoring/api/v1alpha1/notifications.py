"""`spec.notifications`: who is told, and how."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crm_monitoring.api.quantities import milliseconds
from crm_monitoring.api.v1alpha1 import patterns
from crm_monitoring.api.v1alpha1.alerts import SeverityName
from crm_monitoring.api.v1alpha1.base import Duration, LabelName, Model, Name, ObjectName, SecretKeyRef
from crm_monitoring.api.v1alpha1.rules import Advice, Rule, duration_within
from crm_monitoring.contract import labels
from crm_monitoring.contract.alerts import SEVERITY_MATRIX, Channel, Severity

EmailAddress = Annotated[
    str,
    Field(pattern=patterns.EMAIL_ADDRESS, min_length=3, max_length=254),
]


class PagerDuty(Model):
    """A PagerDuty service with an Events API v2 integration."""

    routing_key_secret_ref: SecretKeyRef = Field(
        description="Secret key that holds the integration's routing key, 32 characters."
    )


class Slack(Model):
    """A Slack channel."""

    webhook_url_secret_ref: SecretKeyRef = Field(
        description="Secret key that holds the incoming webhook's https address."
    )
    channel: Annotated[str, Field(pattern=patterns.SLACK_CHANNEL, max_length=80)] | None = Field(
        None,
        description="Channel such as #crm-alerts. Webhooks of Slack apps post to their own channel and ignore it.",
    )


class Email(Model):
    """A mailbox."""

    to: tuple[EmailAddress, ...] = Field(min_length=1, max_length=20, description="Addresses that receive the mail.")
    from_: EmailAddress = Field(alias="from", description="Address that the mail comes from.")
    smarthost: Annotated[str, Field(pattern=patterns.SMARTHOST, max_length=260)] = Field(
        description="SMTP server as host:port, for example smtp.example.com:587."
    )
    auth_username: Annotated[str, Field(min_length=1, max_length=254)] | None = Field(
        None, description="User name for the SMTP server; needs authPasswordSecretRef."
    )
    auth_password_secret_ref: SecretKeyRef | None = Field(
        None, description="Secret key that holds the SMTP password; needs authUsername."
    )
    require_tls: bool = Field(
        True, description="Whether mail is sent only over TLS. Leave it true outside of test networks."
    )

    rules: ClassVar = (
        Rule(
            "must end with a port from 1 to 65535",
            lambda it: 1 <= int(it.smarthost.rpartition(":")[2]) <= 65535,
            cel="int(self.smarthost.split(':')[1]) >= 1 && int(self.smarthost.split(':')[1]) <= 65535",
            field="smarthost",
        ),
        Rule(
            "authUsername and authPasswordSecretRef must be set together",
            lambda it: (it.auth_username is None) == (it.auth_password_secret_ref is None),
            cel="has(self.authUsername) == has(self.authPasswordSecretRef)",
            field="authPasswordSecretRef",
            reason="FieldValueRequired",
        ),
    )
    advice: ClassVar = (
        Advice(
            "with false, the SMTP password and the mails may cross the network unencrypted",
            lambda it: it.require_tls or it.auth_password_secret_ref is None,
            field="requireTls",
        ),
    )


class Webhook(Model):
    """An endpoint that takes Alertmanager's webhook payload."""

    url_secret_ref: SecretKeyRef = Field(
        description="Secret key that holds the address; addresses often carry a token."
    )


class Receiver(Model):
    """One receiver: exactly one of pagerduty, slack, email and webhook."""

    name: Name = Field(description="Name of the receiver, unique within the resource.", max_length=40)
    severities: tuple[SeverityName, ...] = Field(
        (),
        max_length=4,
        description="Severities that this receiver gets. Absent: those of its kind (pagerduty critical and high, slack high "
        "and medium, email medium and low, webhook all).",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    pagerduty: PagerDuty | None = Field(None, description="Send to PagerDuty.")
    slack: Slack | None = Field(None, description="Send to Slack.")
    email: Email | None = Field(None, description="Send e-mail.")
    webhook: Webhook | None = Field(None, description="Send to a webhook.")
    send_resolved: bool = Field(True, description="Whether the end of an alert is sent, too.")

    rules: ClassVar = (
        Rule(
            "must hold exactly one of pagerduty, slack, email and webhook",
            lambda it: sum(kind is not None for kind in (it.pagerduty, it.slack, it.email, it.webhook)) == 1,
            cel="[has(self.pagerduty), has(self.slack), has(self.email), has(self.webhook)].exists_one(kind, kind)",
        ),
    )

    @property
    def channel(self) -> Channel:
        """Return the kind of the receiver."""
        return next(kind for kind in Channel if getattr(self, kind.value) is not None)

    @property
    def takes(self) -> tuple[Severity, ...]:
        """Return the severities that the receiver gets: its own, or those of its kind; worst first."""
        wanted = self.severities or SEVERITY_MATRIX[self.channel]
        return tuple(severity for severity in Severity if severity in wanted)


class TimeRange(Model):
    """A part of a day."""

    start: Annotated[str, Field(pattern=patterns.TIME_OF_DAY, max_length=5)] = Field(description="Start as HH:MM.")
    end: Annotated[str, Field(pattern=patterns.END_OF_TIME, max_length=5)] = Field(
        description="End as HH:MM, after start; 24:00 is the end of the day."
    )

    rules: ClassVar = (
        Rule(
            "must be after start; a night is two parts, such as 00:00 to 06:00 and 22:00 to 24:00",
            lambda it: it.start < it.end,
            cel="self.start < self.end",
            field="end",
        ),
    )


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class MuteTiming(Model):
    """Times at which mild alerts are not sent. Critical and high alerts are never muted."""

    name: Name = Field(description="Name of the mute timing, unique within the resource.", max_length=40)
    severities: tuple[Literal["medium", "low"], ...] = Field(
        ("low",),
        min_length=1,
        max_length=2,
        description="Severities that are muted: medium, low or both.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    weekdays: tuple[Weekday, ...] = Field(
        (),
        max_length=7,
        description="Days of the week. Absent: every day.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    times: tuple[TimeRange, ...] = Field((), max_length=8, description="Parts of the day. Absent: the whole day.")
    location: Annotated[str, Field(pattern=patterns.TIME_ZONE, max_length=64)] = Field(
        "UTC", description="Time zone of the IANA database, such as Europe/Berlin."
    )

    rules: ClassVar = (
        Rule(
            "must hold weekdays, times or both; without them it would mute for ever",
            lambda it: bool(it.weekdays or it.times),
            cel="(has(self.weekdays) && size(self.weekdays) > 0) || (has(self.times) && size(self.times) > 0)",
            reason="FieldValueRequired",
        ),
    )


class Watchdog(Model):
    """A dead man's switch: an alert that always fires and is sent to a service which misses it when monitoring is broken."""

    url_secret_ref: SecretKeyRef = Field(description="Secret key that holds the heartbeat address.")


def _somebody_takes(severity: Severity) -> Advice:
    return Advice(
        f"no receiver takes {severity} alerts; they go to the first receiver",
        lambda it: any(severity in receiver.takes for receiver in it.receivers),
        field="receivers",
    )


class Notifications(Model):
    """Routing of this resource's alerts. Absent: alerts fire, and nobody is told by this resource."""

    mode: Literal["Secret", "AlertmanagerConfig"] = Field(
        "Secret",
        description="Secret: one complete alertmanager.yaml in secretName, merged from all resources of the namespace that name "
        "it. AlertmanagerConfig: an object for an Alertmanager that is shared with others.",
    )
    secret_name: ObjectName = Field(
        "alertmanager-crm",
        description="Secret that receives alertmanager.yaml. An Alertmanager named crm loads alertmanager-crm by itself.",
    )
    group_by: tuple[LabelName, ...] = Field(
        (*labels.IDENTITY, "alertname", labels.SEVERITY),
        min_length=1,
        max_length=16,
        description="Labels that alerts must share to be sent as one notification. namespace and crm_monitoring are required.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    group_wait: Duration = Field("10s", description="Time to wait for more alerts of a new group. From 0s to 1h.")
    group_interval: Duration = Field(
        "30s",
        description="Time between two notifications of a group that changed. It also ends slow deliveries: at least 10s, "
        "better 30s.",
    )
    repeat_interval: Duration = Field(
        "12h", description="Time after which a group that still fires is sent again. From 5m to 168h."
    )
    receivers: tuple[Receiver, ...] = Field(
        min_length=1,
        max_length=10,
        description="Who is told. Alerts whose severity no receiver takes go to the first one.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    mute_timings: tuple[MuteTiming, ...] = Field(
        (),
        max_length=8,
        description="Times at which mild alerts are not sent.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    watchdog: Watchdog | None = Field(
        None, description="Dead man's switch. Present: CRMWatchdog is sent to its address."
    )

    rules: ClassVar = (
        Rule(
            "must contain namespace and crm_monitoring, or alerts of several resources end in one notification",
            lambda it: set(labels.IDENTITY) <= set(it.group_by),
            cel=" && ".join(f"'{label}' in self.groupBy" for label in labels.IDENTITY),
            field="groupBy",
        ),
        duration_within("groupWait", "0s", "1h"),
        duration_within("groupInterval", "10s", "24h"),
        duration_within("repeatInterval", "5m", "168h"),
        Rule(
            "must be at least groupInterval",
            lambda it: milliseconds(it.repeat_interval) >= milliseconds(it.group_interval),
            cel="duration(self.repeatInterval) >= duration(self.groupInterval)",
            field="repeatInterval",
        ),
    )
    advice: ClassVar = (
        Advice(
            "below 30s, slow receivers are cut off before they have answered; 30s or more is better",
            lambda it: milliseconds(it.group_interval) >= milliseconds("30s"),
            field="groupInterval",
        ),
        Advice(
            "is longer than Alertmanager remembers what it sent by default (120h), so reminders may come earlier",
            lambda it: milliseconds(it.repeat_interval) <= milliseconds("120h"),
            field="repeatInterval",
        ),
        *map(_somebody_takes, Severity),
    )
