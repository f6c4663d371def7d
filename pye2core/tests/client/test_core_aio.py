"""``AsyncSession`` while it connects; calls are tried on real nodes elsewhere."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pye2core import AsyncSession
from pye2core.errors import SettingsError

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
