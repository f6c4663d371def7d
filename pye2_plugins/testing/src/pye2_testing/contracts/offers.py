"""What a plugin's module offers, and that it stays light.

You are among the contracts' foundations, below those of all kinds of plugin.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pye2core import installed_plugins

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from pye2core.descriptors import Descriptor

_D = TypeVar("_D")


def offered_by(plugin: ModuleType, hook: str, kind: type[_D], name: str) -> _D:
    """The descriptor of that name that a plugin's registration hook gives."""
    given = [each for each in getattr(plugin, hook)() if isinstance(each, kind)]
    names = [getattr(each, "name", "") for each in given]
    assert name.upper() in map(str.upper, names), f"{hook} of {plugin.__name__} gives {names}"
    return next(each for each, its in zip(given, names, strict=True) if its.upper() == name.upper())


def offered_with_implementation(
    contract: type[Any], hook: str, kind: type[_D], implemented: type[Any]
) -> _D:
    """The descriptor of a class, of those that a registration hook of a contract's plugin gives."""
    plugin: ModuleType | None = getattr(contract, "plugin", None)
    if plugin is None:
        pytest.fail(
            f"{contract.__name__} has no `plugin`: assign it the module that the entry point names"
        )
    given: list[Any] = [each for each in getattr(plugin, hook)() if isinstance(each, kind)]
    found = [each for each in given if implementation(each.implementation) is implemented]
    assert len(found) == 1, f"{hook} of {plugin.__name__} gives {given}, of {implemented} one"
    one: _D = found[0]
    return one


def implementation(import_string: str) -> Any:
    """What an import string names."""
    module, _, name = import_string.partition(":")
    return getattr(import_module(module), name)


def require_installed(descriptor: Descriptor, found: Iterable[str]) -> None:
    """Fail the test where the plugin under test is not installed, and say what to do."""
    if descriptor.name.upper() in found:
        return
    broken = [f"{each.name}: {each.error}" for each in installed_plugins().records if each.error]
    pytest.fail(
        f"no installed plugin offers {descriptor.name}: install the distribution under test"
        f" (`pip install --editable .`) with its entry point in the group 'pye2' {broken or ''}"
    )


def modules_imported_with(plugin: ModuleType, modules: Iterable[str]) -> set[str]:
    """Which of these modules a new process imports as it imports the plugin's module."""
    program = f"import sys, {plugin.__name__}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(modules) & set(done.stdout.split())
