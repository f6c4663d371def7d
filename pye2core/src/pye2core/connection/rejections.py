"""Counts and logs the messages that are not acted on; a flood of them costs little."""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.errors import MessageRejected

_log = logging.getLogger("pye2core.connection")
_REMEMBERED = 1024


class Rejections:
    """How many messages were rejected, by reason.

    Attributes:
        counts: rejected messages by ``MessageRejected.reason``.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged: OrderedDict[tuple[str, str | None, type | None], None] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, error: MessageRejected, where: str, defect: Exception | None = None) -> None:
        """Count one; the first of each reason and sender is a warning, others are not.

        Args:
            error: why it is rejected.
            where: the kind of channel that it came on.
            defect: what was raised that nobody foresaw, logged with its traceback.
        """
        key = (error.reason, error.sender, None if defect is None else type(defect))
        with self._lock:
            self.counts[error.reason] += 1
            level = logging.DEBUG if key in self._logged else logging.WARNING
            self._logged[key] = None
            if len(self._logged) > _REMEMBERED:
                self._logged.popitem(last=False)
        sender = f" from {error.sender}" if error.sender else ""
        _log.log(
            level,
            "rejected a message%s on %s (%s): %s",
            sender,
            where,
            error.reason,
            error,
            exc_info=defect,
        )
