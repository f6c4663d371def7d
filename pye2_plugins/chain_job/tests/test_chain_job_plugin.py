"""What the package offers, and that offering it costs nothing."""

from __future__ import annotations

import subprocess
import sys

from pye2core import Instance
from pye2core.abc import Runner
from pye2core.descriptors import Role
from pye2core.plugins import installed_plugins


def test_the_signature_is_offered_with_both_sides() -> None:
    registry = installed_plugins()
    descriptor = registry.signature_for(Role.CHAIN_JOB)
    assert descriptor.name == "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST"
    assert issubclass(registry.load(descriptor, descriptor.client), Instance)
    assert issubclass(registry.load(descriptor, descriptor.runner), Runner)
    assert len(descriptor.confidential) == 6


def test_neither_side_imports_the_other() -> None:
    """A laptop never imports a runner, a node never the client."""
    for mine, other in [("runner", "pye2core.client"), ("client", "pye2_chain_job.runner")]:
        code = f"import sys, pye2_chain_job.{mine}; sys.exit('{other}' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_plugin_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, pye2_chain_job.plugin\n"
        "heavy = {'numpy', 'asyncio', 'pye2_chain_job.runner', 'pye2core.client'}\n"
        "sys.exit(bool(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
