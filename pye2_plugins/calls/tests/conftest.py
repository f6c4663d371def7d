"""Fixtures of the tests of calls. What tests import by name is in the modules beside this one."""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

# pytest imports test modules by their path, so that this folder is on no other path.
sys.path.append(str(Path(__file__).parent))

from attic_network import AtAttic, Network, submit

from pye2_calls.client.calls import SessionCalls
from pye2_calls.messages import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


@pytest.fixture
def library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], ModuleType | None]]:
    """Writes a module of the user's, and imports it if it can be by now."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name: str, text: str) -> ModuleType | None:
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        importlib.invalidate_caches()
        if "import" in text:
            return None
        return importlib.import_module(name.replace("/", ".").removesuffix(".__init__"))

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def network() -> Network:
    """A session with one node, whose side is played by the test."""
    return Network()


@pytest.fixture
def calls(network: Network) -> Iterator[SessionCalls]:
    """The calls of that session."""
    made = SessionCalls(cast("Any", network))
    yield made
    made.close()


@pytest.fixture
def begin(network: Network, calls: SessionCalls) -> Callable[..., AtAttic]:
    """Has a function called, and waits until the attic has been sent the call."""

    count = itertools.count(1)

    def begin(function: Any = pow, *args: Any, **options: Any) -> AtAttic:
        outcome = submit(calls, function, *args, **options)
        pipeline = network.pipeline()
        sent = network.told(Call, pipeline, next(count))[-1]
        return AtAttic(outcome, pipeline, sent)

    return begin
