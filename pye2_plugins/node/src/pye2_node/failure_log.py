"""What the node's own log says of instances that fail.

Whoever deployed an instance is notified of each failure. The node's owner reads the log: a line for
each instance that keeps failing, now and then; with ``--verbose`` each failure with its traceback.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from attrs import define

from pye2core.messages import NotificationKind
from pye2core.printable import printable

if TYPE_CHECKING:
    from pye2core.clock import Clock
    from pye2core.messages import InstancePath, Notification

_log = logging.getLogger("pye2_node")

TOLD_EVERY: Final = 600.0
"""Seconds between two lines about one instance."""

_REMEMBERED: Final = 1000
_LONGEST_LINE: Final = 300
_NEVER: Final = float("-inf")


@define
class _Failing:
    """When it was last told that an instance fails, and how often it failed since."""

    told_at: float = _NEVER
    untold: int = 0


class FailureLog:
    """Logs the failures that a node notifies of; from any thread.

    Args:
        clock: says what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failing: OrderedDict[InstancePath, _Failing] = OrderedDict()

    def note(self, notification: Notification) -> None:
        """The node says this; it is logged if it tells of a failure."""
        if notification.kind is not NotificationKind.EXCEPTION:
            return
        if _log.isEnabledFor(logging.INFO):
            _log.warning("%s: %s%s", *_told(notification), _indented(notification.info or ""))
            return
        failures = self._to_be_told(notification.path)
        if failures:
            often = f" ({failures} failures since the last line)" if failures > 1 else ""
            _log.warning("%s: %s%s; --verbose shows each in full", *_told(notification), often)

    def _to_be_told(self, path: InstancePath) -> int:
        """How many failures a line about this instance tells of; 0 if it is too soon for one."""
        now = self._clock.monotonic()
        with self._lock:
            failing = self._failing.setdefault(path, _Failing())
            self._failing.move_to_end(path)
            if len(self._failing) > _REMEMBERED:
                self._failing.popitem(last=False)
            failing.untold += 1
            if now - failing.told_at < TOLD_EVERY:
                return 0
            failures, failing.untold, failing.told_at = failing.untold, 0, now
            return failures


def _told(notification: Notification) -> tuple[str, str]:
    """Whose failure it is, and which, each on one line whatever the code says."""
    path = notification.path
    steps = ":".join(filter(None, (path.pipeline, path.signature, path.instance_id)))
    whose = f"pipeline {steps}" if path.instance_id is None else f"instance {steps}"
    if path.pipeline is None:  # where the command itself could not be read
        asker = notification.requester
        whose = f"a command of {asker.name or asker.address or 'somebody'}"
    return printable(whose), printable(notification.text)[:_LONGEST_LINE]


def _indented(text: str) -> str:
    """More lines, of which none can be taken for one of the log's own."""
    return "".join(f"\n    {printable(line)}" for line in text.splitlines())
