"""Where the network of the tests of calls is."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "calls"))  # importlib mode adds no folder
