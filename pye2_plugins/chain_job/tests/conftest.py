"""A job's surroundings in one process: time that jumps, nodes that answer, no real sandbox."""

from __future__ import annotations

import ast
import asyncio
import json
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pye2_chain_job.runner import ChainJobRunner
from pye2_testing.jumping_time import JumpingLoop, LoopClock
from pye2core.abc import CallResult, CodeFailure, FunctionSource, Peer, SandboxExit
from pye2core.code import as_function, check_source, encode
from pye2core.errors import (
    CallTimedOut,
    CodeRefused,
    DelegationRefused,
    MessageTooLarge,
    SandboxDied,
)
from pye2core.messages import (
    Action,
    Command,
    Delegation,
    Heartbeat,
    InstancePath,
    Notification,
    NotificationKind,
    Origin,
    PayloadMessage,
    PipelineConfig,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

SIGNATURE = "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST"


# --- the sandbox ----------------------------------------------------------------------------------


class Dies(Exception):
    """Raised by code under test: its process is killed."""


class Hangs(Exception):
    """Raised by code under test: it would never return."""


class FakeSandbox:
    """Runs code here and now, with values as JSON carries them."""

    def __init__(self, memory: dict[str, Any]) -> None:
        self.exited: asyncio.Future[SandboxExit] = asyncio.get_running_loop().create_future()
        self.functions: dict[str, Callable[..., Any]] = {}
        self.plugin = SimpleNamespace(
            obj_cache={}, functions=self.functions, dies=Dies, hangs=Hangs, memory=memory
        )

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
        for key, value in settings.items():
            setattr(self.plugin, f"cfg_{key.lower()}", value)

    async def call(
        self,
        name: str,
        *args: Any,
        timeout: float,  # noqa: ASYNC109 - the contract has it
    ) -> CallResult:
        await asyncio.sleep(0)
        if self.exited.done():
            raise SandboxDied("its process was stopped", code=None, signal=9)
        try:
            value = self.functions[name](self.plugin, *json.loads(json.dumps(args)))
        except Dies:
            await self.stop()
            raise SandboxDied("its process was killed", code=None, signal=9) from None
        except Hangs:
            await self.stop()
            raise CallTimedOut(f"took longer than {timeout:g} s", seconds=timeout) from None
        except Exception as error:  # noqa: BLE001 - whatever the code under test raises
            return CallResult(failure=self._failure(error))
        return CallResult(json.loads(json.dumps(value)), seconds=0.0001)

    def _failure(self, error: Exception) -> CodeFailure:
        trace = error.__traceback__
        assert trace is not None
        while trace.tb_next is not None:
            trace = trace.tb_next
        name = trace.tb_frame.f_code.co_name
        kind = type(error).__name__
        return CodeFailure(kind, str(error), trace.tb_lineno, "its line", "its frames", name)

    async def stop(self, grace: float = 1.0) -> None:
        if not self.exited.done():
            self.exited.set_result(SandboxExit(None, 9, "stopped"))


# --- other nodes ----------------------------------------------------------------------------------


class FakeNode:
    """A node that runs workers: each sends the numbers of its piece, ten at a time."""

    def __init__(self, network: FakeNetwork, name: str, *, allows: bool = True) -> None:
        self.network = network
        self.name = name
        self.address = f"0xai_{name}"
        self.allows = allows
        self.is_up = True
        self.workers: dict[str, asyncio.Task[None]] = {}
        self.runs = 0

    @property
    def peer(self) -> Peer:
        return Peer(self.address, self.name, allows_me=self.allows)

    def take(self, command: Command) -> None:
        if not self.is_up:
            return
        if isinstance(command.body, PipelineConfig):
            self.notify(command, command.body.name, 1)
            self.notify(command, command.body.name, 100)
            work = asyncio.create_task(self.work(command, command.body))
            self.workers[command.body.name] = work
        else:
            assert command.action is Action.ARCHIVE_PIPELINE
            work = self.workers.pop(command.body, None)
            if work is not None:
                work.cancel()
            self.notify(command, command.body, 4 if work is not None else -4)

    def go(self) -> None:
        """Be gone without a word."""
        self.is_up = False
        for work in self.workers.values():
            work.cancel()

    def notify(self, command: Command, pipeline: str, code: int | None, **more: Any) -> None:
        notification = Notification(
            more.pop("kind", NotificationKind.NORMAL),
            more.pop("text", "as you wish"),
            code=code,
            path=InstancePath(pipeline, "CUSTOM_EXEC_01", "Default"),
            requester=command.requester,
            origin=Origin(self.address),
            fields=more,
        )
        asyncio.get_running_loop().call_soon(self.network.say, "on_notification", notification)

    async def work(self, command: Command, config: PipelineConfig) -> None:
        settings = config.instances[0].settings
        self.runs += 1
        run = f"{self.name}-{self.runs}"
        for number in range(10):
            await asyncio.sleep(0.1)
            first = 100 * settings["JOB_ID"] + 10 * number
            fields = {"DATA": list(range(first, first + 10)), "EXEC_RUN": run}
            self.send(command, config.name, {**fields, "EXEC_SEQ": number + 1})

    def send(self, command: Command, pipeline: str, fields: dict[str, Any]) -> None:
        payload = PayloadMessage(
            InstancePath(pipeline, "CUSTOM_EXEC_01", "Default"),
            fields,
            requester=command.requester,
            origin=Origin(self.address),
        )
        self.network.say("on_payload", payload)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(10)
            if self.is_up:
                pipelines = tuple(PipelineConfig(name) for name in self.workers)
                self.network.say("on_peer", Heartbeat(self.name, self.address, pipelines=pipelines))


class FakeNetwork:
    """Other nodes, as the main node sees them; keeps the commands that were sent."""

    def __init__(self) -> None:
        self.nodes: dict[str, FakeNode] = {}
        self.commands: list[Command] = []
        self.listeners: list[Any] = []
        self.beats: list[asyncio.Task[None]] = []

    def add(self, name: str, **more: Any) -> FakeNode:
        node = FakeNode(self, name, **more)
        self.nodes[node.address] = node
        self.beats.append(asyncio.create_task(node.beat()))
        return node

    def peers(self) -> list[Peer]:
        return [node.peer for node in self.nodes.values()]

    async def send(self, command: Command) -> None:
        await asyncio.sleep(0)
        self.commands.append(command)
        self.nodes[command.target].take(command)

    def listen(self, listener: Any) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def say(self, how: str, message: Any) -> None:
        for listener in list(self.listeners):
            if how == "on_peer" or listener.cares_about(message.path.pipeline):
                getattr(listener, how)(message)

    @property
    def running(self) -> set[str]:
        return {name for node in self.nodes.values() for name in node.workers}

    def end(self) -> None:
        works = [work for node in self.nodes.values() for work in node.workers.values()]
        for task in [*self.beats, *works]:
            task.cancel()


# --- the main node --------------------------------------------------------------------------------


class FakeContext:
    """What the main node gives; keeps what is said and what is to last."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.path = InstancePath("job", SIGNATURE, "inst")
        self.node_name = "naeural-0"
        self.node_address = "0xai_main"
        self.requester = Requester()
        self.settings = dict(settings)
        self.clock = LoopClock()
        self.network = FakeNetwork()
        self.sandboxes: list[FakeSandbox] = []
        self.memory: dict[str, Any] = {}
        self.payloads: list[dict[str, Any]] = []
        self.notified: list[tuple[NotificationKind, str, dict[str, Any]]] = []
        self.state: bytes | None = None
        self.delegated: Delegation | DelegationRefused | None = None
        self.too_large: Callable[[Mapping[str, Any]], bool] = lambda fields: False
        self.saving: Callable[[bytes], float] = lambda state: 0.0

    def delegation(self) -> Delegation | None:
        if self.delegated is None or isinstance(self.delegated, Delegation):
            return self.delegated
        raise self.delegated

    async def open_sandbox(self) -> FakeSandbox:
        self.sandboxes.append(FakeSandbox(self.memory))
        return self.sandboxes[-1]

    async def emit(self, fields: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)
        if self.too_large(fields):
            raise MessageTooLarge("17 MiB are too large", broker="", size=17, limit=16)
        json.dumps(fields)
        self.payloads.append(dict(fields))

    def notify(self, kind: NotificationKind, text: str, **more: Any) -> None:
        self.notified.append((kind, text, more))

    async def save(self, state: bytes) -> None:
        await asyncio.sleep(self.saving(state))
        self.state = state

    async def load(self) -> bytes | None:
        return self.state

    @property
    def last(self) -> dict[str, Any]:
        return self.payloads[-1]


class World:
    """One main node and its network; runs jobs."""

    def __init__(self, settings: Mapping[str, Any], nodes: int) -> None:
        self.context = FakeContext(settings)
        self.nodes = [self.context.network.add(f"n{number}") for number in range(nodes)]
        self.runner: ChainJobRunner
        self.work: asyncio.Task[None]

    async def begin(self) -> None:
        self.runner = ChainJobRunner(self.context)
        await self.runner.start()
        self.work = asyncio.create_task(self.runner.run())

    async def to_the_end(self) -> dict[str, Any]:
        """Run the job to its end; gives the last payload."""
        await self.begin()
        await asyncio.wait_for(self.work, 3600)
        await self.runner.stop()
        return self.context.last

    async def crash(self) -> None:
        """End without a word to anybody, as a node that is killed."""
        self.work.cancel()
        with suppress(asyncio.CancelledError):
            await self.work

    async def stop(self) -> None:
        await self.crash()
        await self.runner.stop()

    async def payload(self, is_wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The first payload that is wanted, when it is there."""
        seen = 0
        while True:
            for fields in self.context.payloads[seen:]:
                if is_wanted(fields):
                    return fields
            seen = len(self.context.payloads)
            await asyncio.sleep(0.05)


def job_settings(**changes: Any) -> dict[str, Any]:
    """A job that collects the numbers below 100 times its pieces."""
    settings = {
        "CUSTOM_CODE_REMOTE_NODE": encode("return [plugin.cfg_job_id]"),
        "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA": encode("return data"),
        "CUSTOM_CODE_FINISH_CONDITION": encode(
            "return all(len(items) >= 100 for items in collected_data.values())"
        ),
        "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA": encode(
            "return [item for job_id in sorted(collected_data) for item in collected_data[job_id]]"
        ),
        "NR_REMOTE_NODES": 2,
        "NODE_PIPELINE_CONFIG": {"stream_type": "Void"},
        "FINISH_CONDITION_KWARGS": {"X": 99},
    }
    return {**settings, **changes}


@pytest.fixture
def in_no_time() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    """Runs a coroutine function on a loop whose time jumps."""

    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(main())

    return run


@pytest.fixture
def world_for() -> Callable[..., World]:
    """Makes a world for a job with some settings changed; call it on a loop."""

    def make(nodes: int = 3, **changes: Any) -> World:
        return World(job_settings(**changes), nodes)

    return make
