"""As many calls at once as there are slots, and fairly among instances."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pye2_node.slots import MOST_SET_ASIDE, MOST_UNSENT, SlotDesk

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


# --- clients --------------------------------------------------------------------------------------


def test_who_makes_many_instances_has_no_more_than_who_makes_one() -> None:
    async def act() -> None:
        desk, order = SlotDesk(1), list[str]()
        first = desk.for_instance("first")
        await first.acquire()
        many = [desk.for_instance("greedy") for _ in range(10)]
        tasks = [task for each in many for task in asking(each, 1, order, "greedy")]
        modest = desk.for_instance("modest")
        tasks += asking(modest, 3, order, "modest")
        await settled()
        for _ in range(6):
            next(each for each in (first, *many, modest) if each.held).release()
            await settled()
        for task in tasks:
            task.cancel()

        assert order == ["greedy", "modest", "greedy", "modest", "greedy", "modest"]

    run(act)


def test_the_instances_of_one_client_take_turns() -> None:
    async def act() -> None:
        desk, order = SlotDesk(1), list[str]()
        pair = {name: desk.for_instance("client") for name in ("a", "b")}
        await pair["a"].acquire()
        tasks = [task for name, each in pair.items() for task in asking(each, 2, order, name)]
        await settled()
        for _ in range(4):
            next(each for each in pair.values() if each.held).release()
            await settled()
        await asyncio.gather(*tasks)

        assert order == ["b", "a", "b", "a"]

    run(act)


def test_nothing_more_is_begun_for_a_client_that_does_not_take_its_results() -> None:
    async def act() -> None:
        desk, order = SlotDesk(2), list[str]()
        slow, other_of_slow = desk.for_instance("slow"), desk.for_instance("slow")
        other = desk.for_instance("other")
        slow.tell_kept(0, MOST_UNSENT + 1)
        tasks = asking(other_of_slow, 1, order, "slow") + asking(other, 1, order, "other")
        await settled()
        assert order == ["other"]

        slow.tell_kept(0, MOST_UNSENT)
        await asyncio.gather(*tasks)

        assert order == ["other", "slow"]

    run(act)


def test_a_process_that_is_kept_goes_where_another_is_needed_and_the_longest_unused_first() -> None:
    async def act() -> None:
        desk, ended = SlotDesk(2), list[str]()
        first, second = desk.for_instance("first"), desk.for_instance("second")
        first.keep(lambda: ended.append("old"))
        forget = first.keep(lambda: ended.append("used again"))
        first.keep(lambda: ended.append("new"))
        forget()
        await second.acquire()
        second.make_room()
        assert ended == ["old"]

        await second.acquire()
        second.make_room()
        second.make_room()

        assert ended == ["old", "new"]

    run(act)


def test_each_client_may_set_aside_as_many_as_are_left_to_all() -> None:
    async def act() -> None:
        desk = SlotDesk(2)
        many = [desk.for_instance("greedy") for _ in range(10)]
        greedy = sum(each.set_aside() for each in many for _ in range(20))
        other, third = desk.for_instance("other"), desk.for_instance("third")
        others = sum(other.set_aside() for _ in range(100))
        assert (greedy, others) == (MOST_SET_ASIDE // 2, MOST_SET_ASIDE // 4)
        assert third.set_aside()

        many[0].take_up()
        for each in many[1:]:
            each.close()
            each.take_up()

        assert desk.set_aside == 20 - 1 + others + 1

    run(act)


def test_each_client_may_keep_as_much_as_is_left_to_all_and_one_large_call_in_any_case() -> None:
    async def act() -> None:
        desk = SlotDesk(2, room=1000, largest=100)
        greedy, again = desk.for_instance("greedy"), desk.for_instance("greedy")
        greedy.tell_kept(400, 0)
        assert again.has_room(100)
        assert not again.has_room(101)
        again.tell_kept(100, 0)
        assert not again.has_room(1)

        other, third = desk.for_instance("other"), desk.for_instance("third")
        assert other.has_room(250)
        assert not other.has_room(251)
        other.tell_kept(450, 0)
        assert third.has_room(100)
        assert not third.has_room(101)
        again.close()
        again.tell_kept(100, 0)

        assert desk.kept == 850

    run(act)
