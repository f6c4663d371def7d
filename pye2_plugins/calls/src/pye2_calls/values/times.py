"""Dates, times, spans and zones.

A zone is a ``timezone``, or a ``ZoneInfo`` by its key: the receiver makes it of its own data.
"""

from __future__ import annotations

import contextlib
import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError

from pye2_calls.values.errors import Refused
from pye2_calls.values.kinds import Kind
from pye2_calls.values.plain import exactly

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")

_KEPT: Final[dict[str, bytes]] = {}
"""What files say of zones, for a process that can open none."""


def keep_zones() -> None:
    """Read all there is of zones: half a megabyte."""
    from importlib import resources
    from pathlib import Path
    from zoneinfo import available_timezones

    folders: list[Any] = [folder for folder in map(Path, TZPATH) if folder.is_dir()]
    with contextlib.suppress(ModuleNotFoundError):  # most systems have zones of their own
        folders.append(resources.files("tzdata") / "zoneinfo")
    same: dict[bytes, bytes] = {}
    for key in available_timezones():
        data = next(
            (f.joinpath(key).read_bytes() for f in folders if f.joinpath(key).is_file()), b""
        )
        _KEPT[key] = same.setdefault(data, data)


@cache
def zone(key: str) -> ZoneInfo:
    """The zone of that key.

    Raises:
        ValueError: there is none here.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("a zone's key is none")
    if key in _KEPT:
        return ZoneInfo.from_file(BytesIO(_KEPT[key]), key)
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(
            f"there is no zone {key} here; install tzdata, or pass times in UTC"
        ) from error


def _zone_apart(value: ZoneInfo) -> tuple[str]:
    if value.key is None:
        raise Refused("is a zone without a key", "use ZoneInfo(key)")
    return (value.key,)


def _timezone_apart(value: timezone) -> Iterable[Any]:
    # As for pickle: the name, only if it was given one.
    return value.__getinitargs__()  # type: ignore[attr-defined,no-any-return] # typeshed lacks it


# The constructors would also take a pickle's bytes, unchecked: hence as many arguments as these.


def _date_apart(value: date) -> tuple[int, int, int]:
    return value.year, value.month, value.day


def _date(year: Any, month: Any, day: Any) -> date:
    return date(year, month, day)


def _time_apart(value: datetime | time) -> tuple[Any, ...]:
    clock = value.hour, value.minute, value.second, value.microsecond
    return (value.tzinfo, value.fold, *clock)


def _time(zone_of_it: Any, fold: Any, *clock: Any) -> time:
    hour, minute, second, micro = clock
    return time(hour, minute, second, micro, zone_of_it, fold=fold)


def _datetime_apart(value: datetime) -> tuple[Any, ...]:
    return (*_time_apart(value), *_date_apart(value))


def _datetime(zone_of_it: Any, fold: Any, *parts: Any) -> datetime:
    hour, minute, second, micro, year, month, day = parts
    return datetime(year, month, day, hour, minute, second, micro, zone_of_it, fold=fold)


def _zone_inside(value: datetime | time) -> Iterable[tuple[str, tzinfo | None]]:
    return ((".tzinfo", value.tzinfo),)


KINDS: Final = (
    Kind(20, (date,), _date_apart, _date),
    Kind(21, (time,), _time_apart, _time, _zone_inside),
    Kind(22, (datetime,), _datetime_apart, _datetime, _zone_inside),
    Kind(
        23,
        (timedelta,),
        lambda value: (value.days, value.seconds, value.microseconds),
        timedelta,
    ),
    Kind(24, (timezone,), _timezone_apart, timezone),
    Kind(25, (ZoneInfo,), _zone_apart, lambda key: zone(exactly(str, key))),
)
"""All of them; numbers 20 to 29 are theirs."""
