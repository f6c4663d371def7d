"""Within which hours of the week an instance works.

Sans-I/O: a moment goes in; whether it lies within the hours comes out, and when that changes. Hours
are those of a wall clock in some time zone. Where that clock is set forward or back, a time that it
skips is as much later as it skips, and of a time that it shows twice the first one counts: each
shift begins once and ends once.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from reprlib import repr as cut_repr
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

WEEKDAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
"""In the order of :meth:`datetime.date.weekday`; their first three letters are names as well."""

MOST_SPANS: Final = 96
"""Spans of one day: more than one every quarter of an hour are no hours any more."""

_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_HOUR: Final = 60
_DAY: Final = 24 * _HOUR
_SHORT_NAME: Final = 3
_LONGEST_SHOWN: Final = 60
_UTC_NAMES: Final = (None, "", "UTC", "Etc/UTC")

_AHEAD: Final = 16
"""Days that are searched for the next change: a week, one more for a clock that is set forward over
the only shift of the first one, and the days at both ends."""

Span = tuple[int, int]
"""Minutes after midnight; the end is greater, and beyond the day if it is on the next one."""

Shift = tuple[datetime, datetime]
"""When it begins and when it has ended, in UTC."""


@frozen
class WorkingHours:
    """The hours of a week.

    Attributes:
        week: the spans of each weekday, Monday first.
        zone: the time zone of the clock that they are read from.

    Example:
        >>> hours = working_hours([["22:00", "06:00"]])
        >>> hours.cover(datetime(2026, 1, 5, 23, 30, tzinfo=UTC))
        True
        >>> hours.next_change(datetime(2026, 1, 5, 23, 30, tzinfo=UTC)).isoformat()
        '2026-01-06T06:00:00+00:00'
    """

    week: tuple[tuple[Span, ...], ...]
    zone: tzinfo = UTC

    def cover(self, moment: datetime) -> bool:
        """Whether a moment lies within them."""
        return any(start <= moment < end for start, end in self._shifts(moment, 1))

    def next_change(self, moment: datetime) -> datetime | None:
        """When work begins or ends next, in UTC; None if it never does."""
        today = moment.astimezone(self.zone).date()
        # Of what reaches beyond the days that are looked at, nobody knows here where it ends.
        horizon = self._moment(today + timedelta(days=_AHEAD), 0)
        edges = (edge for shift in _joined(self._shifts(moment, _AHEAD)) for edge in shift)
        return next((edge for edge in edges if moment < edge < horizon), None)

    def _shifts(self, moment: datetime, days: int) -> Iterator[Shift]:
        """The shifts that begin on the day before the moment's, on that day and on days after."""
        today = moment.astimezone(self.zone).date()
        for offset in range(-1, days):
            day = today + timedelta(days=offset)
            for start, end in self.week[day.weekday()]:
                yield self._moment(day, start), self._moment(day, end)

    def _moment(self, day: date, minutes: int) -> datetime:
        days, minutes = divmod(minutes, _DAY)
        wall_clock = time(*divmod(minutes, _HOUR), tzinfo=self.zone)
        return datetime.combine(day + timedelta(days=days), wall_clock).astimezone(UTC)


def _joined(shifts: Iterable[Shift]) -> list[Shift]:
    """The same hours as shifts between which there is a break."""
    joined: list[Shift] = []
    for start, end in sorted(shifts):
        if start >= end:
            continue  # the clock was set forward over all of it
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


# --- how they are written -------------------------------------------------------------------------


def working_hours(stated: object, zone_name: object = None) -> WorkingHours | None:
    """Read the settings WORKING_HOURS and WORKING_HOURS_TIMEZONE.

    Args:
        stated: a list of spans ``["HH:MM", "HH:MM"]`` for every day, or an object with such lists
            by weekday (``MON`` or ``MONDAY``, in any case), where days that are missing are free. A
            span whose end is not after its start ends on the next day.
        zone_name: such as "Europe/Prague"; UTC if there is none.

    Returns:
        The hours; None if there are none, so that an instance always works.

    Raises:
        ValueError: what is stated cannot be understood; says which part, and how it is written.
    """
    zone = _zone(zone_name)
    if stated is None or stated in ([], {}):
        return None
    if isinstance(stated, list):
        return WorkingHours((_spans(stated),) * len(WEEKDAYS), zone)
    if isinstance(stated, dict):
        return WorkingHours(_week(stated), zone)
    raise ValueError(
        'WORKING_HOURS must be a list of spans like ["08:00", "17:30"], or an object with such a'
        f" list for each weekday, not {_shown(stated)}"
    )


def _zone(name: object) -> tzinfo:
    if name in _UTC_NAMES:
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name if isinstance(name, str) else "")
    except (ValueError, OSError, LookupError) as error:
        raise ValueError(
            "WORKING_HOURS_TIMEZONE must be the name of a time zone that this node's system knows,"
            f' like "UTC" or "Europe/Prague", not {_shown(name)}'
        ) from error


def _week(stated: Mapping[Any, Any]) -> tuple[tuple[Span, ...], ...]:
    by_day: dict[int, tuple[Span, ...]] = {}
    for name, spans in stated.items():
        day = _weekday(name)
        if day in by_day:
            raise ValueError(f"WORKING_HOURS names {WEEKDAYS[day]} twice")
        by_day[day] = () if spans is None else _spans(spans)
    return tuple(by_day.get(day, ()) for day in range(len(WEEKDAYS)))


def _weekday(name: object) -> int:
    wanted = str(name).upper()
    for day, weekday in enumerate(WEEKDAYS):
        if wanted in (weekday, weekday[:_SHORT_NAME]):
            return day
    raise ValueError(f"WORKING_HOURS has {_shown(name)} for a weekday; they are called MON to SUN")


def _spans(stated: object) -> tuple[Span, ...]:
    if isinstance(stated, list) and len(stated) <= MOST_SPANS:
        return tuple(_span(each) for each in stated)
    raise ValueError(
        f"WORKING_HOURS has {_shown(stated)} for a day; that must be a list of at most"
        f' {MOST_SPANS} spans like ["08:00", "17:30"]'
    )


def _span(stated: object) -> Span:
    minutes = [_minutes(each) for each in stated] if isinstance(stated, list) else []
    match minutes:
        case [int(start), int(end)] if start < _DAY:
            return start, end if end > start else end + _DAY
    raise ValueError(
        f"WORKING_HOURS has {_shown(stated)} for a span; a span is written"
        ' ["HH:MM", "HH:MM"], from "00:00" to "24:00"'
    )


def _minutes(stated: object) -> int | None:
    if not isinstance(stated, str) or _TIME.fullmatch(stated) is None:
        return None
    hours, minutes = stated.split(":")
    return int(hours) * _HOUR + int(minutes)


def _shown(value: object) -> str:
    text = cut_repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
