"""``AsyncSession`` on real nodes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from call_network import PATIENCE, wait_until_stopped

from pye2core import AsyncSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from call_network import CallNetwork


def add(a: int, b: int = 1) -> int:
    return a + b


def divide(a: float, b: float) -> float:
    return a / b


def naturals() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def squares(n: int) -> Iterator[int]:
    for number in range(n):
        yield number * number
    if n > 50:
        raise LookupError("too far")


@pytest.fixture
def run(network: CallNetwork) -> Callable[[Callable[[AsyncSession], Awaitable[Any]]], Any]:
    """Runs a coroutine function with a session that has heard from all nodes."""

    async def with_session(function: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
        async with AsyncSession(network.url, key_file=network.key_file, silent=True) as session:
            assert session.session is not None
            for node in network.nodes:
                await asyncio.to_thread(session.session.wait_for_node, node.name, verbose=False)
            return await asyncio.wait_for(function(session), PATIENCE)

    return lambda function: asyncio.run(with_session(function))


async def taken(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def test_a_value_is_awaited(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        return await session.submit(add, 2, b=3)

    assert run(use) == 5


def test_calls_run_beside_each_other_and_the_loop_goes_on(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        return await asyncio.gather(*(session.submit(add, n) for n in range(20)))

    assert run(use) == list(range(1, 21))


def test_what_the_function_raises_is_raised_with_its_cause(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        await session.submit(divide, 1, 0)

    with pytest.raises(ZeroDivisionError) as raised:
        run(use)
    assert "return a / b" in str(raised.value.__cause__)


def test_cancelling_what_is_awaited_stops_the_call(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        loop = asyncio.get_running_loop()
        begun = asyncio.Event()

        def note(_: str) -> None:
            loop.call_soon_threadsafe(begun.set)

        calls = [session.submit(wait_until_stopped, node="n0", on_output=note) for _ in range(2)]
        await begun.wait()
        for call in calls:
            call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls[0]
        return await session.submit(add, 1, node="n0")

    assert run(use) == 2


def test_a_time_limit_of_asyncio_stops_the_call(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        for _ in range(3):  # more than there are slots: what is not stopped would be in the way
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(session.submit(wait_until_stopped, node="n1"), 0.05)
        return await session.submit(add, 1, node="n1")

    assert run(use) == 2


def test_a_generator_is_an_asynchronous_iterator(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        return await taken(session.submit(squares, 40))

    assert run(use) == [n * n for n in range(40)]


def test_what_a_generator_raises_comes_after_its_items(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        stream = session.submit(squares, 60)
        found = [await anext(stream) for _ in range(60)]
        with pytest.raises(LookupError, match="too far"):
            await anext(stream)
        return found

    assert run(use) == [n * n for n in range(60)]


def test_a_stream_can_be_left(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        found = []
        async with session.submit(naturals) as stream:
            async for item in stream:
                found.append(item)
                if item == 100:
                    break
        return found

    assert run(use) == list(range(101))


def test_map_gives_values_in_order(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        return await taken(session.map(add, range(50), range(50)))

    assert run(use) == [2 * n for n in range(50)]


def test_map_gives_values_as_they_are_ready(run: Any) -> None:
    async def use(session: AsyncSession) -> Any:
        return await taken(session.map(add, range(50), ordered=False, nodes=2))

    assert sorted(run(use)) == list(range(1, 51))


def test_a_session_that_was_not_entered_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        AsyncSession("mqtt://127.0.0.1:1").submit(add, 1)
