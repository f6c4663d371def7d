"""As many calls at once as there are slots, and fairly among instances."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pye2_node.slots import SlotDesk

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pye2_node.slots import InstanceSlots


def run(act: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(act())


async def settled() -> None:
    """Let what can happen happen."""
    for _ in range(10):
        await asyncio.sleep(0)


def asking(
    asker: InstanceSlots, count: int, order: list[str], name: str
) -> list[asyncio.Task[None]]:
    """Have an instance ask for slots; notes each that it gets."""

    async def ask() -> None:
        await asker.acquire()
        order.append(name)

    return [asyncio.create_task(ask()) for _ in range(count)]


def test_no_more_are_held_than_there_are() -> None:
    async def act() -> None:
        desk, order = SlotDesk(2), list[str]()
        asker = desk.for_instance()
        tasks = asking(asker, 3, order, "a")
        await settled()
        assert (desk.busy, len(order)) == (2, 2)

        asker.release()
        await asyncio.gather(*tasks)

        assert desk.busy == 2

    run(act)


def test_who_holds_fewest_is_served_first() -> None:
    async def act() -> None:
        desk, order = SlotDesk(2), list[str]()
        greedy, modest = desk.for_instance(), desk.for_instance()
        tasks = asking(greedy, 5, order, "greedy")
        await settled()
        tasks += asking(modest, 2, order, "modest")
        await settled()
        greedy.release()
        await settled()
        assert (greedy.held, modest.held) == (1, 1)
        greedy.release()
        await settled()
        assert (greedy.held, modest.held) == (1, 1)
        for task in tasks:
            task.cancel()

        assert order == ["greedy", "greedy", "modest", "greedy"]

    run(act)


def test_who_no_longer_wants_one_gets_none() -> None:
    async def act() -> None:
        desk, order = SlotDesk(1), list[str]()
        asker = desk.for_instance()
        await asker.acquire()
        given_up, waiting = asking(asker, 2, order, "a")
        await settled()
        given_up.cancel()
        asker.release()
        await waiting

        assert desk.busy == 1

    run(act)


def test_who_is_given_one_and_is_gone_gives_it_back() -> None:
    async def act() -> None:
        desk, order = SlotDesk(1), list[str]()
        gone, other = desk.for_instance(), desk.for_instance()
        await gone.acquire()
        (ending,) = asking(gone, 1, order, "gone")
        (waiting,) = asking(other, 1, order, "other")
        await settled()
        gone.release()
        gone.release()
        ending.cancel()
        await asyncio.wait_for(waiting, 10)

        assert desk.busy <= 1

    run(act)


def test_an_instance_that_is_over_leaves_all_to_others() -> None:
    async def act() -> None:
        desk, order = SlotDesk(2), list[str]()
        over, other = desk.for_instance(), desk.for_instance()
        await over.acquire()
        await over.acquire()
        over.tell_waiting(7)
        (waiting,) = asking(other, 1, order, "other")
        await settled()
        over.close()
        await waiting
        over.release()

        assert desk.report() == {"total": 2, "busy": 1, "waiting": 0}

    run(act)


@pytest.mark.parametrize("waiting", [0, 3])
def test_heartbeats_tell_how_busy_it_is(waiting: int) -> None:
    async def act() -> None:
        desk = SlotDesk(4)
        asker = desk.for_instance()
        await asker.acquire()
        asker.tell_waiting(waiting)

        assert desk.report() == {"total": 4, "busy": 1, "waiting": waiting}

    run(act)
