"""Calls that are given up, on the node's side."""

from __future__ import annotations

import asyncio

import pytest
from calls_scene import CODE, Scene, call, play

from pye2_calls import messages
from pye2_calls.messages import Call, Cancel, KeepAlive, Withdraw


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
