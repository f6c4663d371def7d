"""From which file the code came that this process has sent.

You are on the client's side. What a node says of an exception names a line of the source that it
was sent; here that source is found again by its digest, which is also what heartbeats say of it.
"""

from __future__ import annotations

from typing import Final

from pye2_custom_code.failures import Origin
from pye2core.code import CapturedCode, decode, digest
from pye2core.errors import CodeError

MOST_REMEMBERED: Final = 1000

_remembered: dict[str, Origin] = {}


def remember(captured: CapturedCode) -> None:
    """Remember where code came from that is about to be sent; from any thread."""
    _remembered[digest(captured.source)] = Origin.of(captured)
    for oldest in list(_remembered)[:-MOST_REMEMBERED]:
        _remembered.pop(oldest, None)


def origin_of(code: object) -> Origin | None:
    """Where code came from.

    Args:
        code: as it stands in an instance's settings: packed, or its digest.

    Returns:
        None if it was not sent by this process, or is no code.
    """
    if not isinstance(code, str):
        return None
    try:
        name = code if code.startswith("sha256:") else digest(decode(code))
    except CodeError:
        return None
    return _remembered.get(name)
