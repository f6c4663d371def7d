"""When an instance does not run although it could: its owner's wish, and its working hours.

PyE2 wire protocol, sections 7 and 10. :class:`PauseRules` and :class:`Standing` are values, no I/O.
:class:`Pausing` applies them to one instance, on the node's loop: it says what begins and ends, and
has the instance look when it is time to.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2core.errors import InvalidConfiguration
from pye2core.messages import NotificationCode, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from typing import Any

    from pye2_node.context import Context
    from pye2_node.working_hours import WorkingHours
    from pye2core.messages import InstanceConfig

_log = logging.getLogger("pye2_node")

FORCED_PAUSE: Final = "FORCED_PAUSE"
IGNORE_WORKING_HOURS: Final = "IGNORE_WORKING_HOURS"
WORKING_HOURS: Final = "WORKING_HOURS"
WORKING_HOURS_TIMEZONE: Final = "WORKING_HOURS_TIMEZONE"

PAUSE_KEYS: Final = frozenset(
    {FORCED_PAUSE, IGNORE_WORKING_HOURS, WORKING_HOURS, WORKING_HOURS_TIMEZONE}
)
"""The settings that say when an instance runs, and not what it does then."""

LOOK_AGAIN: Final = 60.0
"""Seconds after which a clock is looked at again, should somebody have set it."""


class Shift(Enum):
    """What the working hours say at some moment."""

    NONE = "there are none: it always works"
    ON = "it works"
    OFF = "it does not work"


@frozen
class Standing:
    """What keeps an instance at some moment.

    Attributes:
        is_forced: whether its owner wishes that it does not run.
        shift: what its working hours say.
    """

    is_forced: bool = False
    shift: Shift = Shift.NONE

    @property
    def is_outside(self) -> bool:
        """Whether it is outside of its working hours."""
        return self.shift is Shift.OFF

    @property
    def is_paused(self) -> bool:
        """Whether it does not run."""
        return self.is_forced or self.is_outside


@frozen
class PauseRules:
    """When an instance does not run.

    Attributes:
        is_forced: whether it is not to run at all for now.
        hours: when it works; None for always.
    """

    is_forced: bool = False
    hours: WorkingHours | None = None

    def standing(self, moment: datetime) -> Standing:
        """What keeps the instance at a moment."""
        if self.hours is None:
            return Standing(self.is_forced)
        return Standing(self.is_forced, Shift.ON if self.hours.cover(moment) else Shift.OFF)


def pause_rules(config: InstanceConfig, pipeline: str | None) -> PauseRules:
    """The rules in an instance's settings.

    Raises:
        InvalidConfiguration: they cannot be understood; says which and why.
    """
    settings = config.settings
    if not PAUSE_KEYS & settings.keys():
        return PauseRules()
    from pye2_node.working_hours import working_hours  # most nodes never need it

    try:
        hours = working_hours(settings.get(WORKING_HOURS), settings.get(WORKING_HOURS_TIMEZONE))
        ignores_hours = _truth(settings, IGNORE_WORKING_HOURS)
        return PauseRules(_truth(settings, FORCED_PAUSE), None if ignores_hours else hours)
    except ValueError as error:
        message = f"the instance {config.instance_id!r} cannot run with its settings: {error}"
        raise InvalidConfiguration(message, pipeline=pipeline) from error


def _truth(settings: Mapping[str, Any], key: str) -> bool:
    value = settings.get(key)
    if value is None or value is True or value is False:
        return bool(value)
    raise ValueError(f"{key} must be true or false, not {value!r:.60}")


def turns_between(before: Standing | None, after: Standing) -> list[NotificationCode]:
    """What begins and ends from one standing to the next (section 10).

    Args:
        before: None for an instance that begins: whether it is within its hours is told then, too.
        after: how it stands then.
    """
    turns = []
    was_forced = before is not None and before.is_forced
    if after.is_forced is not was_forced:
        paused, resumed = NotificationCode.PLUGIN_PAUSE_OK, NotificationCode.PLUGIN_RESUME_OK
        turns.append(paused if after.is_forced else resumed)
    was_outside = before is not None and before.is_outside
    begins = after.shift is Shift.ON and (before is None or before.shift is not Shift.ON)
    if begins or (was_outside and not after.is_outside):
        turns.append(NotificationCode.PLUGIN_WORKING_HOURS_SHIFT_START)
    elif after.is_outside and not was_outside:
        turns.append(NotificationCode.PLUGIN_WORKING_HOURS_SHIFT_END)
    return turns


_WORDS: Final[Mapping[NotificationCode, str]] = {
    NotificationCode.PLUGIN_PAUSE_OK: f"Paused, because {FORCED_PAUSE} is set",
    NotificationCode.PLUGIN_RESUME_OK: f"Resumed, because {FORCED_PAUSE} is not set any more",
    NotificationCode.PLUGIN_WORKING_HOURS_SHIFT_START: "Starting new working hours shift",
    NotificationCode.PLUGIN_WORKING_HOURS_SHIFT_END: "Ending working hours shift",
}
_BEGINS_OUTSIDE: Final = "Not run yet, because it is outside of its working hours"


def _words_for(code: NotificationCode, before: Standing | None) -> str:
    is_at_begin = before is None and code is NotificationCode.PLUGIN_WORKING_HOURS_SHIFT_END
    return _BEGINS_OUTSIDE if is_at_begin else _WORDS[code]


class Pausing:
    """Whether one instance is paused, at each moment.

    Args:
        context: the instance's; reads the clock and speaks for it.
        look: called when it is time to :meth:`look`.
        look_again: seconds after which the clock is looked at in any case, while there are hours.

    Attributes:
        standing: what keeps the instance, as of the last look.
    """

    def __init__(
        self,
        context: Context,
        look: Callable[[], Awaitable[None]],
        *,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self.standing = Standing()
        self._context = context
        self._look = look
        self._look_again = look_again
        self._rules = PauseRules()
        self._has_begun = False
        self._watching: asyncio.Task[None] | None = None

    @property
    def reason(self) -> str | None:
        """Why the instance does not run, in words; None if nothing keeps it."""
        forced = [f"{FORCED_PAUSE} is set"] if self.standing.is_forced else []
        outside = [f"outside of {self._told_of_hours()}"] if self.standing.is_outside else []
        return "; ".join([*forced, *outside]) or None

    def follow(self, rules: PauseRules) -> None:
        """Go by these rules from now on."""
        self.end()
        self._rules = rules
        self.look()
        if rules.hours is not None:
            self._watching = asyncio.create_task(self._watch(rules.hours))

    def look(self) -> bool:
        """Look at the clock and say what begins and ends; whether anything does."""
        before = self.standing if self._has_begun else None
        self.standing = self._rules.standing(self._context.clock.now())
        self._has_begun = True
        for code in turns_between(before, self.standing):
            self._say(code, _words_for(code, before))
        return before != self.standing

    def end(self) -> None:
        """Have nobody look any more."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self, hours: WorkingHours) -> None:
        while True:
            await asyncio.sleep(self._seconds_left(hours))
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - a defect costs one look, not all after it
                _log.exception("whether %s is paused could not be seen to", self._context.path)

    def _seconds_left(self, hours: WorkingHours) -> float:
        now = self._context.clock.now()
        change = hours.next_change(now)
        if change is None:
            return self._look_again
        return min(self._look_again, (change - now).total_seconds())

    def _say(self, code: NotificationCode, text: str) -> None:
        info = self._told_of_hours() if self._rules.hours is not None else None
        self._context.notify(NotificationKind.NORMAL, text, code=code, info=info, is_displayed=True)

    def _told_of_hours(self) -> str:
        """Its working hours, with when they begin or end next."""
        hours, is_outside = self._rules.hours, self.standing.is_outside
        change = hours.next_change(self._context.clock.now()) if hours is not None else None
        when = "never" if change is None else f"at {change:%Y-%m-%d %H:%M} UTC"
        return f"its working hours, which {'begin' if is_outside else 'end'} {when}"
