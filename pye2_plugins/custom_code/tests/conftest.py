"""A node's side in one process: time that jumps, a sandbox that is none, a context that keeps."""

from __future__ import annotations

import ast
import asyncio
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pye2_testing.jumping_time import JumpingLoop, LoopClock
from pye2core.abc import CallResult, CodeFailure, FunctionSource, SandboxExit
from pye2core.code import as_function, check_source, encode
from pye2core.errors import CallTimedOut, CodeRefused, NodeError, SandboxDied
from pye2core.messages import InstancePath, NotificationKind, Requester

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

# pytest imports test modules by their path, so that this folder is on no other path.
sys.path.append(str(Path(__file__).parent))


class Dies(Exception):
    """Raised by code under test: its process is killed."""


class Hangs(Exception):
    """Raised by code under test: it would never return."""


class FakeSandbox:
    """Runs code here and now; one await per call, in which it can be stopped."""

    def __init__(self) -> None:
        self.exited: asyncio.Future[SandboxExit] = asyncio.get_running_loop().create_future()
        self.functions: dict[str, Callable[..., Any]] = {}
        self.settings: dict[str, Any] = {}
        self.calls: list[str] = []
        self.plugin = SimpleNamespace(
            obj_cache={}, functions=self.functions, dies=Dies, hangs=Hangs, long=None
        )

    @property
    def is_alive(self) -> bool:
        return not self.exited.done()

    async def define(self, functions: Mapping[str, FunctionSource]) -> None:
        problems = [
            problem
            for each in functions.values()
            for problem in check_source(each.source, parameters=each.parameters)
        ]
        if problems:
            raise CodeRefused(f"refused: {problems[0].message}", problems=problems)
        for name, each in functions.items():
            tree = as_function(ast.parse(each.source), parameters=each.parameters, name=name)
            names: dict[str, Any] = {}
            exec(compile(tree, f"<{name}>", "exec"), names)
            self.functions[name] = names[name]

    async def configure(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        for key, value in settings.items():
            setattr(self.plugin, f"cfg_{key.lower()}", value)

    async def call(
        self,
        name: str,
        *args: Any,
        timeout: float,  # noqa: ASYNC109 - the contract has it
    ) -> CallResult:
        self.calls.append(name)
        await asyncio.sleep(0)
        self._check_alive()
        try:
            value = self.functions[name](self.plugin, *args)
            if isinstance(value, dict) and "TAKES" in value:
                await asyncio.wait({self.exited}, timeout=value["TAKES"])
                self._check_alive()
        except Dies:
            self._end("killed by signal 9")
            self._check_alive()
        except Hangs:
            self._end("timed out")
            raise CallTimedOut(f"took longer than {timeout:g} s", seconds=timeout) from None
        except Exception as error:  # noqa: BLE001 - whatever the code under test raises
            return CallResult(failure=self._failure(error, name))
        return CallResult(value)

    def _failure(self, error: Exception, name: str) -> CodeFailure:
        trace = error.__traceback__
        while trace.tb_next is not None:
            trace = trace.tb_next
        kind = type(error).__name__
        return CodeFailure(kind, str(error), trace.tb_lineno, "its line", "its frames", name)

    async def stop(self, grace: float = 1.0) -> None:
        self._end("stopped")

    def _end(self, reason: str) -> None:
        if not self.exited.done():
            self.exited.set_result(SandboxExit(None, 9, reason))

    def _check_alive(self) -> None:
        if self.exited.done():
            reason = self.exited.result().reason
            raise SandboxDied(f"its process is gone: {reason}", code=None, signal=9)


class FakeContext:
    """What a node gives; all that is said is kept."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.path = InstancePath("pipe", "CUSTOM_EXEC_01", "inst")
        self.node_name = "naeural-1"
        self.node_address = "0xai_me"
        self.requester = Requester()
        self.settings = dict(settings)
        self.clock = LoopClock()
        self.sandboxes: list[FakeSandbox] = []
        self.sandboxes_fail = 0
        self.emitted: list[tuple[float, dict[str, Any]]] = []
        self.notified: list[tuple[float, NotificationKind, str, dict[str, Any]]] = []
        self.something_said = asyncio.Event()
        self.kept: bytes | None = None

    async def save(self, state: bytes) -> None:
        self.kept = state

    async def load(self) -> bytes | None:
        return self.kept

    async def open_sandbox(self) -> FakeSandbox:
        await asyncio.sleep(0)
        if self.sandboxes_fail:
            self.sandboxes_fail -= 1
            raise NodeError("no process could be started")
        self.sandboxes.append(FakeSandbox())
        return self.sandboxes[-1]

    async def emit(self, fields: Mapping[str, Any]) -> None:
        if any(value == "unsendable" for value in fields.values()):
            raise TypeError("EXEC_RESULT cannot be carried")
        self.emitted.append((self.clock.monotonic(), dict(fields)))
        self.something_said.set()

    def notify(self, kind: NotificationKind, text: str, **more: Any) -> None:
        self.notified.append((self.clock.monotonic(), kind, text, more))

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [fields for _, fields in self.emitted]

    async def payload(self, number: int) -> dict[str, Any]:
        """The payload of that number, from 1, when it is there."""
        while len(self.emitted) < number:
            self.something_said.clear()
            await self.something_said.wait()
        return self.emitted[number - 1][1]


@pytest.fixture
def in_no_time() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    """Runs a coroutine function on a loop whose time jumps."""

    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(main())

    return run


@pytest.fixture
def context_for() -> Callable[..., FakeContext]:
    """Makes a context for some code and further settings; call it on a loop."""

    def make(code: str | None = None, **settings: Any) -> FakeContext:
        packed = {} if code is None else {"CODE": encode(code)}
        return FakeContext({**packed, **settings})

    return make


@pytest.fixture
def waiting_threads() -> Callable[[], list[threading.Thread]]:
    """Those that wait for results, but for what other tests have left to themselves."""

    def all_of_them() -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each.name == "pye2-missing results"]

    before = all_of_them()
    return lambda: [each for each in all_of_them() if each not in before]
