"""For a process that will be able to open no files: imports and reads all that values may need."""

from __future__ import annotations

import sys

from pye2_calls.values.packing import pack
from pye2_calls.values.reading import unpack
from pye2_calls.values.table import learn_of
from pye2_calls.values.times import keep_zones


def preload() -> None:
    """Import what values need later, with numpy, and with pandas if it has been imported.

    Time zones are read from the system or from ``tzdata``: half a megabyte. Where neither is, only
    UTC and fixed offsets can be read later.

    Raises:
        ImportError: numpy is not installed.
    """
    learn_of("numpy")
    if "pandas" in sys.modules:
        learn_of("pandas")
    keep_zones()
    for specimen in _specimens():
        unpack(pack(specimen))


def _specimens() -> list[object]:
    """What has numpy and pandas import the last of what they import late."""
    import numpy as np

    found: list[object] = [
        np.arange(3),
        np.array(["x"]),
        np.array(["2026"], "M8[D]"),
        np.float32(1),
    ]
    if "pandas" in sys.modules:
        from pye2_calls.values.frames import specimens

        found += specimens()
    return found
