"""Where this installation lies, and what of that a service would not see.

A unit that hides the home folders and the temporary ones from its service must show it the Python
that it is to run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ``ProtectHome`` hides."""

TEMPORARY: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - nothing is put there
"""What ``PrivateTmp`` hides."""


def installation() -> tuple[Path, ...]:
    """Every folder that this Python's programs and modules are in, each once."""
    prefixes = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve()]
    modules = [Path(entry) for entry in sys.path if entry]
    return _outermost(place for place in [*prefixes, *modules] if place.is_dir())


def hidden(places: Iterable[Path]) -> tuple[Path, ...]:
    """Those of them that a service does not see by itself."""
    return tuple(place for place in places if any(map(place.is_relative_to, HOMES + TEMPORARY)))


def _outermost(places: Iterable[Path]) -> tuple[Path, ...]:
    kept: list[Path] = []
    for place in sorted(set(places)):
        if not any(map(place.is_relative_to, kept)):
            kept.append(place)
    return tuple(kept)
