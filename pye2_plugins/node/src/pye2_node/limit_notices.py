"""What is said when an instance has come to a limit: a notification with its name and its value.

The field ``LIMIT`` is our own; PyE2's clients show the text. Each limit is told once in a while
only, however often it is hit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pye2core.messages import NotificationKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2core.clock import Clock

TOLD_EVERY: Final = 10.0
"""Seconds between two notifications of one limit of one instance."""

LIMIT: Final = "LIMIT"
"""The field that holds the limit's ``NAME`` and ``VALUE``."""

_CONSEQUENCES: Final[Mapping[str, str]] = {
    "disk": "bytes that it may keep: the text was not kept",
    "events": "messages to the node during one call: its process was ended",
    "exec_timeout": "seconds for one call: its process was ended",
    "file_size": "bytes of a file that it writes, or of all in its own folder: the call failed",
    "kept_rate": "bytes a second to keep: it has to wait",
    "kept_text": "characters of one text to keep: the text was not kept",
    "memory": "bytes of memory: the call failed",
    "open_files": "open files: the call failed",
    "output": "characters of output during one call: the rest was left out",
    "payload_bytes": "bytes of one payload: it was not sent",
    "payload_rate": "payloads a second, or 32 KiB each of larger ones: it has to wait",
    "payload_values": "values in one payload: it was not sent",
    "payloads": "payloads during one call: no more are sent",
    "processes": "processes and threads: the call failed",
}


class LimitNotices:
    """Tells of the limits that one instance hits."""

    def __init__(self, clock: Clock, notify: Callable[..., None]) -> None:
        """Make it.

        Args:
            clock: says how long ago a limit was told.
            notify: sends a notification about the instance.
        """
        self._clock = clock
        self._notify = notify
        self._told_at: dict[str, float] = {}

    def tell(self, name: str, value: float) -> None:
        """Say that a limit was hit, if that was not said just now."""
        now = self._clock.monotonic()
        if now - self._told_at.get(name, float("-inf")) < TOLD_EVERY:
            return
        self._told_at[name] = now
        self._notify(
            NotificationKind.ABNORMAL,
            f"Hit the limit {name}: {value:.15g} {_CONSEQUENCES[name]}",
            fields={LIMIT: {"NAME": name, "VALUE": value}},
        )
