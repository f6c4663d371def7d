"""How often an instance sends."""

from __future__ import annotations

from collections import deque
from typing import Final

_PAYLOADS_MEASURED: Final = 10


class Pace:
    """How often an instance sends, measured over its last payloads."""

    def __init__(self) -> None:
        self._sent_at: deque[float] = deque(maxlen=_PAYLOADS_MEASURED)

    def note(self, now: float) -> None:
        """A payload is sent at this moment of a monotonic clock."""
        self._sent_at.append(now)

    @property
    def frequency(self) -> float | None:
        """Payloads a second; None before there were two."""
        lasted = self._sent_at[-1] - self._sent_at[0] if self._sent_at else 0.0
        return round((len(self._sent_at) - 1) / lasted, 1) if lasted > 0 else None
