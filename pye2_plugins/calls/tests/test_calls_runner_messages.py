"""How the node's side speaks: what leaves together, what in parts, and what is no message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pytest
from calls_scene import CODE, Scene, call, play

from pye2_calls import messages

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_results_that_are_ready_together_leave_together() -> None:
    async def act(scene: Scene) -> None:
        scene.context.is_sending.clear()
        await scene.say(CODE, *(call(number, "gives a") for number in range(1, 101)))
        await asyncio.sleep(1)
        scene.context.is_sending.set()

        await scene.context.told(messages.Value, 100)

        assert len(scene.context.payloads) <= 4

    play(act)


def test_answers_that_follow_each_other_closely_share_payloads() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, *(call(number, "takes 0.0005") for number in range(1, 61)))

        await scene.context.told(messages.Value, 60)

        assert len(scene.context.payloads) <= 20

    play(act, slots=1)


def test_where_many_wait_more_answers_share_a_payload() -> None:
    async def act(scene: Scene) -> None:
        scene.context.largest_exchange = 10**6
        await scene.say(CODE, *(call(number, "takes 0.0005") for number in range(1, 301)))

        await scene.context.told(messages.Value, 300)

        assert len(scene.context.payloads) <= 35

    play(act, slots=1)


def test_answers_share_payloads_as_long_as_calls_wait_for_a_slot() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, *(call(number, "takes 0.01") for number in range(1, 101)))

        await scene.context.told(messages.Value, 100)

        assert len(scene.context.payloads) <= 16

    play(act, slots=1)


def test_no_answer_waits_for_others_longer_than_a_quarter_of_a_second() -> None:
    async def act(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await scene.say(CODE, *(call(number, "takes 0.1") for number in range(1, 101)))

        told_at = []
        for count in range(1, 101):
            await scene.context.told(messages.Value, count)
            told_at.append(loop.time() - began)

        late = [at - 0.1 * number for number, at in enumerate(told_at, 1)]
        assert max(late) == pytest.approx(0.25, abs=0.06)

    play(act, slots=1)


def test_an_answer_leaves_at_once_where_no_call_waits_for_a_slot() -> None:
    async def act(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        others = (call(number, "takes 10") for number in range(3, 11))
        await scene.say(CODE, call(1, "takes 0.1"), call(2, "takes 0.11"), *others)

        await scene.context.told(messages.Value, 2)

        assert loop.time() - began == pytest.approx(0.11, abs=0.005)

    play(act, slots=10)


@pytest.mark.parametrize(
    ("script", "kind"), [("yields 2", messages.Item), ("prints now", messages.Output)]
)
def test_what_somebody_waits_for_does_not_wait_with_the_answers(
    script: str, kind: type[Any]
) -> None:
    async def act(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        others = (call(number, "takes 0.1") for number in range(3, 51))
        spoken = call(2, script, credit=2, live_output=True)
        await scene.say(CODE, call(1, "takes 0.1"), spoken, *others)

        await scene.context.told(kind)

        assert loop.time() - began == pytest.approx(0.1, abs=0.005)

    play(act, slots=1)


def test_the_parts_of_a_large_result_do_not_wait_for_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pye2_calls.serving.outgoing.LARGE", 1000)
    monkeypatch.setattr("pye2_calls.serving.outgoing.PART_SIZE", 1000)

    class SlowWay(asyncio.Event):
        passed_at: ClassVar[list[float]] = []

        async def wait(self) -> Literal[True]:
            await asyncio.sleep(0.01)
            self.passed_at.append(asyncio.get_running_loop().time())
            return True

    async def act(scene: Scene) -> None:
        scene.context.is_sending = SlowWay()
        scene.context.largest_exchange = 10**6
        scene.context.payloads.clear()
        others = [call(number, "takes 0.02") for number in range(2, 301)]
        await scene.say(CODE, call(1, "gives " + "x" * 19_000), *others)

        await scene.context.told(messages.Value, 300)

        payloads = zip(SlowWay.passed_at, scene.context.payloads, strict=True)
        parts = [at for at, payload in payloads if isinstance(_first(payload), messages.Part)]
        assert len(parts) == 20
        assert parts[-1] - parts[0] < 1

    play(act, slots=1)


def test_a_command_for_one_life_names_the_run_that_all_payloads_name() -> None:
    async def act(scene: Scene) -> None:
        message = messages.unpack(scene.context.payloads[0]["CALLS"], messages.FROM_NODE)

        assert scene.runner.life == message.run

    play(act)


def test_a_large_result_goes_in_parts_with_small_ones_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pye2_calls.serving.outgoing.LARGE", 1000)
    monkeypatch.setattr("pye2_calls.serving.outgoing.PART_SIZE", 2000)

    async def act(scene: Scene) -> None:
        scene.context.largest_exchange = 10**6
        scene.context.is_sending.clear()
        text = "y" * 20_000
        await scene.say(CODE, call(1, f"gives {text}"), call(2, "gives small"))
        await asyncio.sleep(1)
        scene.context.is_sending.set()

        values = await scene.context.told(messages.Value, 2)

        assert [each.id for each in values] == [2, 1]
        assert values[1].data == text.encode()
        kinds = [type(_first(payload)) for payload in scene.context.payloads]
        assert kinds.count(messages.Part) > 3

    play(act)


def _first(payload: Mapping[str, Any]) -> Any:
    return messages.unpack(payload["CALLS"], messages.FROM_NODE).records[0]


def test_a_call_in_parts_is_put_together() -> None:
    async def act(scene: Scene) -> None:
        whole = messages.pack([CODE, call(1, "gives seven")])
        for part in reversed(messages.cut(whole, 5, size=20)):
            await scene.say(part)

        (value,) = await scene.context.told(messages.Value)

        assert value.data == b"seven"

    play(act)


def test_who_writes_text_is_answered_with_text() -> None:
    async def act(scene: Scene) -> None:
        message = messages.pack([CODE, call(1, "gives seven")])
        await scene.runner.on_command({"CALLS": messages.as_text(message)}, {})
        await scene.context.told(messages.Value)

        assert isinstance(scene.context.payloads[-1]["CALLS"], str)

    play(act)


def test_where_bytes_cannot_be_carried_text_is_sent() -> None:
    async def act(scene: Scene) -> None:
        scene.context.carries_bytes = False
        await scene.say(CODE, call(1, "gives seven"))

        (value,) = await scene.context.told(messages.Value)

        assert value.data == b"seven"

    play(act)


def test_all_messages_of_a_life_name_it_and_no_two_lives_have_one_name() -> None:
    names: set[str] = set()

    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)
        of_this = {
            messages.unpack(each["CALLS"], messages.FROM_NODE).run
            for each in scene.context.payloads
        }
        assert len(of_this) == 1
        names.update(of_this)

    play(act)
    play(act)

    assert len(names) == 2


@pytest.mark.parametrize("data", [b"", b"\xc1", "no base64", 7, messages.pack([messages.End(1)])])
def test_nonsense_is_refused_and_harms_nobody(data: Any) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(messages.MessageNotReadable):
            await scene.runner.on_command({"CALLS": data}, {})
        await scene.say(CODE, call(1, "gives a"))

        await scene.context.told(messages.Value)

    play(act)
