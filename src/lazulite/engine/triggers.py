"""When schedules tick: pure functions of a trigger and a moment. No clock, no database."""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from lazulite import fields
from lazulite.catalog import time_zones
from lazulite.errors import BadRequest

# Source: azure-ai-ml 1.35.2 _restclient/arm_ml_service/models/_enums.py, RecurrenceFrequency and WeekDay.
_SPANS = {"Minute": timedelta(minutes=1), "Hour": timedelta(hours=1)}
_FREQUENCIES = (*_SPANS, "Day", "Week", "Month")
_WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_INTERVAL = 100_000
# How many periods without a tick are looked at: the 29th of February, every twelfth month, comes in 96 of them.
_MOST_EMPTY = 200
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Pattern:
    """At which times of which days a recurrence ticks; what is empty comes from the moment at which it starts.

    Hours without minutes mean the full hours. Source: guess; the SDK lets nobody give one without the other.
    """

    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    week_days: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()


@dataclass(frozen=True)
class Trigger:
    """One schedule's trigger.

    expression: crontab's five fields, "" for a recurrence. starts_at: in zone; the first tick is not before it.
    ends_at: the last is not after it.
    """

    zone: ZoneInfo
    starts_at: datetime
    ends_at: datetime | None
    expression: str = ""
    frequency: str = ""
    interval: int = 1
    pattern: Pattern = Pattern()


def read(body: Mapping[str, Any], born_at: datetime) -> Trigger:
    """Reads ARM's trigger; one that says no startTime starts when its schedule was made.

    Forms: `{triggerType: "Cron", expression, startTime, endTime, timeZone}`; `{triggerType: "Recurrence", frequency,
    interval, schedule: {hours, minutes, weekDays, monthDays}, startTime, endTime, timeZone}`, times without an offset
    in timeZone. Raises BadRequest naming the field that cannot be right.
    """
    path = "properties.trigger"
    kind = fields.text(body, f"{path}.triggerType", required=True)
    zone = time_zones.zone(fields.text(body, f"{path}.timeZone"))
    starts_at = _moment(body, "startTime", zone) or born_at.astimezone(zone)
    ends_at = _moment(body, "endTime", zone)
    if ends_at and ends_at < starts_at:
        raise BadRequest(f"{path}.endTime is before the schedule starts, at {starts_at}.", target=f"{path}.endTime")
    if kind.lower() == "cron":
        return Trigger(zone, starts_at, ends_at, _expression(body))
    if kind.lower() != "recurrence":
        raise BadRequest(
            f'{path}.triggerType is "{kind}", but must be Cron or Recurrence.', target=f"{path}.triggerType"
        )
    frequency = _frequency(fields.text(body, f"{path}.frequency", required=True))
    interval = fields.count(body, f"{path}.interval", 1, most=_MOST_INTERVAL)
    pattern = _pattern(fields.nested(body, f"{path}.schedule"))
    if frequency in _SPANS and pattern != Pattern():
        raise BadRequest(
            f"{path}.schedule names times of the day, but the frequency is {frequency}.",
            target=f"{path}.schedule",
            hint="Use the frequency Day, Week or Month, or leave the pattern out.",
        )
    return Trigger(zone, starts_at, ends_at, "", frequency, interval, pattern)


def next_tick(trigger: Trigger, after: datetime) -> datetime | None:
    """Returns the first tick after a moment, in UTC; None when there is none any more.

    A wall clock's time that a change to summer time leaves out comes as much later as the clock is put on; one that
    comes twice in autumn counts once. Cron expressions follow Debian's cron in this.
    """
    try:
        found = _cron(trigger, after) if trigger.expression else _recurrence(trigger, after)
    except OverflowError:  # later than datetime can say
        return None
    if not found or (trigger.ends_at and found > trigger.ends_at):
        return None
    return found.astimezone(timezone.utc)


def _cron(trigger: Trigger, after: datetime) -> datetime | None:
    # CronSim's ticks are later than where it begins, and whole minutes.
    begin = max(after.astimezone(trigger.zone), trigger.starts_at - _INSTANT, key=datetime.timestamp)
    return next(CronSim(trigger.expression, begin), None)


def _recurrence(trigger: Trigger, after: datetime) -> datetime | None:
    span = _SPANS.get(trigger.frequency)
    start = trigger.starts_at
    if span:
        step = span * trigger.interval
        begin = start.astimezone(timezone.utc)
        return begin if after < begin else begin + step * ((after - begin) // step + 1)
    if after < start:
        after = start - _INSTANT
    for days in _periods(trigger, after.astimezone(trigger.zone).date()):
        ticks = sorted(tick for day in days for tick in _ticks(trigger, day))
        for tick in ticks:
            if tick > after and tick >= start:
                return tick
    return None


def _periods(trigger: Trigger, day: date) -> Iterator[Sequence[date]]:
    """Yields the days of one period after another that a recurrence ticks on, from the one that a day is in."""
    first = trigger.starts_at.date()
    for number in range(_MOST_EMPTY):
        if trigger.frequency == "Month":
            months = (day.year - first.year) * 12 + day.month - first.month
            months = (months // trigger.interval + number) * trigger.interval
            yield _month(trigger, first, first.month - 1 + months)
        else:
            length = 7 if trigger.frequency == "Week" else 1
            begin = first - timedelta(days=first.weekday()) if length == 7 else first
            passed = (day - begin).days // length // trigger.interval + number
            monday = begin + timedelta(days=passed * trigger.interval * length)
            yield _fitting(trigger, [monday + timedelta(days=one) for one in range(length)])


def _month(trigger: Trigger, first: date, months: int) -> Sequence[date]:
    year, month = first.year + months // 12, months % 12 + 1
    if year > date.max.year:
        raise OverflowError
    return _fitting(trigger, [date(year, month, one + 1) for one in range(calendar.monthrange(year, month)[1])])


def _fitting(trigger: Trigger, days: Sequence[date]) -> Sequence[date]:
    """Returns the days that the pattern wants; those of the start's weekday or date where it does not say."""
    first, pattern = trigger.starts_at.date(), trigger.pattern
    week_days, month_days = pattern.week_days, pattern.month_days
    if trigger.frequency == "Week" and not week_days:
        week_days = (first.weekday(),)
    if trigger.frequency == "Month" and not month_days and not week_days:
        month_days = (first.day,)
    return [
        day
        for day in days
        if (not week_days or day.weekday() in week_days) and (not month_days or day.day in month_days)
    ]


def _ticks(trigger: Trigger, day: date) -> Iterator[datetime]:
    start, pattern = trigger.starts_at, trigger.pattern
    # Seconds are the start's only where no time of the day is named.
    seconds = start.time() if not pattern.hours and not pattern.minutes else time()
    for hour in pattern.hours or [start.hour]:
        for minute in pattern.minutes or ([start.minute] if not pattern.hours else [0]):
            wall = datetime.combine(day, seconds.replace(hour=hour, minute=minute), trigger.zone)
            yield wall.astimezone(timezone.utc)


def _moment(body: Mapping[str, Any], name: str, zone: ZoneInfo) -> datetime | None:
    text = fields.text(body, f"properties.trigger.{name}")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
        local.astimezone(timezone.utc)  # what lies before the year 1 or after 9999 there is no moment
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            f'properties.trigger.{name} is "{text[:40]}", but must be a time such as 2026-01-31T12:00:00.',
            target=f"properties.trigger.{name}",
        ) from error
    return local


def _expression(body: Mapping[str, Any]) -> str:
    text = fields.text(body, "properties.trigger.expression", required=True)
    try:
        if len(text) > 200 or len(text.split()) != 5:
            raise CronSimError("it has other than five fields")
        CronSim(text, datetime(2000, 1, 1, tzinfo=timezone.utc))
    except (CronSimError, ValueError, AssertionError) as error:
        raise BadRequest(
            f'properties.trigger.expression is "{text[:80]}", which is no crontab expression: {error}.',
            target="properties.trigger.expression",
            hint='It has five fields, MINUTES HOURS DAYS MONTHS WEEKDAYS: "15 10 * * 1" is 10:15 on Mondays.',
        ) from error
    return text


def _frequency(text: str) -> str:
    for known in _FREQUENCIES:
        if known.lower() == text.lower():
            return known
    raise BadRequest(
        f'properties.trigger.frequency is "{text[:40]}", but must be one of {", ".join(_FREQUENCIES)}.',
        target="properties.trigger.frequency",
    )


def _pattern(body: Mapping[str, Any]) -> Pattern:
    return Pattern(
        hours=_numbers(body, "hours", 0, 23),
        minutes=_numbers(body, "minutes", 0, 59),
        week_days=_week_days(body),
        month_days=_numbers(body, "monthDays", 1, 31),
    )


def _numbers(body: Mapping[str, Any], name: str, least: int, most: int) -> tuple[int, ...]:
    values = _list(body, name)
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BadRequest(
                f"properties.trigger.schedule.{name} must be whole numbers from {least} to {most}.",
                target=f"properties.trigger.schedule.{name}",
            )
    return tuple(sorted(set(values)))


def _week_days(body: Mapping[str, Any]) -> tuple[int, ...]:
    known = {name.lower(): number for number, name in enumerate(_WEEK_DAYS)}
    values = [str(value).lower() for value in _list(body, "weekDays")]
    unknown = [value for value in values if value not in known]
    if unknown:
        raise BadRequest(
            f'"{unknown[0][:40]}" is no day of the week: they are {", ".join(_WEEK_DAYS)}.',
            target="properties.trigger.schedule.weekDays",
        )
    return tuple(sorted({known[value] for value in values}))


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequest(
            f"properties.trigger.schedule.{name} must be a list.", target=f"properties.trigger.schedule.{name}"
        )
    return value
