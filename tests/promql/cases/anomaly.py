"""The volume of communications against the same hour of earlier weeks. One sample is a quarter of an hour."""

from collections.abc import Callable

from promql.cases.delivery import sent
from support.promtool import Case

ANOMALOUS = "CRMTrafficAnomalous"
LOW, HIGH = f"{ANOMALOUS} direction=low", f"{ANOMALOUS} direction=high"
DELIVERED, FAILED = sent("email", "delivered"), sent("email", "failed")
QUARTERS_PER_DAY = 96
WORKDAYS = 5

Rate = Callable[[int, int], int]
"""Communications within a quarter of an hour, by the day since the start and the quarter of the day."""


def counted(rate: Rate, days: int) -> str:
    """Return the values of a counter that grows at this rate."""
    values, total = ["0"], 0
    for quarter in range(days * QUARTERS_PER_DAY):
        total += rate(*divmod(quarter, QUARTERS_PER_DAY))
        values.append(str(total))
    return " ".join(values)


def moment(day: int, hour: int) -> str:
    """Return a time since the start."""
    return f"{day * 24 + hour}h"


def usual(day: int, quarter: int) -> int:
    """Many by day and few by night, on the first five days of each week; nothing on the other two."""
    if day % 7 >= WORKDAYS:
        return 0
    return 100 if 32 <= quarter < 72 else 10


def story(
    rate: Rate,
    days: int,
    firing: dict[str, tuple[str, ...]],
    weeks: int = 3,
    margin: str = "30%",
    *,
    up: str = "1x4000",
    patience: str = "30m",
) -> Case:
    """Return the case of a CRM that delivers at this rate."""
    alerts = {"anomaly": {"weeks": weeks, "margin": margin}, "overrides": {ANOMALOUS: {"for": patience}}}
    series = {DELIVERED: counted(rate, days)}
    return Case(ANOMALOUS, series, firing, {"alerts": alerts}, up=up, step="15m", purposes=("anomaly",))


def with_day(day: int, value: int) -> Rate:
    """Return the usual rate with another one on one day."""
    return lambda at, quarter: value if at == day else usual(at, quarter)


def without_hours(day: int, since: int) -> Rate:
    """Return the usual rate until an hour of a day, and nothing after it."""
    return lambda at, quarter: 0 if (at, quarter) >= (day, 4 * since) else usual(at, quarter)


CASES = {
    "nothing is sent from noon on, on the ninth day": story(
        without_hours(8, 12), 10, {moment(8, 12): (), moment(8, 14): (LOW,), moment(8, 18): (LOW,)}
    ),
    "days and nights of a working week are like those of the week before": story(
        usual, 16, {moment(8, 3): (), moment(8, 8): (), moment(8, 12): (), moment(8, 19): (), moment(9, 0): ()}
    ),
    "a quiet end of the week is like the one before, not like the day before": story(
        usual, 16, {moment(12, 12): (), moment(13, 12): (), moment(14, 10): ()}
    ),
    "a sixth day is as busy as the fifth": story(with_day(12, 60), 16, {moment(12, 12): (HIGH,), moment(14, 12): ()}),
    "four times as many as a week before": story(
        lambda day, quarter: usual(day, quarter) * (4 if day == 9 else 1), 11, {moment(9, 12): (HIGH,)}
    ),
    "three tenths more than a week before": story(
        lambda day, quarter: usual(day, quarter) * (13 if day == 9 else 10) // 10, 11, {moment(9, 12): ()}
    ),
    "three tenths more than a week before, with a margin of ten in a hundred": story(
        lambda day, quarter: usual(day, quarter) * (13 if day == 9 else 10) // 10,
        11,
        {moment(9, 12): (HIGH,)},
        3,
        "10%",
    ),
    "nothing is sent in the first week": story(without_hours(2, 9), 7, {moment(2, 14): (), moment(4, 12): ()}),
    "an outage of one week is no measure for the next one": story(with_day(15, 0), 23, {moment(22, 12): ()}),
    "an outage of last week is the measure when only that week counts": story(
        with_day(15, 0), 23, {moment(22, 12): (HIGH,)}, weeks=1
    ),
    "three communications an hour stop": story(
        lambda day, quarter: 0 if day >= 8 else int(quarter % 4 < 3), 10, {moment(8, 12): (), moment(9, 12): ()}
    ),
    "sixty in an hour that usually has a hundred": story(
        lambda day, quarter: 15 if day == 8 else 25, 10, {moment(8, 6): (), moment(8, 12): ()}
    ),
    "thirty in an hour that usually has a hundred": story(
        lambda day, quarter: 7 if day == 8 else 25, 10, {moment(8, 12): (LOW,)}
    ),
    "failures are traffic": Case(
        ANOMALOUS,
        {
            DELIVERED: counted(without_hours(8, 9), 10),
            FAILED: counted(lambda d, q: 100 if d == 8 and q >= 36 else 0, 10),
        },
        {moment(8, 14): ()},
        {"alerts": {"anomaly": {}}},
        step="15m",
        purposes=("anomaly",),
    ),
    "the first hour of the monitoring is not what is usual a week later": story(
        lambda day, quarter: 100, 9, {"168h15m": (), "168h30m": (), "170h": ()}, patience="0s"
    ),
    "targets are away, which another alert tells": story(
        without_hours(8, 9),
        10,
        {moment(8, 9) + "45m": (), moment(8, 14): ()},
        up=f"1x{8 * QUARTERS_PER_DAY + 36 - 1} 0x200",
        patience="0s",
    ),
    "a job that something else scrapes": Case(
        ANOMALOUS,
        {DELIVERED: counted(without_hours(8, 12), 10)},
        {moment(8, 14): (LOW,)},
        {"alerts": {"anomaly": {}}, "metrics": {"monitor": "None", "existingJob": "legacy"}},
        scraped={"namespace": "crm", "job": "legacy", "instance": "a"},
        step="15m",
        purposes=("anomaly",),
    ),
    "nobody asked for a band": Case(
        ANOMALOUS,
        {DELIVERED: "0+100x800 80000x100"},
        {moment(8, 14): ()},
        step="15m",
        purposes=("anomaly", "custom"),
        values={(moment(8, 14), "ALERTS"): {}},
    ),
}
