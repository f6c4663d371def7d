"""How long things are good for (PyE2 wire protocol, section 19.5).

You are in the native serializer. All moments are in UTC.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

SEALABLE: Final = timedelta(days=7)
"""For so long after its day has begun messages may be encrypted to a key."""

LONGEST_COMMAND: Final = timedelta(days=30)
"""No command is good for longer: nodes remember for so long which ones they took."""

KEPT: Final = SEALABLE + timedelta(days=8)
"""For so long after its day has begun a private key is there. It is destroyed on the day after,
if the clock still says so; then nothing that was encrypted to it can be read, by nobody."""

CLOCK_SKEW: Final = timedelta(days=1)
"""So far ahead of ours may the clock of who announces a key be."""
