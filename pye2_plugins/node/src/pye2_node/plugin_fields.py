"""What all payloads and notifications of instances say besides their own: PyE2's users read it.

Values only (PyE2 wire protocol, sections 10 and 11). What is measured, or set, is told as it is; of
what this node does not do (alerts, images of its own, data sets, demonstrations), PyE2's words for
"none".
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTIFICATION_FIELDS: Final[Mapping[str, Any]] = {"USE_LOCAL_COMMS_ONLY": False}
"""Of notifications in which an instance speaks."""

_ALWAYS: Final[Mapping[str, Any]] = {
    "COLLECTED": False,
    "STATUS": "N/A",
    "IS_ALERT": False,
    "IS_NEW_RAISE": False,
    "IS_NEW_LOWER": False,
    "IS_ALERT_NEW_RAISE": False,
    "IS_ALERT_NEW_LOWER": False,
    "IS_ALERT_STATUS_CHANGED": False,
    "LAST_ALERT_DURATION": None,
    "PLUGIN_CATEGORY": "general",
    "USE_LOCAL_COMMS_ONLY": False,
    "IMG_ORIG": None,
    "_P_ALERT_HELPER": "A=0, N=0, CT=NA, E=A[]=0.00 vs >=0.50 ",
    "_P_DATASET_BUILDER_USED": False,
    "_P_DEBUG_SAVE_PAYLOAD": False,
    "_P_DEMO_MODE": False,
    "_P_GRAPH_TYPE": [],
    "debug_payload_saved": False,
}
"""A payload may say otherwise itself."""

_LOOP_RESOLUTION: Final = 20
"""Runs a second at most, of PyE2's instances that do not say (section 7)."""

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


def payload_fields(
    settings: Mapping[str, Any],
    said: Mapping[str, Any],
    *,
    version: str | None,
    frequency: float | None,
    alive_seconds: float,
) -> dict[str, Any]:
    """The body of a payload, but for what identifies it.

    Args:
        settings: the instance's.
        said: what its runner says, by upper-case key, which counts most.
        version: the signature's.
        frequency: how often it sends, in payloads a second.
        alive_seconds: how long it has been there.
    """
    return {
        **_ALWAYS,
        "TAGS": settings.get("TAGS", ""),
        "ID_TAGS": settings.get("ID_TAGS", []),
        "IMG_IN_PAYLOAD": said.get("IMG") is not None,
        "_P_ALIVE_TIME_MINS": round(alive_seconds / 60, 2),
        "_P_PLUGIN_LOOP_RESOLUTION": settings.get("PLUGIN_LOOP_RESOLUTION", _LOOP_RESOLUTION),
        "_P_PLUGIN_REAL_RESOLUTION": frequency,
        "_P_PROCESS_DELAY": settings.get("PROCESS_DELAY"),
        "_P_VERSION": version,
        **said,
    }
