"""Calls on the node's side, and what comes of them; the functions that they call."""

from __future__ import annotations

import asyncio
import gc

import pytest
from calls_scene import CODE, LARGEST, LIMIT, Scene, call, play

from pye2_calls import messages
from pye2_calls.messages import Call, Cancel, Code
from pye2_calls.runner import CallsRunner
from pye2_calls.serving.codes import Codes
from pye2core.errors import GrantMissing, InvalidConfiguration, NodeError

NOT_GRANTED = GrantMissing("no", pipeline="p", address="a", lacking="camera", command="x", asked={})


# --- calls and what comes of them -----------------------------------------------------------------


def test_a_life_begins_with_what_the_node_can_do() -> None:
    async def act(scene: Scene) -> None:
        (began,) = await scene.context.told(messages.Began)

        assert began == messages.Began(slots=2, largest=LARGEST, timeout=LIMIT)

    play(act)


def test_a_call_is_answered_with_its_value() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives seven"))

        (value,) = await scene.context.told(messages.Value)

        assert (value.id, value.data) == (1, b"seven")

    play(act)


def test_an_exception_is_told_with_its_places() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "raises"))

        (raised,) = await scene.context.told(messages.Raised)

        frames = (messages.Frame(2, "job"),)
        assert raised.failure == messages.Failure("KeyError", "x", "Traceback", frames, b"packed")

    play(act)


def test_what_was_printed_comes_with_the_value() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "prints a b"))

        (value,) = await scene.context.told(messages.Value)

        assert value.printed == "ab"
        assert not [each for each in scene.context.records if isinstance(each, messages.Output)]

    play(act)


def test_output_is_told_at_once_where_that_is_wished() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "prints a b", live_output=True))
        await scene.context.told(messages.Value)

        outputs = [each.text for each in scene.context.records if isinstance(each, messages.Output)]

        assert "".join(outputs) == "ab"

    play(act)


def test_a_process_that_dies_is_told_with_its_last_words_and_replaced() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "dies"))
        (died,) = await scene.context.told(messages.Died)
        await scene.say(call(2, "gives more"))
        await scene.context.told(messages.Value)

        assert (died.id, died.signal, died.printed) == (1, 11, "last words")
        assert len(scene.context.sandboxes) == 2

    play(act)


def test_a_call_over_its_limit_is_told_so() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 30", timeout=5.0))

        (late,) = await scene.context.told(messages.TimedOut)

        assert late == messages.TimedOut(1, 5.0, "")

    play(act)


@pytest.mark.parametrize("wished", [None, 1e6])
def test_no_call_may_take_longer_than_the_node_lets_it(wished: float | None) -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 100000", timeout=wished))

        (late,) = await scene.context.told(messages.TimedOut)

        assert late.seconds == LIMIT

    play(act)


def test_code_that_may_not_run_is_refused_and_tried_again_when_called_again() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "refused"))
        (refused,) = await scene.context.told(messages.Refused)
        await scene.say(call(2, "gives more"))
        await scene.context.told(messages.Value)

        assert (refused.id, refused.reason) == (1, "code")
        assert scene.context.sandboxes[0].codes == ["d", "d"]

    play(act)


def test_nothing_is_kept_of_calls_whose_process_lives_on() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)
        before = _futures()

        for number in range(2, 102):
            await scene.say(call(number, "gives a"))
        await scene.context.told(messages.Value, 101)

        assert len(scene.context.sandboxes) == 1
        assert _futures() - before < 10

    play(act)


def _futures() -> int:
    gc.collect()
    return sum(isinstance(each, asyncio.Future) for each in gc.get_objects())


def test_a_process_that_answers_nonsense_is_ended() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "lies"))

        (died,) = await scene.context.told(messages.Died)
        await scene.context.sandboxes[0].exited

        assert "answered what no process" in died.reason

    play(act)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NodeError("no room"), "sandbox"),
        (NOT_GRANTED, "grant"),
    ],
)
def test_where_no_process_can_be_had_a_call_is_refused(error: Exception, reason: str) -> None:
    async def act(scene: Scene) -> None:
        scene.context.no_sandbox = error
        await scene.say(CODE, call(1, "gives seven"))

        (refused,) = await scene.context.told(messages.Refused)

        assert refused == messages.Refused(1, reason, str(error))

    play(act)


def test_a_process_that_gives_items_which_nobody_asked_for_is_ended() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "lingers"))
        await scene.context.told(messages.Value)
        (sandbox,) = scene.context.sandboxes
        assert sandbox.later is not None
        await sandbox.later(b"forged")
        await sandbox.exited

        assert not [each for each in scene.context.records if isinstance(each, messages.Item)]

    play(act)


@pytest.mark.parametrize("seconds", ["soon", None, -1, 0, True, [60], float("nan"), float("inf")])
def test_a_time_limit_that_is_none_is_refused_at_once(seconds: object) -> None:
    async def act(scene: Scene) -> None:
        scene.context.settings["EXEC_TIMEOUT"] = seconds

        with pytest.raises(InvalidConfiguration, match="EXEC_TIMEOUT"):
            await CallsRunner(scene.context).start()  # type: ignore[arg-type]  # as far as it is used
        with pytest.raises(InvalidConfiguration, match="EXEC_TIMEOUT"):
            await scene.runner.reconfigure({"EXEC_TIMEOUT": seconds})
        await scene.say(CODE, call(1, "gives a"))
        await scene.context.told(messages.Value)

    play(act)


def test_the_same_call_twice_is_run_once() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, call(1, "takes 5"), call(1, "takes 5"))
        await scene.say(call(1, "takes 5"), call(2, "takes 7"))
        await scene.context.told(messages.Value, 2)

        answered = [each.id for each in scene.context.records if isinstance(each, messages.Value)]
        assert answered == [1, 2]

    play(act)


# --- functions ------------------------------------------------------------------------------------


def test_a_function_that_is_not_there_is_asked_for_once_and_its_calls_wait() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(call(1, "gives a"), call(2, "gives b"))
        (wanted,) = await scene.context.told(messages.CodeWanted)
        await scene.say(CODE)

        values = await scene.context.told(messages.Value, 2)

        assert wanted == messages.CodeWanted("d", (1,))
        assert {each.data for each in values} == {b"a", b"b"}

    play(act)


def test_a_function_that_does_not_come_is_asked_for_again_when_its_client_says_that_it_lives() -> (
    None
):
    async def act(scene: Scene) -> None:
        await scene.say(call(1, "gives a"), call(2, "gives b"))
        await scene.context.told(messages.CodeWanted)

        await scene.say(*[messages.KeepAlive()] * 3)
        await scene.context.told(messages.CodeWanted, 2)
        await scene.say(CODE)
        await scene.context.told(messages.Value, 2)
        await scene.say(messages.KeepAlive())
        await scene.context.told(messages.Holds, 2)

        wanted = await scene.context.told(messages.CodeWanted)
        assert wanted == [messages.CodeWanted("d", (1,))] * 2

    play(act)


def test_a_function_is_asked_for_again_where_the_call_that_it_was_asked_for_is_given_up() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(*(call(number, "gives a") for number in (1, 2, 3)))
        await scene.context.told(messages.CodeWanted)
        await scene.say(Cancel(1), Cancel(3))
        wanted = await scene.context.told(messages.CodeWanted, 2)
        await scene.say(CODE)
        (value,) = await scene.context.told(messages.Value)

        assert [each.ids for each in wanted] == [(1,), (2,)]
        assert value.id == 2

    play(act)


def test_functions_are_counted_with_all_that_they_take_in_memory() -> None:
    codes = Codes(most=100_000)

    for number in range(1000):
        codes.add(Code(f"{number}", "f", "", ("plugin",), modules=("m" * 500,) * 10))

    assert sum(f"{number}" in codes for number in range(1000)) < 100_000 / 5000
    assert "999" in codes


def test_a_process_is_told_of_a_function_once() -> None:
    async def act(scene: Scene) -> None:
        for number in (1, 2, 3):
            await scene.say(CODE, call(number, "gives a"))
            await scene.context.told(messages.Value, number)

        assert [each.codes for each in scene.context.sandboxes] == [["d"]]

    play(act)


def test_a_call_of_another_function_does_not_wait_behind_all_of_a_map() -> None:
    async def act(scene: Scene) -> None:
        await scene.say(CODE, *(call(number, "takes 1") for number in range(1, 101)))
        other = Code("e", "job", "return job", ("plugin",))
        await scene.say(other, Call(101, "e", b"gives seven"))

        values = await scene.context.told(messages.Value, 3)

        assert 101 in [each.id for each in values]

    play(act, slots=1)
