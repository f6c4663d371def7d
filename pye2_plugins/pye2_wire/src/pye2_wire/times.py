"""Moments as PyE2 writes them: local time, with the zone's whole hours beside it.

You are in the PyE2 serializer (PyE2 wire protocol, section 5.2). A message of ours says UTC and
that it is UTC: an hour that repeats in autumn, or a zone of half an hour, could not be told.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

ZONE = "UTC+0"
"""What ``EE_TIMEZONE`` says of the times that we write."""

ZONE_NAME = "Etc/UTC"
"""What ``EE_TZ`` says of the times that we write."""

_ZONE_TEXT = re.compile(r"UTC([+-]\d{1,2})")
_LONGEST_MOMENT = 40
_LONGEST_ZONE = 8
_ZONES_REMEMBERED = 64


def wire_time(moment: datetime) -> str:
    """A moment as ``2026-11-22 20:46:11.821357``, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def wire_time_if_any(moment: datetime | None) -> str | None:
    """The same of what may not have happened."""
    return None if moment is None else wire_time(moment)


def moment_of(text: object, zone: object) -> datetime | None:
    """The moment that a sender in ``zone`` writes as ``text``; None if either says nothing usable.

    Args:
        text: such as ``2026-11-22 20:46:11.821357``.
        zone: such as ``UTC+2``.
    """
    if not isinstance(text, str) or not isinstance(zone, str) or len(text) > _LONGEST_MOMENT:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=_zone_of(zone[:_LONGEST_ZONE]))
    except ValueError:
        return None


@lru_cache(_ZONES_REMEMBERED)
def _zone_of(text: str) -> timezone:
    """The zone that is written as ``UTC+2``.

    Raises:
        ValueError: it is written otherwise, or there is none so far away.
    """
    hours = _ZONE_TEXT.fullmatch(text)
    if hours is None:
        raise ValueError("no zone of whole hours")
    return timezone(timedelta(hours=int(hours.group(1))))
