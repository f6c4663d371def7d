"""Counts and logs the messages that are not acted on; a flood of them costs little."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.errors import MessageRejected

_log = logging.getLogger("pye2core.connection")

MOST_WARNINGS = 100
"""Warnings of one reason: senders are easily made up, and must not be able to fill the log."""


class Rejections:
    """How many messages were rejected, by reason.

    Attributes:
        counts: rejected messages by ``MessageRejected.reason``.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._warned: dict[str, set[tuple[str | None, type]]] = {}
        self._lock = threading.Lock()

    def add(self, error: MessageRejected, where: str, defect: Exception | None = None) -> None:
        """Count one; the first of each reason and sender is a warning, others are not.

        Args:
            error: why it is rejected.
            where: the kind of channel that it came on.
            defect: what was raised that nobody foresaw, logged with its traceback.
        """
        with self._lock:
            self.counts[error.reason] += 1
            is_news = self._note(error.reason, (error.sender, type(defect)))
        sender = f" from {error.sender}" if error.sender else ""
        _log.log(
            logging.WARNING if is_news else logging.DEBUG,
            "rejected a message%s on %s (%s): %s",
            sender,
            where,
            error.reason,
            error,
            exc_info=defect,
        )

    def _note(self, reason: str, what: tuple[str | None, type]) -> bool:
        """Whether this was not warned of before, and may be."""
        warned = self._warned.setdefault(reason, set())
        if what in warned or len(warned) >= MOST_WARNINGS:
            return False
        warned.add(what)
        return True
