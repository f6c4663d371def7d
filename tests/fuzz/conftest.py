"""Lets the tests of this folder find what they share with ``fuzz_run.py``."""

import sys
from pathlib import Path

# In pytest's importlib mode test files find each other only by the path.
sys.path.append(str(Path(__file__).parent))
