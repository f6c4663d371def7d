"""What ``import pye2core`` promises: its names, and that they cost nothing until they are used."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

import pye2core
from pye2core import errors

HEAVY = {
    "cattr",
    "cattrs",
    "click",
    "coincurve",
    "cryptography",
    "dotenv",
    "numpy",
    "paho",
    "pika",
    "psutil",
    "rich",
}
LOAD_ALL = """
import attrs
from pye2core import installed_plugins

registry = installed_plugins()
offers = [
    *registry.transports().values(),
    *registry.serializers(),
    *registry.formatters("pye2").values(),
    *registry.signatures().values(),
    *registry.presets().values(),
    *registry.commands().values(),
]
texts = [text for each in offers for text in attrs.astuple(each) if isinstance(text, str)]
implementations = {text.partition(":")[0] for text in texts if ":" in text}
"""


def run(program: str) -> set[str]:
    """What a fresh interpreter prints, as words."""
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(printed.stdout.split())


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("name", pye2core.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value: Any = getattr(pye2core, name)

    assert value.__doc__


def test_the_public_names_are_listed_once_and_nowhere_else() -> None:
    assert sorted(pye2core.__all__) == sorted(pye2core._HOME)  # ruff has constants first
    assert set(pye2core.__all__) <= set(dir(pye2core))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sesion'"):
        pye2core.Sesion  # noqa: B018 - looking it up is the test


def test_importing_the_kernel_imports_nothing_else() -> None:
    modules = run("import sys, pye2core; print(*sys.modules)")

    assert {module for module in modules if module.startswith("pye2")} == {"pye2core"}
    assert packages(modules).isdisjoint({*HEAVY, "attr", "attrs", "pluggy", "packaging"})


def test_importing_the_session_imports_only_what_every_session_does_before_it_connects() -> None:
    modules = run("import sys; from pye2core import Session; print(*sys.modules)")

    connecting = {"pye2core.connection", "pye2core.abc.transports", "pye2core.identity.keys"}
    pipelines = {"pye2core.client.pipeline", "pye2core.client.staging"}
    assert modules.isdisjoint(connecting | pipelines)
    assert packages(modules).isdisjoint({*HEAVY, "asyncio", "ssl", "pluggy"})


def test_loading_all_plugins_imports_nothing_heavy() -> None:
    modules = run(f"{LOAD_ALL}\nimport sys\nprint(*sys.modules)")

    assert {"pye2_mqtt.plugin", "pye2_wire.plugin", "pye2_node.plugin"} <= modules
    assert packages(modules).isdisjoint(HEAVY)


def test_loading_all_plugins_imports_no_implementation() -> None:
    implementations = run(f"{LOAD_ALL}\nprint(*implementations)")
    imported = run(f"{LOAD_ALL}\nimport sys\nprint(*implementations & sys.modules.keys())")

    assert "pye2_mqtt.transport" in implementations
    assert imported == set()


def test_every_installed_plugin_is_sound() -> None:
    assert [each.error for each in pye2core.installed_plugins().records if each.error] == []


ERRORS = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, Exception) and value is not errors.Pye2Error
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: each.__name__)
def test_every_error_is_a_pye2error_and_stands_in_the_tree(error: type[Exception]) -> None:
    assert issubclass(error, pye2core.Pye2Error)
    parent = next(base for base in error.__mro__[1:] if issubclass(base, pye2core.Pye2Error))
    assert _tree()[error.__name__] == parent.__name__


def test_an_error_is_known_by_the_name_to_import_it_by() -> None:
    assert {error.__module__ for error in ERRORS} == {"pye2core.errors"}
    assert {error.__name__ for error in ERRORS} == {*errors.__all__} - {"Pye2Error"}


def _tree() -> dict[str, str]:
    """Each error's parent, as the docstring of ``pye2core.errors`` draws it."""
    parents: dict[str, str] = {}
    above = ["Pye2Error"]
    for line in str(errors.__doc__).splitlines():
        branch, _, name = line.partition("── ")
        if name:
            depth = (len(branch) - 5) // 4 + 1
            del above[depth:]
            parents[name.split()[0]] = above[-1]
            above.append(name.split()[0])
    return parents


def test_the_version_of_the_plugin_interface_is_public_and_follows_from_the_kernels() -> None:
    assert pye2core.__version__.startswith(f"{pye2core.PLUGIN_API}.")
    assert pye2core.PLUGIN_API.count(".") == 1
