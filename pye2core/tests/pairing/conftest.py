"""What the tests of pairing import by name is in ``pairing_support``."""

from __future__ import annotations

import sys
from pathlib import Path

# pytest imports test modules by their path, so that this folder is on no other path.
sys.path.append(str(Path(__file__).parent))
