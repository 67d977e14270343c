"""When schedules tick: every form of trigger, time zones, the two nights a year when clocks are changed."""

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.engine import triggers
from lazulite.engine.triggers import Trigger
from lazulite.errors import BadRequest

BERLIN = "Europe/Berlin"
BORN = datetime(2026, 1, 7, 9, 20, 30, tzinfo=timezone.utc)  # a Wednesday


def trigger(**body: Any) -> Trigger:
    kind = "Cron" if "expression" in body else "Recurrence"
    return triggers.read({"triggerType": kind, **body}, BORN)


def ticks(wanted: Trigger, count: int, after: datetime = BORN - timedelta(seconds=1)) -> list[str]:
    found = []
    for _ in range(count):
        tick = triggers.next_tick(wanted, after)
        if tick is None:
            break
        found.append(tick.strftime("%m-%d %H:%M:%S"))
        after = tick
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"expression": "15 10 * * 1"}, ["01-12 10:15:00", "01-19 10:15:00"]),
        ({"expression": "*/30 * * * *"}, ["01-07 09:30:00", "01-07 10:00:00"]),
        ({"expression": "0 9 * * MON-FRI", "timeZone": "Pacific Standard Time"}, ["01-07 17:00:00", "01-08 17:00:00"]),
        ({"expression": "0 12 * * *", "startTime": "2026-03-01T12:00:00"}, ["03-01 12:00:00", "03-02 12:00:00"]),
        ({"expression": "0 12 * * *", "endTime": "2026-01-08 12:00:00"}, ["01-07 12:00:00", "01-08 12:00:00"]),
        ({"frequency": "minute", "interval": 10}, ["01-07 09:20:30", "01-07 09:30:30"]),
        (
            {"frequency": "hour", "interval": 5, "startTime": "2026-01-07T00:00:00"},
            ["01-07 10:00:00", "01-07 15:00:00"],
        ),
        ({"frequency": "day", "interval": 2}, ["01-07 09:20:30", "01-09 09:20:30", "01-11 09:20:30"]),
        (
            {"frequency": "day", "interval": 1, "schedule": {"hours": [10], "minutes": [1, 0]}},
            ["01-07 10:00:00", "01-07 10:01:00", "01-08 10:00:00"],
        ),
        (
            {"frequency": "week", "interval": 2, "schedule": {"hours": [10], "minutes": [0], "weekDays": ["monday"]}},
            ["01-19 10:00:00", "02-02 10:00:00"],
        ),
        ({"frequency": "week", "interval": 1}, ["01-07 09:20:30", "01-14 09:20:30"]),
        (
            {"frequency": "month", "interval": 1, "schedule": {"hours": [0], "minutes": [0], "monthDays": [31]}},
            ["01-31 00:00:00", "03-31 00:00:00", "05-31 00:00:00"],
        ),
        ({"frequency": "month", "interval": 3}, ["01-07 09:20:30", "04-07 09:20:30"]),
        ({"frequency": "day", "interval": 1, "endTime": "2026-01-08T00:00:00"}, ["01-07 09:20:30"]),
        ({"frequency": "month", "interval": 100000}, ["01-07 09:20:30"]),
    ],
    ids=str,
)
def test_a_trigger_ticks_when_it_says(body: dict[str, Any], expected: list[str]) -> None:
    assert ticks(trigger(**body), len(expected) + (len(expected) < 2)) == expected


def test_a_wall_clocks_time_stays_over_summer_time_and_a_skipped_or_doubled_hour_is_one_tick() -> None:
    at = {"hours": [2], "minutes": [30]}
    daily = trigger(frequency="day", interval=1, schedule=at, timeZone=BERLIN)
    spring, autumn = (datetime(2026, month, day, tzinfo=timezone.utc) for month, day in ((3, 28), (10, 24)))
    assert ticks(daily, 3, spring) == ["03-28 01:30:00", "03-29 01:30:00", "03-30 00:30:00"]
    assert ticks(daily, 3, autumn) == ["10-24 00:30:00", "10-25 00:30:00", "10-26 01:30:00"]
    cron = trigger(expression="30 2 * * *", timeZone=BERLIN)
    assert len(ticks(cron, 3, spring)) == 3
    assert [tick[:5] for tick in ticks(cron, 3, autumn)] == ["10-24", "10-25", "10-26"]


@pytest.mark.parametrize(
    "body",
    [
        {"expression": "* * * *"},
        {"expression": "61 * * * *"},
        {"expression": "0 0 31 2 *"},
        {"expression": "* * * * * *"},
        {"expression": "a" * 5000},
        {"expression": "0 0 1#2/3 * *"},
        {"expression": 7},
        {"frequency": "fortnight", "interval": 1},
        {"frequency": "day", "interval": 0},
        {"frequency": "day", "interval": "x"},
        {"frequency": "hour", "interval": 1, "schedule": {"hours": [1]}},
        {"frequency": "day", "interval": 1, "schedule": {"hours": [24]}},
        {"frequency": "day", "interval": 1, "schedule": {"hours": 7}},
        {"frequency": "day", "interval": 1, "schedule": {"weekDays": ["Caturday"]}},
        {"frequency": "day", "interval": 1, "timeZone": "Middle-earth"},
        {"frequency": "day", "interval": 1, "startTime": "tomorrow"},
        {"frequency": "day", "interval": 1, "startTime": "0001-01-01T00:00:00+14:00"},
        {"frequency": "day", "interval": 1, "endTime": "2020-01-01T00:00:00"},
        {"triggerType": "Event"},
    ],
    ids=str,
)
def test_a_trigger_that_cannot_be_right_is_refused_with_its_field(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        trigger(**body)


ZONES = st.sampled_from([BERLIN, "America/St_Johns", "Australia/Lord_Howe", "UTC", "Pacific/Apia", "Asia/Kathmandu"])
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(lambda one: one.replace(tzinfo=timezone.utc))
PATTERNS = st.fixed_dictionaries(
    {
        "hours": st.lists(st.integers(0, 23), max_size=3),
        "minutes": st.lists(st.integers(0, 59), max_size=3),
        "weekDays": st.lists(st.sampled_from(["Monday", "Sunday", "Thursday"]), max_size=2),
        "monthDays": st.lists(st.integers(1, 31), max_size=3),
    }
)
RECURRENCES = st.fixed_dictionaries(
    {"frequency": st.sampled_from(["Day", "Week", "Month"]), "interval": st.integers(1, 5), "schedule": PATTERNS}
)
SPANS = st.fixed_dictionaries({"frequency": st.sampled_from(["Minute", "Hour"]), "interval": st.integers(1, 500)})
CRONS = st.builds(
    lambda minute, hour, day: {"expression": f"{minute} {hour} * * {day}"},
    st.sampled_from(["*", "0", "30", "*/7", "5,59"]),
    st.sampled_from(["*", "2", "*/5", "0-3"]),
    st.sampled_from(["*", "1", "SUN"]),
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(RECURRENCES, SPANS, CRONS), ZONES, MOMENTS)
def test_ticks_go_forward_and_are_the_same_from_wherever_one_asks(
    body: dict[str, Any], zone: str, after: datetime
) -> None:
    wanted = trigger(**body, timeZone=zone)
    first = triggers.next_tick(wanted, after)
    if first is None:
        return
    assert first > after
    assert first >= BORN
    between = after + (first - after) / 2
    if between < first:
        assert triggers.next_tick(wanted, between) == first
    second = triggers.next_tick(wanted, first)
    assert second is None or second > first


@settings(max_examples=100, deadline=None)
@given(RECURRENCES, ZONES, MOMENTS)
def test_a_recurrence_ticks_only_at_the_times_and_days_of_its_pattern(
    body: dict[str, Any], zone: str, after: datetime
) -> None:
    tick = triggers.next_tick(trigger(**body, timeZone=zone), after)
    if tick is None:
        return
    wall, pattern = tick.astimezone(ZoneInfo(zone)), body["schedule"]
    was_skipped = {(tick - timedelta(hours=one)).astimezone(ZoneInfo(zone)).utcoffset() for one in (0, 1, 2)}
    if len(was_skipped) > 1:
        return  # the clock had just been put on: the tick is later than the pattern says
    assert not pattern["hours"] or wall.hour in pattern["hours"]
    assert not pattern["minutes"] or wall.minute in pattern["minutes"]
    assert not pattern["weekDays"] or wall.strftime("%A") in pattern["weekDays"]
    assert not pattern["monthDays"] or wall.day in pattern["monthDays"]
