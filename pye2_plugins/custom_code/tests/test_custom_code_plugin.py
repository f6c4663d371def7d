"""What the package offers, and that offering it costs nothing."""

from __future__ import annotations

import subprocess
import sys

from pye2core.abc import Runner
from pye2core.client import Instance
from pye2core.descriptors import Role
from pye2core.plugins import installed_plugins


def test_the_signature_is_offered_with_both_sides() -> None:
    registry = installed_plugins()
    descriptor = registry.signature_for(Role.CUSTOM_CODE)
    assert descriptor.name == "CUSTOM_EXEC_01"
    assert issubclass(registry.load(descriptor, descriptor.client), Instance)
    assert issubclass(registry.load(descriptor, descriptor.runner), Runner)
    assert descriptor.confidential == ("CODE",)


def test_neither_side_imports_the_other() -> None:
    """A laptop never imports a runner, a node never the client."""
    for mine, other in [("runner", "pye2core.client"), ("client", "pye2_custom_code.runner")]:
        code = f"import sys, pye2_custom_code.{mine}; sys.exit('{other}' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_plugin_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, pye2_custom_code.plugin\n"
        "heavy = {'numpy', 'asyncio', 'pye2_custom_code.runner', 'pye2core.client'}\n"
        "sys.exit(bool(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
