"""What the package offers, and that offering it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from attrs import has

from pye2core import Instance
from pye2core.abc import Runner
from pye2core.descriptors import Role
from pye2core.plugins import installed_plugins


@pytest.mark.parametrize(
    ("role", "name", "confidential"),
    [
        (Role.CUSTOM_CODE, "CUSTOM_EXEC_01", "CODE"),
        (Role.SINGLE_RUN, "REST_CUSTOM_EXEC_01", "REQUEST"),
    ],
)
def test_the_signatures_are_offered_with_both_sides(
    role: Role, name: str, confidential: str
) -> None:
    registry = installed_plugins()
    descriptor = registry.signature_for(role)
    assert descriptor.name == name
    assert issubclass(registry.load(descriptor, descriptor.client), Instance)
    assert issubclass(registry.load(descriptor, descriptor.runner), Runner)
    assert has(registry.load(descriptor, descriptor.settings))
    assert descriptor.confidential == (confidential,)


def test_neither_side_imports_the_other() -> None:
    """A laptop never imports a runner, a node never the client."""
    runners = {"runner": "pye2core.client", "rest_runner": "pye2core.client"}
    clients = {"client": "pye2_custom_code.process", "rest_client": "pye2_custom_code.process"}
    for mine, other in {**runners, **clients}.items():
        code = f"import sys, pye2_custom_code.{mine}; sys.exit('{other}' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_plugin_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, pye2_custom_code.plugin\n"
        "heavy = {'numpy', 'asyncio', 'pye2_custom_code.runner', 'pye2core.client'}\n"
        "sys.exit(bool(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
