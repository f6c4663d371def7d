"""Generators on the node's side: how far they run, and how they wait."""

from __future__ import annotations

import asyncio

from calls_scene import CODE, Scene, call, play

from pye2_calls import messages
from pye2_calls.messages import Cancel, Pull


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
