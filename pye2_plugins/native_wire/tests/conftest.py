"""What the tests of our own dialect share. What they import by name is in ``native_support``."""

import sys
from pathlib import Path

import pytest

# Tests are imported each on its own; what several of them share is found here.
sys.path.append(str(Path(__file__).parent))

from native_support import Pair


@pytest.fixture
def pair() -> Pair:
    """Two who have introduced themselves to each other."""
    return Pair()
