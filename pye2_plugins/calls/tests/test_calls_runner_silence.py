"""A client that lives, or does not: what the node's side tells it, and when it ends itself."""

from __future__ import annotations

import asyncio

import pytest
from calls_scene import CODE, Scene, call, play

from pye2_calls import messages
from pye2_calls.messages import Call, KeepAlive
from pye2core.errors import NodeError
from pye2core.messages import Action


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
