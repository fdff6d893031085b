"""The second half: a failure of a running CRM reaches a pager, and so does its end."""

import time
from contextlib import ExitStack
from pathlib import Path

from crm_monitoring.contract import alerts
from crm_monitoring.contract.alerts import Channel
from demo.screen import Screen
from demo.story import NAMESPACE
from support import loop
from support.loop import Loop
from testbed import binaries
from testbed.controlplane import ControlPlane

FAULT = "authentication"
ALERT = alerts.AUTHENTICATION_FAILURE
PAGED = {ALERT.name: {Channel.PAGERDUTY}}
REFUSED = 'sum(increase(crm_api_errors_total{error_type="auth"}[1m]))'
PROGRESS_SECONDS, POLL_SECONDS = 10.0, 0.1


def show(stack: ExitStack, screen: Screen, plane: ControlPlane, directory: Path) -> Loop:
    """Show it, and return the loop, which runs until `stack` is closed. Raise TimeoutError where it does not come about."""
    with screen.step("Find or build Prometheus, Alertmanager and prometheus-operator"):
        for name in loop.TOOLS:
            binaries.find(name)
    try:
        with screen.step("Start a CRM, Prometheus, Alertmanager, and stand-ins for PagerDuty, Slack and a mail server"):
            running = stack.enter_context(loop.running(plane, NAMESPACE, directory, say=screen.say))
        _break(screen, running)
        _mend(screen, running)
    except AssertionError as problem:
        raise TimeoutError(str(problem)) from None
    screen.plain("\nWho was told of what:")
    for receiver, status, alert in dict.fromkeys(sorted(running.receivers.told(), key=lambda each: each[0])):
        screen.say(f"{receiver:<10} {status:<9} {alert}")
    screen.plain("\nTimeline:")
    screen.say(running.timeline.text())
    return running


def _break(screen: Screen, running: Loop) -> None:
    with screen.step("Break it: the provider twilio refuses the CRM's credentials"):
        running.wait_told("firing", PAGED, running.inject(FAULT), loop.FIRES_WITHIN)
        page = next(page for page in running.receivers.pages() if page["payload"]["class"] == ALERT.name)
        screen.say("PagerDuty got:")
        for name in ("severity", "summary", "source"):
            screen.say(f"  {name:<9} {page['payload'][name]}")


def _mend(screen: Screen, running: Loop) -> None:
    with screen.step("Mend it: the alert ends when no refusal is younger than its window, here a minute"):
        fixed = running.fix(FAULT)
        next_word = fixed + PROGRESS_SECONDS
        while running.receivers.told_of(ALERT.name, "resolved") < PAGED[ALERT.name]:
            now = running.timeline.now()
            if now > fixed + loop.ENDS_WITHIN:
                raise TimeoutError(f"the end of {ALERT.name} is not told within {loop.ENDS_WITHIN:.0f} s")
            if now > next_word:
                screen.say(f"{now:6.1f} s  refused requests within the last minute: {_refused(running):.0f}")
                next_word += PROGRESS_SECONDS
            time.sleep(POLL_SECONDS)
        running.timeline.note(f"resolved {ALERT.name} -> {Channel.PAGERDUTY}", fixed)


def _refused(running: Loop) -> float:
    return sum(float(series["value"][1]) for series in running.prometheus.instant(REFUSED))
