"""The map of the framework is complete and its examples work."""

from __future__ import annotations

import inspect
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pluggy
import pytest

from pye2core import hookspecs
from pye2core.plugins.loader import REGISTRATION_HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable

HOOKS: dict[str, Callable[..., Any]] = {
    name: value for name, value in vars(hookspecs).items() if name.startswith("pye2_")
}


def example_of(hook: str) -> str:
    """The code in a hook's docstring."""
    _, _, example = str(inspect.getdoc(HOOKS[hook])).partition("Example:\n    ::\n")
    return dedent(example)


def run_example(hook: str) -> dict[str, Any]:
    names: dict[str, Any] = {"hookimpl": hookspecs.hookimpl}
    exec(compile(example_of(hook), hook, "exec"), names)
    return names


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_described_by_a_working_implementation(hook: str) -> None:
    implementation = run_example(hook)[hook]
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)

    class Plugin:
        pass

    setattr(Plugin, hook, staticmethod(implementation))
    manager.register(Plugin, "example")

    manager.check_pending()
    assert getattr(manager.hook, hook).get_hookimpls()


@pytest.mark.parametrize("hook", REGISTRATION_HOOKS)
def test_every_registration_hook_is_specified_and_its_example_gives_its_descriptors(
    hook: str,
) -> None:
    offered = run_example(hook)[hook]()

    assert offered
    assert all(isinstance(each, REGISTRATION_HOOKS[hook]) for each in offered)


def test_every_hook_that_registers_something_is_called_by_the_loader() -> None:
    assert {hook for hook in HOOKS if hook.startswith("pye2_register_")} == set(REGISTRATION_HOOKS)
