"""The alert manager: what is active, who is told, and how often."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from crm_monitoring.contract.alerts import SEVERITY_MATRIX, Channel, Severity
from crm_monitoring.errors import SettingsError
from crm_monitoring.instrumentation.alerts import Alert, AlertManager, AlertSeverity, DeliveryFailed
from crm_monitoring.instrumentation.alerts.courier import CAPACITY
from support.dependencies import Time, until
from support.told import Told, busy

LOW_RATE = {"total_sent": 100, "delivery_rate": 0.85}
GOOD_RATE = {"total_sent": 100, "delivery_rate": 0.95}


class Scene:
    """An alert manager with one destination for each channel."""

    def __init__(self, **options: Any) -> None:
        self.time = Time()
        self.told = {channel: Told(channel) for channel in Channel}
        clocks = self.time.clocks()
        self.pauses: list[float] = []
        self.manager = AlertManager(
            [told.destination for told in self.told.values()],
            clock=clocks.monotonic,
            now=clocks.now,
            wait=self._pause,
            **options,
        )

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return False

    async def round(self, metrics: dict[str, Any]) -> list[str]:
        """Evaluate, send what fires, and return the subject lines at the webhook so far."""
        for alert in self.manager.evaluate_conditions(metrics):
            await self.manager.send_alert(alert)
        assert await asyncio.to_thread(self.manager.flush)
        return self.told[Channel.WEBHOOK].titles


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.manager.close(0)


def alert(severity: Severity = Severity.HIGH, **labels: str) -> Alert:
    return Alert("CRMTest", severity, "Something is wrong", labels=labels)


def test_the_severity_is_the_contracts() -> None:
    assert AlertSeverity is Severity


async def test_an_alert_is_evaluated_and_sent(scene: Scene) -> None:
    assert await scene.round(LOW_RATE) == ["[HIGH] CRMDeliveryRateLow"]
    (notice,) = scene.told[Channel.PAGERDUTY].notices
    assert notice.body.startswith("Delivery rate is 85.0%, below 90.0%.\nNext step: Compare crm_communications_total")


@pytest.mark.parametrize("severity", list(Severity))
async def test_each_channel_gets_the_severities_of_the_matrix(scene: Scene, severity: Severity) -> None:
    sending = await scene.manager.send_alert(alert(severity))
    expected = tuple(channel for channel in Channel if severity in SEVERITY_MATRIX[channel])
    assert sending.queued == expected
    await asyncio.to_thread(scene.manager.flush)
    assert tuple(channel for channel, told in scene.told.items() if told.notices) == expected


async def test_within_the_cooldown_nobody_is_told_again(scene: Scene) -> None:
    await scene.round(LOW_RATE)
    scene.time.seconds += 299
    assert len(await scene.round(LOW_RATE)) == 1
    scene.time.seconds += 1
    assert len(await scene.round(LOW_RATE)) == 2


async def test_alerts_with_different_labels_have_cooldowns_of_their_own(scene: Scene) -> None:
    assert await scene.round({"channel_available": {"sms": False, "email": True}}) == [
        "[HIGH] CRMChannelUnavailable{channel=sms}"
    ]
    assert await scene.round({"channel_available": {"sms": False, "email": False}}) == [
        "[HIGH] CRMChannelUnavailable{channel=sms}",
        "[HIGH] CRMChannelUnavailable{channel=email}",
    ]


async def test_when_the_condition_ends_who_was_told_is_told(scene: Scene) -> None:
    await scene.round(LOW_RATE)
    assert await scene.round(GOOD_RATE) == ["[HIGH] CRMDeliveryRateLow", "[RESOLVED] CRMDeliveryRateLow"]
    assert scene.manager.get_active_alerts() == []
    assert scene.told[Channel.EMAIL].titles == []


async def test_an_alert_that_comes_and_goes_sends_one_pair_within_the_cooldown(scene: Scene) -> None:
    for _ in range(5):
        await scene.round(LOW_RATE)
        await scene.round(GOOD_RATE)
    assert scene.told[Channel.SLACK].titles == ["[HIGH] CRMDeliveryRateLow", "[RESOLVED] CRMDeliveryRateLow"]


async def test_an_alert_that_nobody_was_told_of_ends_in_silence(scene: Scene) -> None:
    scene.manager.evaluate_conditions(LOW_RATE)
    assert await scene.round(GOOD_RATE) == []


UNDECIDED: dict[str, dict[str, Any]] = {
    "nothing is said": {},
    "there is no data": {"delivery_rate": float("nan")},
    "there is too little traffic": {"delivery_rate": 1.0, "total_sent": 3},
    "what is said cannot be read": {"delivery_rate": "good"},
}


@pytest.mark.parametrize("case", UNDECIDED)
async def test_an_alert_stays_active_while(scene: Scene, case: str) -> None:
    await scene.round(LOW_RATE)
    await scene.round(UNDECIDED[case])
    assert [active.name for active in scene.manager.get_active_alerts()] == ["CRMDeliveryRateLow"]


async def test_one_entry_of_a_mapping_ends_alone(scene: Scene) -> None:
    rates = {"sms": 0.1, "email": 0.1, "chat": 0.1}
    await scene.round({"delivery_rate": rates})
    await scene.round({"delivery_rate": {"sms": 1.0, "email": 0.1, "chat": 1.0}, "total_sent": {"chat": 1}})
    assert [dict(active.labels) for active in scene.manager.get_active_alerts()] == [
        {"channel": "chat"},
        {"channel": "email"},
    ]
    await scene.round({"delivery_rate": {"email": 0.1}})
    assert [dict(active.labels) for active in scene.manager.get_active_alerts()] == [{"channel": "email"}]


async def test_active_alerts_are_sorted_and_chosen_by_severity(scene: Scene) -> None:
    scene.manager.evaluate_conditions(
        {"cache_miss_rate": 0.9, "auth_failures": 1, "retry_rate": 0.5, "queue_size": 500}
    )
    names = [active.name for active in scene.manager.get_active_alerts()]
    assert names == ["CRMAuthenticationFailure", "CRMQueueSizeHigh", "CRMRetryRateHigh", "CRMCacheMissRateHigh"]
    critical = scene.manager.get_active_alerts(severity=AlertSeverity.CRITICAL)
    assert [active.name for active in critical] == names[:1]
    assert len(scene.manager.get_active_alerts("medium")) == 2


async def test_an_alert_keeps_the_moment_when_it_began(scene: Scene) -> None:
    (began,) = scene.manager.evaluate_conditions(LOW_RATE)
    scene.time.seconds += 60
    (later,) = scene.manager.evaluate_conditions({"delivery_rate": 0.5})
    assert later.started_at == began.started_at
    assert later.value == 0.5


async def test_a_figure_that_cannot_be_read_is_warned_of_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        scene.manager.evaluate_conditions({"delivery": 1, "queue_size": "many"})
    assert [record.getMessage() for record in caplog.records] == [
        "Figure delivery is ignored: it is not a known figure",
        "Figure queue_size is ignored: it must be a number from 0, or a mapping of priority to such numbers",
    ]


def test_a_threshold_for_an_unknown_alert_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        AlertManager(thresholds={"CRMDeliveryRate": 0.9, "CRMChannelUnavailable": 1, "CRMQueueSizeHigh": 5})
    assert [problem.path for problem in caught.value.problems] == ["CRMChannelUnavailable", "CRMDeliveryRate"]


async def test_a_failed_delivery_is_retried(scene: Scene) -> None:
    scene.told[Channel.WEBHOOK].failures = [busy(), ConnectionResetError("secret"), busy()]
    assert await scene.round(LOW_RATE) == ["[HIGH] CRMDeliveryRateLow"]
    report = scene.manager.delivery_reports()[Channel.WEBHOOK]
    assert (report.delivered, report.retries, report.failed, report.last_error) == (1, 3, 0, "HTTP 503")
    assert len(scene.pauses) == 3


async def test_a_refusal_is_not_retried(scene: Scene) -> None:
    scene.told[Channel.WEBHOOK].failures = [DeliveryFailed("HTTP 404", permanent=True)]
    assert await scene.round(LOW_RATE) == []
    report = scene.manager.delivery_reports()[Channel.WEBHOOK]
    assert (report.failed, report.retries, report.last_error) == (1, 0, "HTTP 404")


async def test_a_delivery_that_was_given_up_ends_the_cooldown(scene: Scene) -> None:
    scene.told[Channel.WEBHOOK].failures = [busy() for _ in range(8)]
    assert await scene.round(LOW_RATE) == []
    assert scene.manager.delivery_reports()[Channel.WEBHOOK].failed == 1
    assert await scene.round(LOW_RATE) == ["[HIGH] CRMDeliveryRateLow"]
    assert scene.told[Channel.PAGERDUTY].titles == ["[HIGH] CRMDeliveryRateLow"]


async def test_one_destination_that_hangs_delays_neither_the_caller_nor_another(scene: Scene) -> None:
    scene.told[Channel.PAGERDUTY].gate.clear()
    await asyncio.wait_for(scene.manager.send_alert(alert()), 5)
    await until(lambda: bool(scene.told[Channel.SLACK].notices))
    assert scene.manager.delivery_reports()[Channel.PAGERDUTY].queued == 1
    scene.told[Channel.PAGERDUTY].gate.set()


async def test_a_full_queue_drops_and_says_so(scene: Scene) -> None:
    scene.told[Channel.EMAIL].gate.clear()
    scene.told[Channel.WEBHOOK].gate.clear()
    sendings = [
        await scene.manager.send_alert(alert(Severity.LOW, number=str(number))) for number in range(CAPACITY + 5)
    ]
    assert sendings[0].queued == (Channel.EMAIL, Channel.WEBHOOK)
    assert sendings[-1].dropped == (Channel.EMAIL, Channel.WEBHOOK)
    report = scene.manager.delivery_reports()[Channel.EMAIL]
    # The thread may have taken the first one out of the queue already.
    assert report.queued in (CAPACITY, CAPACITY + 1)
    assert report.queued + report.dropped == CAPACITY + 5
    scene.told[Channel.EMAIL].gate.set()
    scene.told[Channel.WEBHOOK].gate.set()


async def test_a_closed_manager_delivers_what_waits_and_takes_no_more() -> None:
    told = Told()
    manager = AlertManager([told.destination])
    await manager.send_alert(alert())
    assert await asyncio.to_thread(manager.close)
    assert told.titles == ["[HIGH] CRMTest"]
    assert (await manager.send_alert(alert(number="2"))).dropped == (Channel.WEBHOOK,)


async def test_closing_ends_the_pauses_between_attempts() -> None:
    told = Told(failures=[busy() for _ in range(8)])
    manager = AlertManager([told.destination])
    await manager.send_alert(alert())
    assert await asyncio.to_thread(manager.close)
    assert manager.delivery_reports()[Channel.WEBHOOK].failed == 1


async def test_without_a_destination_an_alert_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    sending = await AlertManager().send_alert(alert(channel="sms"))
    assert (sending.queued, sending.dropped) == ((), ())
    assert "Alert CRMTest{channel=sms} (high): Something is wrong" in caplog.text


def test_many_threads_may_use_one_manager(scene: Scene) -> None:
    def work(number: int) -> None:
        for turn in range(50):
            metrics = LOW_RATE if (turn + number) % 2 else GOOD_RATE
            for found in scene.manager.evaluate_conditions(metrics):
                asyncio.run(scene.manager.send_alert(found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scene.manager.flush()
    titles = scene.told[Channel.WEBHOOK].titles
    assert titles.count("[HIGH] CRMDeliveryRateLow") == 1
    assert titles.count("[RESOLVED] CRMDeliveryRateLow") <= 1
