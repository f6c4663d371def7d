"""Where a session finds the ``.env`` file of its broker (PyE2 wire protocol, section 15)."""

from __future__ import annotations

import os
import runpy
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pye2_testing import MemoryBroker
    from pye2core import PluginRegistry
    from pye2core.identity import Identity

OPEN = """
from pye2core import Session

def found(**more):
    with Session(bc_engine=identity, registry=registry, silent=True, **more) as session:
        return session.server
"""
MAIN = """
import runpy
found = runpy.run_path(inner, init_globals=given)["found"]
server = found(**more)
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The working folder, and those of a program and of the library that opens its session."""
    made = {name: tmp_path / name for name in ("working", "inner", "outer")}
    for folder in made.values():
        folder.mkdir()
    (made["inner"] / "library.py").write_text(OPEN)
    (made["outer"] / "program.py").write_text(MAIN)
    monkeypatch.chdir(made["working"])
    for name in [name for name in os.environ if name.startswith(("PYE2_", "AIXP_", "EE_"))]:
        monkeypatch.delenv(name)
    return made


@pytest.fixture
def server(
    folders: dict[str, Path], broker: MemoryBroker, registry: PluginRegistry, identity: Identity
) -> Callable[..., Any]:
    """What a session that a program opens by its library is connected to."""
    broker_named = broker.url

    def opened(*with_file: str, **more: Any) -> Any:
        for name in with_file:
            text = f"PYE2_BROKER={broker_named}\n" if name == with_file[0] else "PYE2_BROKER=x://\n"
            (folders[name] / ".env").write_text(text)
        given = {"identity": identity, "registry": registry}
        inner = str(folders["inner"] / "library.py")
        program = str(folders["outer"] / "program.py")
        told = {"given": given, "inner": inner, "more": more}
        return runpy.run_path(program, init_globals=told)["server"]

    return opened


@pytest.mark.parametrize(
    "with_file",
    [
        ["working"],
        ["inner"],
        ["outer"],
        ["working", "inner", "outer"],
        ["inner", "outer"],
    ],
    ids=" before ".join,
)
def test_the_first_file_counts(
    server: Callable[..., Any], broker: MemoryBroker, with_file: list[str]
) -> None:
    """The working folder, then beside each source file on the call stack, innermost first."""
    assert server(*with_file) in broker.url


def test_the_file_that_is_named_comes_before_all_others(
    server: Callable[..., Any], broker: MemoryBroker, folders: dict[str, Path]
) -> None:
    named = folders["outer"] / "settings"
    named.write_text(f"pye2_broker={broker.url}\n")
    (folders["working"] / ".env").write_text("PYE2_BROKER=x://\n")

    assert server(dotenv_path=str(named)) in broker.url
