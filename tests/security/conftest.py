"""What the tests of confinement share. Nothing here runs a snippet outside of a node in a cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pye2_testing.fixtures import require_mosquitto

# In pytest's importlib mode test files find each other only by the path.
sys.path.append(str(Path(__file__).parent))

LONG_RUNS = "PYE2_LONG_TESTS"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what takes many minutes, unless it is asked for."""
    if os.environ.get(LONG_RUNS) == "1":
        return
    left_out = pytest.mark.skip(reason=f"takes many minutes; {LONG_RUNS}=1 runs it")
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker(left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what became of the snippets, test by test; with ``-v``, of each of them."""
    from escape_table import TOLD

    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in reports:
        for lines in (value for name, value in report.user_properties if name == TOLD):
            shown = lines if terminalreporter.verbosity > 0 else lines[-1:]
            terminalreporter.write_line("\n".join([f"{report.nodeid}:", *shown]))


@pytest.fixture(scope="session")
def cell() -> None:
    """Skip the test that asks where nothing could keep a snippet that gets out."""
    require_mosquitto()
    asked = {"writable": [], "uid": None, "command": ["/bin/true"]}
    program = Path(__file__).parent / "escape_cell.py"
    tried = subprocess.run(
        [sys.executable, str(program), json.dumps(asked)],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        pytest.skip(f"this machine gives these tests no cell: {tried.stderr[-300:]}")
