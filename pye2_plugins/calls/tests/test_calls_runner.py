"""The node's side of calls, with processes that follow a script and time that jumps."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from attrs import evolve

from pye2_calls import messages
from pye2_calls.heads import apart, headed
from pye2_calls.messages import Call, Cancel, Code, KeepAlive, Part, Pull, Withdraw
from pye2_calls.runner import CallsRunner
from pye2_calls.serving.codes import Codes
from pye2_testing.jumping_time import JumpingLoop, LoopClock
from pye2core.abc import SandboxExit
from pye2core.errors import (
    CallTimedOut,
    GrantMissing,
    InvalidConfiguration,
    NodeError,
    SandboxDied,
)
from pye2core.messages import Action, InstancePath

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

LARGEST = 1000
LIMIT = 60.0
ANSWERS = {
    "raises": ("raised", 0.0, "KeyError", "x", "Traceback", [(2, "job")], b"packed"),
    "refused": ("refused", 0.0, "import os is not allowed"),
    "lies": ("value", 0.0, 5),
}
_NOT_GRANTED = GrantMissing(
    "no", pipeline="p", address="a", lacking="camera", command="x", asked={}
)
CODE = Code("d", "job", "return job", ("plugin",))


def _said(*answer: Any) -> memoryview:
    """As a process says it: bytes at the end stand behind the rest."""
    *head, last = answer
    parts = headed(tuple(head), last) if isinstance(last, bytes) else headed(answer)
    return memoryview(b"".join(parts))


class ScriptedSandbox:
    """A process that does what the arguments of a call say, as text: see ``_do``."""

    def __init__(self) -> None:
        self.exited: asyncio.Future[SandboxExit] = asyncio.get_running_loop().create_future()
        self.codes: list[str] = []
        self.left = 0
        self.later: Callable[[bytes], Awaitable[None]] | None = None

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
        if self.exited.done():
            raise self._died()
        if seconds > limit:
            self._end("its time was over", 9)
            raise CallTimedOut("took too long", seconds=limit)

    def _died(self) -> SandboxDied:
        return SandboxDied(f"gone: {self.exited.result().reason}", code=None, signal=11)

    def _end(self, reason: str, number: int) -> None:
        if not self.exited.done():
            self.exited.set_result(SandboxExit(None, number, reason))

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


# --- calls and what comes of them -----------------------------------------------------------------


def test_a_life_begins_with_what_the_node_can_do() -> None:
    async def act(scene: Scene) -> None:
        (began,) = await scene.context.told(messages.Began)

        assert began == messages.Began(slots=2, largest=LARGEST, timeout=LIMIT)

    play(act)


def test_a_call_is_answered_with_its_value() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives seven"))

        (value,) = await scene.context.told(messages.Value)

        assert (value.id, value.data) == (1, b"seven")

    play(act)


def test_an_exception_is_told_with_its_places() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "raises"))

        (raised,) = await scene.context.told(messages.Raised)

        frames = (messages.Frame(2, "job"),)
        assert raised.failure == messages.Failure("KeyError", "x", "Traceback", frames, b"packed")

    play(act)


def test_what_was_printed_comes_with_the_value() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "prints a b"))

        (value,) = await scene.context.told(messages.Value)

        assert value.printed == "ab"
        assert not [each for each in scene.context.records if isinstance(each, messages.Output)]

    play(act)


def test_output_is_told_at_once_where_that_is_wished() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "prints a b", live_output=True))
        await scene.context.told(messages.Value)

        outputs = [each.text for each in scene.context.records if isinstance(each, messages.Output)]

        assert "".join(outputs) == "ab"

    play(act)


def test_a_process_that_dies_is_told_with_its_last_words_and_replaced() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "dies"))
        (died,) = await scene.context.told(messages.Died)
        await scene.say(call(2, "gives more"))
        await scene.context.told(messages.Value)

        assert (died.id, died.signal, died.printed) == (1, 11, "last words")
        assert len(scene.context.sandboxes) == 2

    play(act)


def test_a_call_over_its_limit_is_told_so() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 30", timeout=5.0))

        (late,) = await scene.context.told(messages.TimedOut)

        assert late == messages.TimedOut(1, 5.0, "")

    play(act)


@pytest.mark.parametrize("wished", [None, 1e6])
def test_no_call_may_take_longer_than_the_node_lets_it(wished: float | None) -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 100000", timeout=wished))

        (late,) = await scene.context.told(messages.TimedOut)

        assert late.seconds == LIMIT

    play(act)


def test_code_that_may_not_run_is_refused_and_tried_again_when_called_again() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "refused"))
        (refused,) = await scene.context.told(messages.Refused)
        await scene.say(call(2, "gives more"))
        await scene.context.told(messages.Value)

        assert (refused.id, refused.reason) == (1, "code")
        assert scene.context.sandboxes[0].codes == ["d", "d"]

    play(act)


def test_a_process_that_answers_nonsense_is_ended() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "lies"))

        (died,) = await scene.context.told(messages.Died)
        await scene.context.sandboxes[0].exited

        assert "answered what no process" in died.reason

    play(act)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NodeError("no room"), "sandbox"),
        (_NOT_GRANTED, "grant"),
    ],
)
def test_where_no_process_can_be_had_a_call_is_refused(error: Exception, reason: str) -> None:
    async def act(scene: Scene) -> None:
        scene.context.no_sandbox = error
        await scene.say(CODE, call(1, "gives seven"))

        (refused,) = await scene.context.told(messages.Refused)

        assert refused == messages.Refused(1, reason, str(error))

    play(act)


def test_a_process_that_gives_items_which_nobody_asked_for_is_ended() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "lingers"))
        await scene.context.told(messages.Value)
        (sandbox,) = scene.context.sandboxes
        assert sandbox.later is not None
        await sandbox.later(b"forged")
        await sandbox.exited

        assert not [each for each in scene.context.records if isinstance(each, messages.Item)]

    play(act)


@pytest.mark.parametrize("seconds", ["soon", None, -1, 0, True, [60], float("nan"), float("inf")])
def test_a_time_limit_that_is_none_is_refused_at_once(seconds: object) -> None:
    async def act(scene: Scene) -> None:
        scene.context.settings["EXEC_TIMEOUT"] = seconds

        with pytest.raises(InvalidConfiguration, match="EXEC_TIMEOUT"):
            await CallsRunner(scene.context).start()  # type: ignore[arg-type]  # as far as it is used
        with pytest.raises(InvalidConfiguration, match="EXEC_TIMEOUT"):
            await scene.runner.reconfigure({"EXEC_TIMEOUT": seconds})
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)

    play(act)


def test_the_same_call_twice_is_run_once() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 5"), call(1, "takes 5"))
        await scene.say(call(1, "takes 5"), call(2, "takes 7"))
        await scene.context.told(messages.Value, 2)

        answered = [each.id for each in scene.context.records if isinstance(each, messages.Value)]
        assert answered == [1, 2]

    play(act)


# --- functions ------------------------------------------------------------------------------------


def test_a_function_that_is_not_there_is_asked_for_once_and_its_calls_wait() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(call(1, "gives a"), call(2, "gives b"))
        (wanted,) = await scene.context.told(messages.CodeWanted)
        await scene.say(CODE)

        values = await scene.context.told(messages.Value, 2)

        assert wanted == messages.CodeWanted("d", (1,))
        assert {each.data for each in values} == {b"a", b"b"}

    play(act)


def test_a_function_is_asked_for_again_where_the_call_that_it_was_asked_for_is_given_up() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(*(call(number, "gives a") for number in (1, 2, 3)))
        await scene.context.told(messages.CodeWanted)
        await scene.say(Cancel(1), Cancel(3))
        wanted = await scene.context.told(messages.CodeWanted, 2)
        await scene.say(CODE)
        (value,) = await scene.context.told(messages.Value)

        assert [each.ids for each in wanted] == [(1,), (2,)]
        assert value.id == 2

    play(act)


def test_functions_are_counted_with_all_that_they_take_in_memory() -> None:
    codes = Codes(most=100_000)

    for number in range(1000):
        codes.add(Code(f"{number}", "f", "", ("plugin",), modules=("m" * 500,) * 10))

    assert sum(f"{number}" in codes for number in range(1000)) < 100_000 / 5000
    assert "999" in codes


def test_a_process_is_told_of_a_function_once() -> None:
    async def act(scene: Scene) -> None:
        for number in (1, 2, 3):
            await scene.say(CODE, call(number, "gives a"))
            await scene.context.told(messages.Value, number)

        assert [each.codes for each in scene.context.sandboxes] == [["d"]]

    play(act)


# --- slots ----------------------------------------------------------------------------------------


def test_as_many_calls_run_at_once_as_there_are_slots() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, *(call(number, "takes 10") for number in range(1, 7)))
        assert scene.context.slots.waiting == 6

        await scene.context.told(messages.Value, 6)

        assert scene.context.clock.monotonic() == pytest.approx(20, abs=1)
        assert len(scene.context.sandboxes) == 3
        assert scene.context.slots.waiting == 0

    play(act, slots=3)


def test_processes_that_have_nothing_to_do_are_ended_after_a_while() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)

        await scene.context.sandboxes[0].exited
        await scene.say(call(2, "gives b"))
        await scene.context.told(messages.Value, 2)

        assert len(scene.context.sandboxes) == 2

    play(act)


def test_a_process_that_has_nothing_to_do_is_ended_where_its_room_is_needed() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)
        (end,) = scene.context.slots.idle
        end()
        await scene.say(call(2, "gives b"))
        await scene.context.told(messages.Value, 2)

        assert scene.context.sandboxes[0].exited.done()
        assert len(scene.context.sandboxes) == 2
        assert len(scene.context.slots.idle) == 1
        assert scene.context.clock.monotonic() < 10

    play(act)


def test_what_waits_here_for_a_client_is_told_and_is_nothing_in_the_end() -> None:
    async def act(scene: Scene) -> None:
        slots = scene.context.slots
        before = slots.kept
        await scene.say(Part(1, 0, 2, bytes(500)), call(1, "x" * 300))
        assert slots.kept >= before + 800

        await scene.say(CODE, Cancel(1))
        scene.context.is_sending.clear()
        await scene.say(call(2, "gives a"), call(3, "gives " + "y" * 900))
        await asyncio.sleep(1)
        await scene.say(call(4, "gives " + "y" * 900))
        await asyncio.sleep(1)
        assert slots.unsent > 900
        scene.context.is_sending.set()
        await scene.context.told(messages.Value, 3)
        assert slots.unsent == 0
        await scene.end()

        assert (slots.kept, slots.unsent) == (0, 0)

    play(act)


def test_what_it_has_kept_is_let_go_of_at_once_when_it_ends() -> None:
    digest = "kept and let go of"

    def left() -> int:
        return sum(isinstance(each, Call) and each.digest == digest for each in gc.get_objects())

    async def act(scene: Scene) -> None:
        await scene.say(Call(1, digest, b""), call(2, "takes 9"))
        assert left() == 1
        await scene.end()
        assert left() == 0

    gc.disable()
    try:
        play(act)
    finally:
        gc.enable()


def test_functions_for_which_there_is_no_room_are_refused() -> None:
    async def act(scene: Scene) -> None:
        slots = scene.context.slots
        slots.room = 5000

        with pytest.raises(NodeError, match="too much"):
            await scene.say(*(evolve(CODE, digest=f"{each}") for each in range(10)))

        assert slots.kept <= 5000

    play(act)


def test_pieces_for_which_there_is_no_room_are_refused_and_forgotten() -> None:
    async def act(scene: Scene) -> None:
        slots = scene.context.slots
        before = slots.kept
        await scene.say(Part(1, 0, 3, bytes(400)))
        slots.room = slots.kept + 100

        with pytest.raises(NodeError, match="too much"):
            await scene.say(Part(1, 1, 3, bytes(400)))

        assert slots.kept == before

    play(act)


def test_a_call_that_waits_for_too_much_is_refused() -> None:
    async def act(scene: Scene) -> None:
        large = "takes 5 " + "x" * (LARGEST // 2)
        scene.context.slots.room = 3000
        await scene.say(CODE, call(1, large), call(2, large), call(3, "x" * (LARGEST + 1)))

        refused = await scene.context.told(messages.Refused, 2)

        assert [(each.id, each.reason) for each in refused] == [(2, "full"), (3, "large")]

    play(act)


# --- cancelling -----------------------------------------------------------------------------------


def test_cancelling_stops_what_runs() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 50"))
        await asyncio.sleep(10)
        await scene.say(Cancel(1))

        assert await scene.context.told(messages.Cancelled) == [messages.Cancelled(1)]
        assert scene.context.clock.monotonic() == pytest.approx(10, abs=1)
        assert scene.context.sandboxes[0].exited.done()

    play(act)


def test_a_call_that_is_cancelled_while_its_process_is_started_is_not_begun() -> None:
    async def act(scene: Scene) -> None:
        scene.context.may_start.clear()
        await scene.say(CODE, call(1, "takes 50"))
        await scene.context.is_starting.wait()
        await scene.say(Cancel(1))
        scene.context.may_start.set()

        assert await scene.context.told(messages.Cancelled) == [messages.Cancelled(1)]
        await scene.context.sandboxes[0].exited
        assert scene.context.sandboxes[0].codes == []

    play(act)


def test_cancelling_drops_what_waits_for_a_slot_or_for_its_function() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 20"), call(2, "gives a"), Call(3, "unknown", b""))
        await asyncio.sleep(5)
        await scene.say(Cancel(2), Cancel(3))
        cancelled = await scene.context.told(messages.Cancelled, 2)
        (value,) = await scene.context.told(messages.Value)

        assert [each.id for each in cancelled] == [2, 3]
        assert value.id == 1

    play(act, slots=1)


def test_what_is_withdrawn_is_dropped_unless_it_has_begun() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 20"), call(2, "gives a"), Call(3, "unknown", b""))
        await asyncio.sleep(5)
        await scene.say(*(Withdraw(each) for each in (1, 2, 3, 4)))
        cancelled = await scene.context.told(messages.Cancelled, 2)
        (value,) = await scene.context.told(messages.Value)

        assert [each.id for each in cancelled] == [2, 3]
        assert value.id == 1

    play(act, slots=1)


def test_cancelling_what_is_over_says_nothing() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)
        await scene.say(Cancel(1), KeepAlive())
        await scene.context.told(messages.Holds)

        assert not [each for each in scene.context.records if isinstance(each, messages.Cancelled)]

    play(act)


# --- generators -----------------------------------------------------------------------------------


def test_a_generator_gives_as_many_items_as_it_may_and_goes_on_when_pulled() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "yields 5", credit=2))
        first = await scene.context.told(messages.Item, 2)
        await scene.say(Pull(1, 2))
        await scene.context.told(messages.Item, 4)
        await scene.say(Pull(1, 9))
        (end,) = await scene.context.told(messages.End)

        items = [each for each in scene.context.records if isinstance(each, messages.Item)]
        assert [each.number for each in first] == [0, 1]
        assert [each.number for each in items] == [0, 1, 2, 3, 4]
        assert end.id == 1
        assert len(scene.context.sandboxes) == 1

    play(act)


def test_a_generator_that_waits_holds_no_slot() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "yields 5", credit=1))
        await scene.context.told(messages.Item)
        await scene.say(call(2, "gives a"))

        (value,) = await scene.context.told(messages.Value)

        assert value.id == 2

    play(act, slots=1)


def test_a_generator_that_waits_can_be_cancelled() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "yields 5", credit=1))
        await scene.context.told(messages.Item)
        await asyncio.sleep(1)
        await scene.say(Cancel(1))
        await scene.context.told(messages.Cancelled)

        await scene.context.sandboxes[0].exited

    play(act)


def test_not_too_many_generators_wait() -> None:
    async def act(scene: Scene) -> None:
        scene.context.slots.most_set_aside = 2
        calls = [call(number, "yields 5", credit=1) for number in (1, 2, 3)]
        await scene.say(CODE, *calls)

        (refused,) = await scene.context.told(messages.Refused)

        assert refused.reason == "full"

    play(act)


# --- messages -------------------------------------------------------------------------------------


def test_results_that_are_ready_together_leave_together() -> None:
    async def act(scene: Scene) -> None:
        scene.context.is_sending.clear()
        await scene.say(CODE, *(call(number, "gives a") for number in range(1, 101)))
        await asyncio.sleep(1)
        scene.context.is_sending.set()

        await scene.context.told(messages.Value, 100)

        assert len(scene.context.payloads) <= 4

    play(act)


def test_answers_that_follow_each_other_closely_share_payloads() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, *(call(number, "takes 0.0005") for number in range(1, 61)))

        await scene.context.told(messages.Value, 60)

        assert len(scene.context.payloads) <= 20

    play(act, slots=1)


def test_where_many_wait_more_answers_share_a_payload() -> None:
    async def act(scene: Scene) -> None:
        scene.context.largest_exchange = 10**6
        await scene.say(CODE, *(call(number, "takes 0.0005") for number in range(1, 301)))

        await scene.context.told(messages.Value, 300)

        assert len(scene.context.payloads) <= 35

    play(act, slots=1)


def test_a_command_for_one_life_names_the_run_that_all_payloads_name() -> None:
    async def act(scene: Scene) -> None:
        message = messages.unpack(scene.context.payloads[0]["CALLS"], messages.FROM_NODE)

        assert scene.runner.life == message.run

    play(act)


def test_a_large_result_goes_in_parts_with_small_ones_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pye2_calls.serving.outgoing.LARGE", 1000)
    monkeypatch.setattr("pye2_calls.serving.outgoing.PART_SIZE", 2000)

    async def act(scene: Scene) -> None:
        scene.context.largest_exchange = 10**6
        scene.context.is_sending.clear()
        text = "y" * 20_000
        await scene.say(CODE, call(1, f"gives {text}"), call(2, "gives small"))
        await asyncio.sleep(1)
        scene.context.is_sending.set()

        values = await scene.context.told(messages.Value, 2)

        assert [each.id for each in values] == [2, 1]
        assert values[1].data == text.encode()
        kinds = [type(_first(payload)) for payload in scene.context.payloads]
        assert kinds.count(messages.Part) > 3

    play(act)


def _first(payload: Mapping[str, Any]) -> Any:
    return messages.unpack(payload["CALLS"], messages.FROM_NODE).records[0]


def test_a_call_in_parts_is_put_together() -> None:
    async def act(scene: Scene) -> None:
        whole = messages.pack([CODE, call(1, "gives seven")])
        for part in reversed(messages.cut(whole, 5, size=20)):
            await scene.say(part)

        (value,) = await scene.context.told(messages.Value)

        assert value.data == b"seven"

    play(act)


def test_who_writes_text_is_answered_with_text() -> None:
    async def act(scene: Scene) -> None:
        message = messages.pack([CODE, call(1, "gives seven")])
        await scene.runner.on_command({"CALLS": messages.as_text(message)}, {})
        await scene.context.told(messages.Value)

        assert isinstance(scene.context.payloads[-1]["CALLS"], str)

    play(act)


def test_where_bytes_cannot_be_carried_text_is_sent() -> None:
    async def act(scene: Scene) -> None:
        scene.context.carries_bytes = False
        await scene.say(CODE, call(1, "gives seven"))

        (value,) = await scene.context.told(messages.Value)

        assert value.data == b"seven"

    play(act)


def test_all_messages_of_a_life_name_it_and_no_two_lives_have_one_name() -> None:
    names: set[str] = set()

    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)
        of_this = {
            messages.unpack(each["CALLS"], messages.FROM_NODE).run
            for each in scene.context.payloads
        }
        assert len(of_this) == 1
        names.update(of_this)

    play(act)
    play(act)

    assert len(names) == 2


@pytest.mark.parametrize("data", [b"", b"\xc1", "no base64", 7, messages.pack([messages.End(1)])])
def test_nonsense_is_refused_and_harms_nobody(data: Any) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(messages.MessageNotReadable):
            await scene.runner.on_command({"CALLS": data}, {})
        await scene.say(CODE, call(1, "gives a"))

        await scene.context.told(messages.Value)

    play(act)


# --- a client that lives, or does not -------------------------------------------------------------


def test_a_client_can_ask_which_of_its_calls_are_still_known() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 9"), call(2, "takes 9"), Call(3, "unknown", b""))
        await asyncio.sleep(1)
        await scene.say(KeepAlive())

        (holds,) = await scene.context.told(messages.Holds)

        assert holds.running == (1,)
        assert set(holds.waiting) == {2, 3}

    play(act, slots=1)


def test_an_answer_that_is_still_on_its_way_in_parts_counts_as_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pye2_calls.serving.outgoing.LARGE", 100)
    monkeypatch.setattr("pye2_calls.serving.outgoing.PART_SIZE", 100)

    async def act(scene: Scene) -> None:
        scene.context.is_sending.clear()
        await scene.say(CODE, call(1, "gives " + "y" * 300))
        await asyncio.sleep(1)
        await scene.say(KeepAlive())
        scene.context.is_sending.set()
        await scene.context.told(messages.Value)

        holds, value = scene.context.records[-2:]
        assert (holds.running, value.id) == ((1,), 1)

    play(act)


def test_whoever_asks_a_thousand_times_at_once_is_answered_once() -> None:
    async def act(scene: Scene) -> None:
        scene.context.is_sending.clear()
        await scene.say(CODE, *(call(number, "takes 9") for number in range(1, 9)))
        for _ in range(10):
            await scene.say(*[KeepAlive()] * 1000)
        scene.context.is_sending.set()
        await scene.context.told(messages.Value, 8)

        assert len([each for each in scene.context.records if isinstance(each, messages.Holds)]) < 3

    play(act)


@pytest.mark.parametrize("script", ["unknown", "yields 9"])
def test_what_waits_for_its_client_keeps_nothing_alive(script: str) -> None:
    async def act(scene: Scene) -> None:
        assert scene.life is not None
        code = [] if script == "unknown" else [CODE]
        await scene.say(*code, call(1, script, credit=1))
        await scene.life

        assert scene.context.clock.monotonic() == pytest.approx(600, abs=2)
        assert all(each.exited.done() for each in scene.context.sandboxes)
        with pytest.raises(NodeError, match="has ended"):
            await scene.say(KeepAlive())

    play(act)


def test_after_ten_quiet_minutes_it_ends_itself() -> None:
    async def act(scene: Scene) -> None:
        assert scene.life is not None
        await asyncio.sleep(300)
        await scene.say(KeepAlive())
        await scene.life

        assert scene.context.clock.monotonic() == pytest.approx(900, abs=2)
        assert scene.context.sent == []

    play(act)


def test_it_ends_its_pipeline_as_well_where_that_is_its_own() -> None:
    async def act(scene: Scene) -> None:
        assert scene.life is not None
        await scene.life

        (command,) = scene.context.sent
        assert (command.action, command.body) == (Action.ARCHIVE_PIPELINE, "pipe")

    play(act, CLOSES_PIPELINE=True)


def test_it_does_not_end_while_something_runs() -> None:
    async def act(scene: Scene) -> None:
        assert scene.life is not None
        await scene.say(CODE, call(1, "takes 1000"))
        await scene.life

        assert scene.context.clock.monotonic() >= 1000
        assert [each.id for each in scene.context.records if isinstance(each, messages.Value)]

    play(act, EXEC_TIMEOUT=3600.0)
