"""The node's clock: what time it is, and whether that can be right.

One object that everything in a node asks: the wire dialects, whether commands have expired; the
store, whether what was seen may be forgotten; the log and the heartbeats, what to tell. A machine
without a battery, a Raspberry Pi, learns the time from the network some time after its start, so
the answer is never kept.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pye2_node.home import last_ran_of, lock_file_of
from pye2core.clock import is_set

if TYPE_CHECKING:
    from datetime import datetime

    from pye2_node.home import Home
    from pye2core.clock import Clock

_log = logging.getLogger("pye2_node")

_TIMESYNC: Final = Path("/run/systemd/timesync")
"""There where systemd-timesyncd sets the clock; with a file ``synchronized`` once it has. A machine
without a battery begins with the time at which it was last seen running, which may be long ago."""

_CORRECTION: Final = timedelta(minutes=1)
"""By so much a clock that is set may be put back."""

_NOTED_EVERY: Final = timedelta(hours=1)
"""A memory card is worn by each write; and no command lives for less than many such times."""


class NodeClock:
    """A clock that knows whether it can be right. Any thread may ask it; only the loop looks.

    Args:
        clock: this machine's.
        home: knows when the node has run.
    """

    def __init__(self, clock: Clock, home: Home) -> None:
        self._clock = clock
        self._home = home
        self._last_ran = home.last_ran
        self._was_set = True

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        return self._clock.monotonic()

    def now(self) -> datetime:
        """What the machine says that the present moment is, aware, in UTC."""
        return self._clock.now()

    def is_set(self) -> bool:
        """Whether what :meth:`now` says can be right."""
        return _why_not_set(self.now(), self._last_ran) is None

    def look(self) -> str | None:
        """See whether the clock is set, log it where that has changed, and note that the node runs.

        Returns:
            Why it is not; None if it may be.
        """
        now = self.now()
        self._last_ran = self._home.last_ran
        why = _why_not_set(now, self._last_ran)
        if why is None:
            self._note_running(now)
        self._log_change(why)
        return why

    def _log_change(self, why: str | None) -> None:
        if self._was_set is (why is None):
            return
        self._was_set = why is None
        if why is not None:
            _log.warning(_in_words(why))
        else:
            _log.info("the clock of this machine is set now: commands expire again")

    def _note_running(self, now: datetime) -> None:
        if self._last_ran is not None and abs(now - self._last_ran) < _NOTED_EVERY:
            return
        try:
            self._home.note_running(now)
        except OSError as error:
            _log.warning("it cannot be kept that this node runs: %s", error)
        else:
            self._last_ran = now


def clock_trouble(now: datetime, home: Path) -> str | None:
    """What it means for a node that its machine does not know the time; None if it may.

    Args:
        now: what the clock says.
        home: the node's; nothing is taken from it that this user may not see.
    """
    try:
        last_ran = last_ran_of(lock_file_of(home).stat())
    except OSError:  # it never ran, or is somebody else's
        last_ran = None
    why = _why_not_set(now, last_ran)
    return None if why is None else _in_words(why)


def _in_words(why: str) -> str:
    return (
        f"the clock of this machine is not set: {why}. Until it is,"
        " commands are taken that have expired, and only those that were taken before are"
        " recognised and refused; have the machine learn the time from the network (NTP)"
    )


def _why_not_set(now: datetime, last_ran: datetime | None) -> str | None:
    if not is_set(now):
        doubt = ""
    elif _TIMESYNC.is_dir():
        if (_TIMESYNC / "synchronized").exists():
            return None
        doubt = ", and the network has not been heard to say so since the machine was started"
    elif last_ran is not None and last_ran - now > _CORRECTION:
        doubt = (
            f", and this node ran at {last_ran:%Y-%m-%d %H:%M} UTC (if it was then that the clock"
            " was wrong: `touch node.lock` in the node's home)"
        )
    else:
        return None
    return f"it says {now:%Y-%m-%d %H:%M} UTC{doubt}"
