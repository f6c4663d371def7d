"""``AsyncSession`` while it connects; calls are tried on real nodes elsewhere."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pye2core import AsyncSession
from pye2core.client.aio import AsyncStream
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

PATIENCE = 30.0


class Slow:
    """Makes sessions that take as long to connect as is wanted."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.connected = threading.Event()
        self.closed = threading.Event()

    def make(self) -> Slow:
        self.begun.set()
        assert self.connected.wait(PATIENCE)
        return self

    def close(self) -> None:
        self.closed.set()


def session_of(slow: Slow) -> AsyncSession:
    session = AsyncSession()
    session._make = slow.make  # type: ignore[assignment] # stands for a session
    return session


def test_a_session_that_nobody_waits_for_any_more_is_closed_when_it_is_connected() -> None:
    slow = Slow()

    async def give_up() -> None:
        entering = asyncio.ensure_future(session_of(slow).__aenter__())
        await asyncio.to_thread(slow.begun.wait, PATIENCE)
        entering.cancel()
        await entering

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())
    assert not slow.closed.is_set()
    slow.connected.set()
    assert slow.closed.wait(PATIENCE)


def test_a_session_is_there_when_it_is_entered_and_closed_when_it_is_left() -> None:
    slow = Slow()
    slow.connected.set()

    async def use() -> None:
        async with session_of(slow) as session:
            assert session.session is slow
            assert not slow.closed.is_set()

    asyncio.run(use())
    assert slow.closed.is_set()


def test_why_a_session_could_not_be_made_is_raised() -> None:
    async def use() -> None:
        async with AsyncSession("mqtt://127.0.0.1:1", no_such_argument=1):
            pass

    with pytest.raises((TypeError, SettingsError), match="no_such_argument"):
        asyncio.run(use())


# --- maps -----------------------------------------------------------------------------------------


class Ends:
    """The calls of a map, none of which ends before it is closed."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_be_made = threading.Event()
        self.closed = threading.Event()

    def map_calls(self, *_: object) -> Ends:
        self.begun.set()
        assert self.may_be_made.wait(PATIENCE)
        return self

    def __next__(self) -> Future[int]:
        assert self.closed.wait(PATIENCE)
        raise StopIteration

    def close(self) -> None:
        self.closed.set()


def mapping(ends: Ends) -> AsyncSession:
    session = AsyncSession()
    session.session = ends  # type: ignore[assignment] # stands for a session
    return session


def test_a_map_that_is_left_while_it_is_made_is_closed_when_it_is() -> None:
    ends = Ends()

    async def give_up() -> None:
        taking = asyncio.ensure_future(anext(mapping(ends).map(pow, [1])))
        await asyncio.to_thread(ends.begun.wait, PATIENCE)
        taking.cancel()
        await taking

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())
    assert not ends.closed.is_set()
    ends.may_be_made.set()
    assert ends.closed.wait(PATIENCE)


def test_maps_that_wait_keep_no_thread_that_others_need() -> None:
    maps = [Ends() for _ in range(40)]  # more than a loop has threads to share out
    for each in maps:
        each.may_be_made.set()

    async def use() -> str:
        taking = [asyncio.ensure_future(anext(mapping(each).map(pow, [1]), None)) for each in maps]
        with ThreadPoolExecutor(1) as own:
            loop = asyncio.get_running_loop()
            for each in maps:
                await loop.run_in_executor(own, each.begun.wait, PATIENCE)
        found = await asyncio.wait_for(asyncio.to_thread(lambda: "at once"), PATIENCE)
        for each in maps:
            each.close()
        await asyncio.gather(*taking)
        return found

    assert asyncio.run(use()) == "at once"


class Items:
    """A stream that says when something has changed."""

    def when_changed(self, tell: Callable[[], object]) -> None:
        self.tell = tell


def test_a_stream_whose_loop_is_closed_harms_nobody() -> None:
    items = Items()

    async def ask() -> None:
        AsyncStream(items)  # type: ignore[arg-type] # as far as it is used

    asyncio.run(ask())
    items.tell()
