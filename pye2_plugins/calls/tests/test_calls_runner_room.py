"""What one client's calls may take of a node: slots, processes, memory."""

from __future__ import annotations

import asyncio
import gc

import pytest
from attrs import evolve
from calls_scene import CODE, LARGEST, Scene, call, play

from pye2_calls import messages
from pye2_calls.messages import Call, Cancel, Part
from pye2core.errors import NodeError

# --- slots and processes --------------------------------------------------------------------------


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


# --- memory ---------------------------------------------------------------------------------------


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
