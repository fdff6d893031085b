"""All kinds of receivers on 127.0.0.1, and who was told of which alert."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from crm_monitoring.contract.alerts import Channel
from support import endpoints, mailbox
from support.endpoints import PAGERDUTY_PATH, Endpoints
from support.mailbox import Mailbox

ROUTING_KEY = "A1" * 16
PASSWORD = "correct horse battery staple"
SLACK_PATH, AUDIT_PATH = "/services/T/B/x", "/audit"

_TITLE = re.compile(r"\[(FIRING:\d+|RESOLVED)\] (\w+)")


class Told(NamedTuple):
    """One alert in one message."""

    receiver: Channel
    status: str
    """`firing` or `resolved`."""
    alert: str


@dataclass(frozen=True)
class Receivers:
    """Stand-ins for PagerDuty, Slack, a mail server and a webhook."""

    http: str
    https: str
    smarthost: str
    certificate: Path
    """What a client must trust."""
    plain: Endpoints
    slack: Endpoints
    mailbox: Mailbox

    @property
    def secret(self) -> Mapping[str, str]:
        """Return the content of the Secret that the resource refers to."""
        return {
            "pagerduty-routing-key": ROUTING_KEY,
            "slack-webhook-url": self.https + SLACK_PATH,
            "smtp-password": PASSWORD,
            "audit-url": self.http + AUDIT_PATH,
        }

    @property
    def pagerduty_url(self) -> str:
        """Return the address that takes the place of PagerDuty's own."""
        return self.http + PAGERDUTY_PATH

    def pages(self) -> list[Mapping[str, Any]]:
        """Return the events that PagerDuty accepted."""
        return [message.body for message in self.plain.at(PAGERDUTY_PATH) if message.status == 202]

    def told(self) -> list[Told]:
        """Return everything that was told so far."""
        return [
            *self._pagerduty(),
            *(_titled(Channel.SLACK, each.body["attachments"][0]["title"]) for each in self.slack.at(SLACK_PATH)),
            *(_titled(Channel.EMAIL, str(mail["Subject"])) for mail in list(self.mailbox.mails)),
            *self._webhook(),
        ]

    def told_of(self, alert: str, status: str) -> set[Channel]:
        """Return which receivers were told that an alert fires or is resolved."""
        return {each.receiver for each in self.told() if (each.alert, each.status) == (alert, status)}

    def _pagerduty(self) -> Iterator[Told]:
        for body in self.pages():
            status = "resolved" if body["event_action"] == "resolve" else "firing"
            yield Told(Channel.PAGERDUTY, status, body["payload"]["class"])

    def _webhook(self) -> Iterator[Told]:
        for message in self.plain.at(AUDIT_PATH):
            yield Told(Channel.WEBHOOK, message.body["status"], message.body["groupLabels"]["alertname"])


@contextmanager
def serving(directory: Path) -> Iterator[Receivers]:
    """Serve all of them; the certificate goes to a directory."""
    trusted = endpoints.certificate(directory)
    plain, slack, mails = Endpoints(), Endpoints(), Mailbox("crm", PASSWORD)
    with ExitStack() as stack:
        yield Receivers(
            stack.enter_context(endpoints.serving(plain)),
            stack.enter_context(endpoints.serving(slack, trusted)),
            stack.enter_context(mailbox.serving(mails)),
            trusted,
            plain,
            slack,
            mails,
        )


def _titled(receiver: Channel, title: str) -> Told:
    match = _TITLE.match(title)
    assert match, f"{receiver} got a title of unknown form: {title}"
    return Told(receiver, "resolved" if match[1] == "RESOLVED" else "firing", match[2])
