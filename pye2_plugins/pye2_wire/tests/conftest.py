"""Lets these tests share what they are held against."""

import sys
from pathlib import Path

# Tests are imported each on its own; what several of them share is found here.
sys.path.append(str(Path(__file__).parent))
