"""A runner at work, with processes that follow a script and time that jumps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgpack

from pye2_calls import messages
from pye2_calls.heads import apart, headed
from pye2_calls.messages import Call, Code
from pye2_calls.runner import CallsRunner
from pye2_testing.jumping_time import JumpingLoop, LoopClock
from pye2core.abc import SandboxExit
from pye2core.errors import CallTimedOut, SandboxDied
from pye2core.messages import InstancePath

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

LARGEST = 1000
LIMIT = 60.0
ANSWERS = {
    "raises": ("raised", 0.0, "KeyError", "x", "Traceback", [(2, "job")], b"packed"),
    "refused": ("refused", 0.0, "import os is not allowed"),
    "lies": ("value", 0.0, 5),
}
CODE = Code("d", "job", "return job", ("plugin",))


def _said(*answer: Any) -> memoryview:
    """As a process says it: bytes at the end stand behind the rest."""
    *head, last = answer
    parts = headed(tuple(head), last) if isinstance(last, bytes) else headed(answer)
    return memoryview(b"".join(parts))


class ScriptedSandbox:
    """A process that does what the arguments of a call say, as text: see ``_do``."""

    def __init__(self) -> None:
        self._ended: asyncio.Future[SandboxExit] = asyncio.get_running_loop().create_future()
        self.codes: list[str] = []
        self.left = 0
        self.later: Callable[[bytes], Awaitable[None]] | None = None

    @property
    def exited(self) -> asyncio.Future[SandboxExit]:
        return asyncio.shield(self._ended)

    @property
    def is_alive(self) -> bool:
        return not self._ended.done()

    async def exchange(
        self,
        *data: bytes | memoryview,
        timeout: float,  # noqa: ASYNC109 - the contract has it
        on_output: Callable[[str], None],
        on_item: Callable[[bytes], Awaitable[None]],
    ) -> memoryview:
        head, arguments = apart(memoryview(b"".join(data)))
        what, *given = msgpack.unpackb(head, use_list=False)
        if what == "pull":
            return _said(*await self._yield(given[0], on_item))
        code, digest, items = given
        if code is not None:
            self.codes.append(digest)
        assert digest in self.codes
        words = bytes(arguments).decode().split()
        return _said(*await self._do(words, timeout, items, on_output, on_item))

    async def _do(
        self, words: list[str], limit: float, items: int, on_output: Any, on_item: Any
    ) -> Any:
        match words:
            case ["gives", text]:
                return "value", 0.0, text.encode()
            case ["prints", *texts]:
                for text in texts:
                    on_output(text)
            case ["dies"]:
                on_output("last words")
                self._end("ended by signal 11", 11)
                raise self._died()
            case ["takes", seconds, *_]:
                await self._spend(float(seconds), limit)
            case ["lingers"]:
                self.later = on_item
            case ["yields", count]:
                self.left = int(count)
                return await self._yield(items, on_item)
            case [what]:
                return ANSWERS[what]
        return "value", 0.0, b""

    async def _yield(self, items: int, on_item: Any) -> Any:
        for _ in range(items):
            if not self.left:
                return "end", 0.0
            self.left -= 1
            await on_item(b"item")
        return "paused", 0.0

    async def _spend(self, seconds: float, limit: float) -> None:
        await asyncio.wait({self.exited}, timeout=min(seconds, limit))
        if not self.is_alive:
            raise self._died()
        if seconds > limit:
            self._end("its time was over", 9)
            raise CallTimedOut("took too long", seconds=limit)

    def _died(self) -> SandboxDied:
        return SandboxDied(f"gone: {self._ended.result().reason}", code=None, signal=11)

    def _end(self, reason: str, number: int) -> None:
        if self.is_alive:
            self._ended.set_result(SandboxExit(None, number, reason))

    async def stop(self, grace: float = 1.0) -> None:
        del grace
        self._end("stopped", 9)


class Slots:
    """A node's slots for one instance alone."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.waiting = 0
        self.room = 10**9
        self.kept = 0
        self.unsent = 0
        self.most_set_aside = 64
        self.idle: list[Callable[[], None]] = []
        self._set_aside = 0
        self._free = asyncio.Semaphore(total)

    def tell_waiting(self, calls: int) -> None:
        self.waiting = calls

    async def acquire(self) -> None:
        await self._free.acquire()

    def release(self) -> None:
        self._free.release()

    def make_room(self) -> None:
        pass

    def keep(self, end: Callable[[], None]) -> Callable[[], None]:
        self.idle.append(end)
        return lambda: self.idle.remove(end)

    def set_aside(self) -> bool:
        if self._set_aside == self.most_set_aside:
            return False
        self._set_aside += 1
        return True

    def take_up(self) -> None:
        self._set_aside -= 1

    def has_room(self, size: int) -> bool:
        return self.kept + size <= self.room

    def tell_kept(self, kept: int, unsent: int) -> None:
        self.kept, self.unsent = kept, unsent


class Context:
    """What a node gives; all that is said is kept."""

    def __init__(self, slots: int, settings: Mapping[str, Any]) -> None:
        self.path = InstancePath("pipe", "FUNCTION_CALLS", "inst")
        self.node_address = "0xai_me"
        self.settings = {"EXEC_TIMEOUT": LIMIT, **settings}
        self.clock = LoopClock()
        self.slots = Slots(slots)
        self.largest_exchange = LARGEST
        self.network = self
        self.sandboxes: list[ScriptedSandbox] = []
        self.no_sandbox: Exception | None = None
        self.is_starting = asyncio.Event()
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.payloads: list[dict[str, Any]] = []
        self.sent: list[Any] = []
        self.is_sending = asyncio.Event()
        self.is_sending.set()
        self.carries_bytes = True
        self._said = asyncio.Condition()

    async def open_sandbox(self) -> ScriptedSandbox:
        self.is_starting.set()
        await self.may_start.wait()
        if self.no_sandbox is not None:
            raise self.no_sandbox
        self.sandboxes.append(ScriptedSandbox())
        return self.sandboxes[-1]

    async def emit(self, fields: Mapping[str, Any]) -> None:
        if not self.carries_bytes and isinstance(fields["CALLS"], bytes):
            raise TypeError("bytes cannot be carried")
        await self.is_sending.wait()
        async with self._said:
            self.payloads.append(dict(fields))
            self._said.notify_all()

    async def send(self, command: Any) -> None:
        self.sent.append(command)

    @property
    def records(self) -> list[Any]:
        """All that was said, put together again."""
        assembly = messages.Assembly(2**40)
        found: list[Any] = []
        for payload in self.payloads:
            data = messages.from_field(payload["CALLS"])
            for record in messages.unpack(data, messages.FROM_NODE).records:
                whole = assembly.take(record) if isinstance(record, messages.Part) else None
                if whole is not None:
                    found += messages.unpack(whole, messages.FROM_NODE).records
                elif not isinstance(record, messages.Part):
                    found.append(record)
        return found

    async def told(self, kind: type[Any], count: int = 1) -> list[Any]:
        """Records of a kind, as soon as there are so many."""

        def found() -> list[Any]:
            return [each for each in self.records if isinstance(each, kind)]

        async with self._said:
            await self._said.wait_for(lambda: len(found()) >= count)
        return found()


class Scene:
    """A runner at work."""

    def __init__(self, slots: int, settings: Mapping[str, Any]) -> None:
        self.context = Context(slots, settings)
        self.runner = CallsRunner(self.context)  # type: ignore[arg-type]  # as far as it is used
        self.life: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        await self.runner.start()
        self.life = asyncio.create_task(self.runner.run())
        await self.context.told(messages.Began)

    async def say(self, *records: Any) -> None:
        await self.runner.on_command({"CALLS": messages.pack(records)}, {})

    async def end(self) -> None:
        assert self.life is not None
        self.life.cancel()
        await asyncio.wait({self.life})
        await self.runner.stop()


def play(
    act: Callable[[Scene], Coroutine[Any, Any, None]], *, slots: int = 2, **settings: Any
) -> None:
    """Let a scene happen."""

    async def main() -> None:
        scene = Scene(slots, settings)
        await scene.begin()
        try:
            async with asyncio.timeout(100_000):
                await act(scene)
        finally:
            await scene.end()

    with asyncio.Runner(loop_factory=JumpingLoop) as running:
        running.run(main())


def call(number: int, script: str, **more: Any) -> Call:
    return Call(number, "d", script.encode(), **more)
