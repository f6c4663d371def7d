"""Calls in confined workers, for real: what is unpacked, called and packed there."""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pye2_calls import messages, values
from pye2_calls.runner import CallsRunner
from pye2_calls.shipping import ship
from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2_node.slots import SlotDesk
from pye2core.clock import SYSTEM_CLOCK
from pye2core.messages import InstancePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LARGEST = 32 * 1024 * 1024
PART = "pye2_calls.child:CallsInSandbox"


class Context:
    """What a node gives a runner, with real workers behind it."""

    path = InstancePath("p", "FUNCTION_CALLS", "i")
    settings: Mapping[str, Any] = {"EXEC_TIMEOUT": 60.0}
    clock = SYSTEM_CLOCK
    largest_exchange = LARGEST

    def __init__(self, pool: SandboxPool) -> None:
        self.slots = SlotDesk(2).for_instance()
        self.records: list[Any] = []
        self._pool = pool
        self._assembly = messages.Assembly(2**40)
        self._changed = asyncio.Event()

    async def open_sandbox(self) -> Any:
        return await self._pool.spawn(self, in_sandbox=PART)  # type: ignore[arg-type]  # as far as used

    async def on_log(self, text: str) -> None:
        """What code prints comes with what it returns, too."""

    async def on_limit(self, name: str, value: float) -> None:
        """Nobody is told."""

    async def emit(self, fields: Mapping[str, Any]) -> None:
        self._take(messages.unpack(fields["CALLS"], messages.FROM_NODE))
        self._changed.set()

    def _take(self, message: messages.Message) -> None:
        for record in message.records:
            if not isinstance(record, messages.Part):
                self.records.append(record)
            elif (whole := self._assembly.take(record)) is not None:
                self._take(messages.unpack(whole, messages.FROM_NODE))

    async def outcome(self, number: int) -> Any:
        """The last record of a call."""
        while True:
            for record in self.records:
                goes_on = messages.Item | messages.Output | messages.CodeWanted
                if getattr(record, "id", None) == number and not isinstance(record, goes_on):
                    return record
            self._changed.clear()
            await self._changed.wait()


class Stage:
    """A runner with real workers, for all tests of this module."""

    def __init__(self, running: asyncio.Runner, pool: SandboxPool) -> None:
        self._running = running
        self._pool = pool

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What came of one call."""
        return self.calls(function, (args, kwargs))[0]

    def calls(
        self, function: Callable[..., Any], *arguments: tuple[tuple[Any, ...], dict[str, Any]]
    ) -> list[Any]:
        """What came of several calls."""
        shipped = ship(function)
        packed = [values.pack_arguments(*each, shipped.classes) for each in arguments]
        return self.play(code_of(shipped), packed)

    def play(self, code: messages.Code, packed: list[bytes]) -> list[Any]:
        """What came of calls, one for each arguments, of a function in whatever form."""
        return self._running.run(self._play(code, packed))

    async def _play(self, code: messages.Code, packed: list[bytes], **more: Any) -> list[Any]:
        context = Context(self._pool)
        runner = CallsRunner(context)  # type: ignore[arg-type]  # as far as it is used
        await runner.start()
        life = asyncio.create_task(runner.run())
        calls = [messages.Call(n, code.digest, each, **more) for n, each in enumerate(packed, 1)]
        for each in (code, *calls):
            message = messages.pack([each])
            for part in messages.cut(message, 1) if len(message) > 10**6 else [each]:
                await runner.on_command({"CALLS": messages.pack([part])}, {})
        try:
            async with asyncio.timeout(60):
                outcomes = [await context.outcome(number) for number in range(1, len(packed) + 1)]
        finally:
            life.cancel()
            await asyncio.wait({life})
            await runner.stop()
        items = [each for each in context.records if isinstance(each, messages.Item)]
        return [items, *outcomes] if items else outcomes

    def items(self, function: Callable[..., Any], credit: int) -> list[Any]:
        """What a generator yields, and its end."""
        packed = [values.pack_arguments((), {})]
        return self._running.run(self._play(code_of(ship(function)), packed, credit=credit))


def code_of(shipped: Any) -> messages.Code:
    """The record that a client makes of a function."""
    return messages.Code(
        shipped.digest,
        shipped.name,
        shipped.source,
        tuple(shipped.parameters),
        tuple(shipped.values.items()),
        tuple(shipped.classes),
        tuple(shipped.modules),
        shipped.takes_plugin,
        shipped.is_generator,
    )


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with asyncio.Runner() as running:
        limits = SandboxLimits(worker=WorkerLimits(exchange=LARGEST))
        pool = SandboxPool(limits, modules=[PART.partition(":")[0]])
        yield Stage(running, pool)
        running.run(pool.stop())


FACTOR = 3


def scaled(value: Any, *, by: int = FACTOR) -> Any:
    print("scaling", value)  # noqa: T201 - what a user would write
    return value * by


def value_of(outcome: Any) -> Any:
    assert isinstance(outcome, messages.Value), outcome
    return values.unpack(outcome.data, {})


def test_a_function_is_called_with_its_arguments(stage: Stage) -> None:
    outcome = stage.call(scaled, 5, by=4)

    assert value_of(outcome) == 20
    assert outcome.printed == "scaling 5\n"


def test_constants_and_defaults_go_along(stage: Stage) -> None:
    assert value_of(stage.call(scaled, (1, "x"))) == (1, "x") * 3


def root(value: float) -> float:
    from math import sqrt

    return sqrt(value)


def test_what_every_node_has_can_be_imported(stage: Stage) -> None:
    assert value_of(stage.call(root, 16.0)) == 4.0


def named(plugin: Any, name: str) -> list[str]:
    return [plugin.instance_id, name]


def test_who_wants_the_plugin_object_gets_it(stage: Stage) -> None:
    instance_id, name = value_of(stage.call(named, "x"))

    assert isinstance(instance_id, str)
    assert name == "x"


def divided(value: int) -> float:
    return 1 / value


def test_an_exception_comes_back_as_itself_with_its_places(stage: Stage) -> None:
    raised = stage.call(divided, 0)

    assert isinstance(raised, messages.Raised)
    error = values.unpack(raised.failure.exception, {})
    assert type(error) is ZeroDivisionError
    assert raised.failure.frames[-1].function == "divided"
    assert "return 1 / value" in raised.failure.traceback
    assert "child.py" not in raised.failure.traceback


@pytest.mark.parametrize("leaves", [SystemExit, KeyboardInterrupt, MemoryError, RecursionError])
def test_what_would_end_a_program_ends_no_worker(stage: Stage, leaves: type) -> None:
    raised, value = stage.calls(leaving, ((leaves.__name__,), {}), (("nothing",), {}))

    assert isinstance(raised, messages.Raised)
    assert raised.failure.type == leaves.__name__
    assert value_of(value) == "nothing"


def leaving(how: str) -> str:
    if how == "SystemExit":
        raise SystemExit(3)
    if how == "KeyboardInterrupt":
        raise KeyboardInterrupt
    if how == "MemoryError":
        return bytes(2**40).hex()
    if how == "RecursionError":
        return leaving(how)
    return how


def opaque() -> Any:
    return {"rows": [1, lambda: 2]}


def test_a_result_that_cannot_be_carried_is_refused_by_its_path(stage: Stage) -> None:
    raised = stage.call(opaque)

    assert isinstance(raised, messages.Raised)
    assert raised.failure.type == "ValueNotCarried"
    assert "result['rows'][1]" in raised.failure.message


def grown(size: int) -> bytes:
    return b"x" * size


def test_a_result_that_is_too_large_is_refused(stage: Stage) -> None:
    raised = stage.call(grown, LARGEST + 1)

    assert isinstance(raised, messages.Raised)
    assert str(LARGEST) in raised.failure.message


def doubled(array: Any) -> Any:
    return array * 2


def test_a_large_array_goes_there_and_back(stage: Stage) -> None:
    array = np.arange(2**20, dtype=np.float64)

    result = value_of(stage.call(doubled, array))

    assert result.dtype == array.dtype
    assert np.array_equal(result, array * 2)


def test_damaged_arguments_are_told_and_cost_nothing_else(stage: Stage) -> None:
    code = code_of(ship(scaled))
    good = values.pack_arguments((1,), {})

    bad, value = stage._running.run(stage._play(code, [b"\xc1", good]))

    assert isinstance(bad, messages.Raised)
    assert bad.failure.type == "ValueNotReadable"
    assert value_of(value) == 3


def test_code_that_the_node_does_not_allow_is_refused(stage: Stage) -> None:
    code = messages.Code("d", "bad", "import os\nreturn os.getpid", ("plugin", "_", "__"))

    (refused,) = stage._running.run(stage._play(code, [values.pack_arguments((), {})]))

    assert (refused.id, refused.reason) == (1, "code")
    assert "os" in refused.message


def test_syntax_that_this_python_has_not_is_told_with_line_and_version(stage: Stage) -> None:
    code = messages.Code("d", "bad", "x = 1\nreturn x x", ("plugin", "_", "__"))

    (refused,) = stage._running.run(stage._play(code, [values.pack_arguments((), {})]))

    assert "the code for bad is refused: line 2: syntax error: " in refused.message
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"(Python {version} runs here: write it so that this one reads it" in refused.message


def squares() -> Iterator[int]:
    for number in range(4):
        print("at", number)  # noqa: T201 - what a user would write
        yield number**2


def test_a_generator_gives_its_items_one_after_the_other(stage: Stage) -> None:
    items, end = stage.items(squares, credit=9)

    assert [values.unpack(each.data, {}) for each in items] == [0, 1, 4, 9]
    assert isinstance(end, messages.End)
    assert end.printed == "at 0\nat 1\nat 2\nat 3\n"


def breaking() -> Iterator[int]:
    yield 1
    raise ValueError("no more")


def test_a_generator_that_raises_gives_what_came_before(stage: Stage) -> None:
    items, raised = stage.items(breaking, credit=9)

    assert len(items) == 1
    assert raised.failure.message == "no more"


def listed(function: Callable[[], Iterator[int]]) -> Callable[[], list[int]]:
    @functools.wraps(function)
    def wrapper() -> list[int]:
        return list(function())

    return wrapper


def test_a_decorator_that_makes_no_iterator_of_a_generator_function_is_told_so(
    stage: Stage,
) -> None:
    (raised,) = stage.items(listed(squares), credit=9)

    assert raised.failure.type == "TypeError"
    assert "gave a list and no iterator: leave functools.wraps out of it" in raised.failure.message


def test_a_function_that_cannot_be_made_raises_each_time_that_it_is_called(stage: Stage) -> None:
    packed = [values.pack_arguments((), {})] * 3
    parameters = ("plugin", "tell_class", "value_of")
    code = messages.Code("d", "job", "raise ValueError('no such thing')", parameters)

    outcomes = stage.play(code, packed)

    assert {type(each) for each in outcomes} == {messages.Raised}
    assert {each.failure.message for each in outcomes} == {"no such thing"}
