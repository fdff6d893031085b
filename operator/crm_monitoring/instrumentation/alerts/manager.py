"""The alert manager: which alerts are active, and who is told, at most how often."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from crm_monitoring.contract.alerts import Channel, Severity
from crm_monitoring.errors import Problem, SettingsError
from crm_monitoring.instrumentation.alerts.alert import Alert, Notice
from crm_monitoring.instrumentation.alerts.conditions import CONDITIONS, Finding, judge
from crm_monitoring.instrumentation.alerts.courier import Courier, DeliveryReport, Destination

logger = logging.getLogger(__name__)

COOLDOWN_SECONDS = 300.0
ORDER = {severity: place for place, severity in enumerate(Severity)}
MOST_WARNINGS = 100


@dataclass(frozen=True, slots=True)
class Sending:
    """What `send_alert` did, by channel. All empty: no channel takes alerts of this severity."""

    queued: tuple[Channel, ...] = ()
    cooling_down: tuple[Channel, ...] = ()
    """Told already within the cooldown."""
    dropped: tuple[Channel, ...] = ()
    """The queue was full."""


class AlertManager:
    """Judges figures, keeps the active alerts and tells the destinations. Any thread may use it.

    Nothing here waits for the network: delivery happens in a thread for each destination.
    """

    def __init__(
        self,
        destinations: Sequence[Destination] = (),
        *,
        thresholds: Mapping[str, float] | None = None,
        cooldown_seconds: float = COOLDOWN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`thresholds` replaces the contract's by alert name: ratios from 0 to 1, seconds, counts.

        Raise SettingsError for a name that is not a stock alert.
        """
        self._thresholds = _known(thresholds or {})
        self._cooldown_seconds = cooldown_seconds
        self._clock = clock
        self._now = now
        self._couriers = [Courier(destination, gave_up=self._gave_up, wait=wait) for destination in destinations]
        self._lock = threading.Lock()
        self._active: dict[str, Alert] = {}
        self._told: dict[tuple[str, Channel], float] = {}
        self._owed: set[tuple[str, Channel]] = set()
        self._warned: set[str] = set()

    def evaluate_conditions(self, metrics: Mapping[str, Any]) -> list[Alert]:
        """Return the alerts whose condition holds, worst first. The figures are listed in `conditions.CONDITIONS`.

        An active alert whose condition was judged and no longer holds is resolved, and who was told of it is told of
        that. A figure that is not given, or is NaN, leaves its alert as it was. It raises nothing; a figure that
        cannot be read is ignored with one warning.
        """
        judgement = judge(metrics, self._thresholds)
        with self._lock:
            firing = [self._alert(finding) for finding in judgement.findings if finding.breached]
            keys = {alert.key for alert in firing}
            ended = [
                alert
                for alert in self._active.values()
                if alert.name in judgement.given
                and alert.key not in keys
                and (alert.name, _entry(alert)) not in judgement.undecided
            ]
            for alert in ended:
                del self._active[alert.key]
            self._active.update((alert.key, alert) for alert in firing)
            self._warn(judgement.unread)
        for alert in ended:
            self._resolve(alert)
        return sorted(firing, key=_rank)

    async def send_alert(self, alert: Alert) -> Sending:
        """Queue an alert for every channel of its severity and return at once; it raises nothing.

        A channel that was told of the alert within the cooldown is left out. What became of the delivery is in
        `delivery_reports`; when it was given up the cooldown ends, so that the next call tries again.
        """
        now = self._clock()
        outcome: dict[str, list[Channel]] = {"queued": [], "cooling_down": [], "dropped": []}
        with self._lock:
            self._told = {key: told for key, told in self._told.items() if now - told < self._cooldown_seconds}
            for courier in self._couriers:
                channel = courier.destination.channel
                if alert.severity not in courier.destination.severities:
                    continue
                if (alert.key, channel) in self._told:
                    outcome["cooling_down"].append(channel)
                elif courier.submit(Notice(alert)):
                    self._told[alert.key, channel] = now
                    self._owed.add((alert.key, channel))
                    outcome["queued"].append(channel)
                else:
                    outcome["dropped"].append(channel)
        sending = Sending(**{name: tuple(channels) for name, channels in outcome.items()})
        if not sending.cooling_down:
            logger.warning("Alert %s (%s): %s", alert.key, alert.severity.value, alert.summary)
        return sending

    def get_active_alerts(self, severity: Severity | str | None = None) -> list[Alert]:
        """Return the alerts whose condition held when it was last judged, worst first; of one severity when given."""
        wanted = None if severity is None else Severity(severity)
        with self._lock:
            active = [alert for alert in self._active.values() if wanted in (None, alert.severity)]
        return sorted(active, key=_rank)

    def delivery_reports(self) -> dict[Channel, DeliveryReport]:
        """Return what became of the messages so far, for each configured channel."""
        return {courier.destination.channel: courier.report() for courier in self._couriers}

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything queued was delivered or given up; False when that takes longer. It blocks."""
        deadline = time.monotonic() + timeout_seconds
        return all(courier.flush(max(0.0, deadline - time.monotonic())) for courier in self._couriers)

    def close(self, timeout_seconds: float = 5.0) -> bool:
        """Try to deliver what is queued, without pauses, and take no more. Call it when the CRM stops. It blocks."""
        for courier in self._couriers:
            courier.close()
        return self.flush(timeout_seconds)

    def _alert(self, finding: Finding) -> Alert:
        condition = finding.condition
        alert = Alert(
            condition.stock.name,
            condition.stock.severity,
            condition.sentence(finding.value, finding.threshold),
            condition.next_step,
            finding.value,
            finding.threshold,
            {condition.scope: finding.entry} if finding.entry else {},
            self._now(),
        )
        before = self._active.get(alert.key)
        return replace(alert, started_at=before.started_at) if before else alert

    def _resolve(self, alert: Alert) -> None:
        """Tell those who were told. The cooldown goes on: an alert that comes and goes sends one pair of messages."""
        logger.info("Alert %s resolved", alert.key)
        for courier in self._couriers:
            key = (alert.key, courier.destination.channel)
            with self._lock:
                owed = key in self._owed
                self._owed.discard(key)
            if owed:
                courier.submit(Notice(alert, resolved=True))

    def _gave_up(self, notice: Notice, channel: Channel) -> None:
        if not notice.resolved:
            with self._lock:
                self._told.pop((notice.alert.key, channel), None)
                self._owed.discard((notice.alert.key, channel))

    def _warn(self, unread: Mapping[str, str]) -> None:
        for key, why in unread.items():
            if key not in self._warned and len(self._warned) < MOST_WARNINGS:
                self._warned.add(key)
                logger.warning("Figure %s is ignored: it %s", key[:64], why)


def _rank(alert: Alert) -> tuple[int, str]:
    return ORDER[alert.severity], alert.key


def _entry(alert: Alert) -> str:
    return next(iter(alert.labels.values()), "")


def _known(thresholds: Mapping[str, float]) -> dict[str, float]:
    names = [condition.stock.name for condition in CONDITIONS if condition.stock.threshold]
    wrong = [name for name in thresholds if name not in names]
    if wrong:
        raise SettingsError(Problem(name, f"has no threshold; these have: {', '.join(names)}") for name in wrong)
    return dict(thresholds)
