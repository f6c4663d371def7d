"""How messages of this dialect begin (PyE2 wire protocol, section 19.1).

You are in the native serializer, apart from all else: every message on the network is asked, also
where nobody speaks this dialect.
"""

from __future__ import annotations

from typing import Final

MAGIC: Final = b"\x93pye"


def looks_native(data: bytes) -> bool:
    """Whether these bytes begin as all versions of this dialect do."""
    return data.startswith(MAGIC)
