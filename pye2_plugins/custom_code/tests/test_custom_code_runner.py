"""The node's side of CUSTOM_EXEC_01, in a sandbox that is none and in no time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from custom_code_support import at_work, reconfigure

from pye2_custom_code.runner import CustomExecRunner
from pye2core.code import encode
from pye2core.errors import CodeError, CodeRefused, InvalidConfiguration
from pye2core.messages import NotificationCode, NotificationKind

COUNT = """
count = plugin.obj_cache.get("count", 0) + 1
plugin.obj_cache["count"] = count
"""


def running(context):
    return at_work(CustomExecRunner(context))


def test_each_result_is_sent_with_the_fields_of_pye2(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(COUNT + "return count")
        async with running(context):
            second = await context.payload(2)
        assert second["EXEC_RESULT"] == 2
        assert second["EXEC_ERRORS"] is None
        assert second["EXEC_WARNING"] == []
        assert second["EXEC_ITER"] == 2

    in_no_time(main)


def test_an_instance_can_name_the_fields_otherwise(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return 1", RESULT_KEY="data", ERROR_KEY="Trouble")
        async with running(context):
            payload = await context.payload(1)
        assert payload["DATA"] == 1
        assert payload["TROUBLE"] is None
        assert "EXEC_RESULT" not in payload

    in_no_time(main)


def test_a_run_without_a_result_sends_nothing(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(COUNT + "return count if count == 3 else None")
        async with running(context):
            payload = await context.payload(1)
        assert payload["EXEC_ITER"] == 3

    in_no_time(main)


@pytest.mark.parametrize("result", [0, False, "", []])
def test_a_result_that_is_false_is_a_result(in_no_time, context_for, result) -> None:
    async def main() -> None:
        context = context_for(f"return {result!r}")
        async with running(context):
            assert (await context.payload(1))["EXEC_RESULT"] == result

    in_no_time(main)


def test_runs_start_process_delay_apart_however_long_they_take(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return {'TAKES': 0.5}", PROCESS_DELAY=2)
        async with running(context):
            await context.payload(4)
        times = [at for at, _ in context.emitted]
        assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([2.0] * 3)

    in_no_time(main)


def test_settings_are_shown_to_the_code(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return plugin.cfg_whom", WHOM="world")
        async with running(context):
            assert (await context.payload(1))["EXEC_RESULT"] == "world"

    in_no_time(main)


# --- exceptions -----------------------------------------------------------------------------------


def test_an_exception_is_sent_with_type_message_and_line(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("x = 0\nreturn 1 / x")
        async with running(context):
            payload = await context.payload(1)
        assert payload["EXEC_RESULT"] is None
        assert payload["EXEC_ERRORS"] == "ZeroDivisionError: division by zero (line 2: its line)"
        assert payload["EXEC_FAILURE"]["TYPE"] == "ZeroDivisionError"
        assert payload["EXEC_FAILURE"]["LINE"] == 2
        _, kind, text, more = context.notified[0]
        assert kind is NotificationKind.EXCEPTION
        assert "division by zero" in text
        assert more["info"] == "its frames"
        assert more["fields"]["EXEC_FAILURE"] == payload["EXEC_FAILURE"]

    in_no_time(main)


def test_after_an_exception_the_instance_waits_and_goes_on(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(COUNT + "return 1 / (count - 1)")
        async with running(context):
            assert (await context.payload(2))["EXEC_RESULT"] == 1.0
        first, second = (at for at, _ in context.emitted[:2])
        assert second - first >= 10.0
        assert len(context.sandboxes) == 1, "what the code kept in memory is still there"

    in_no_time(main)


def test_a_result_that_cannot_be_carried_is_an_error_of_the_code(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return 'unsendable'")
        async with running(context):
            payload = await context.payload(1)
        assert "cannot be carried" in payload["EXEC_ERRORS"]
        assert context.notified[0][1] is NotificationKind.EXCEPTION

    in_no_time(main)


# --- the sandbox's process ------------------------------------------------------------------------


def test_a_process_that_dies_is_told_and_replaced(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(
            "if plugin.obj_cache.get('ran'):\n  raise plugin.dies()\n"
            "plugin.obj_cache['ran'] = True\nreturn 1"
        )
        async with running(context):
            await context.payload(3)
        alive, dead, replaced = context.payloads[:3]
        assert "killed by signal 9" in dead["EXEC_ERRORS"]
        assert dead["EXEC_FAILURE"]["TYPE"] == "SandboxDied"
        assert replaced["EXEC_RESULT"] == 1
        assert (alive["EXEC_RUN"], alive["EXEC_SEQ"]) == (dead["EXEC_RUN"], dead["EXEC_SEQ"] - 1)
        assert replaced["EXEC_RUN"] != alive["EXEC_RUN"]
        assert replaced["EXEC_SEQ"] == 1
        assert replaced["EXEC_ITER"] == 3

    in_no_time(main)


def test_code_that_never_returns_is_told_with_the_limit_and_begun_anew(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        context = context_for("raise plugin.hangs()", EXEC_TIMEOUT=7)
        async with running(context):
            payload = await context.payload(2)
        assert payload["EXEC_FAILURE"]["TYPE"] == "CallTimedOut"
        assert "7 s" in payload["EXEC_ERRORS"]
        assert len(context.sandboxes) == 2

    in_no_time(main)


def test_a_process_that_dies_again_and_again_is_replaced_more_and_more_slowly(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        context = context_for("raise plugin.dies()")
        async with running(context):
            await context.payload(10)
        times = [at for at, _ in context.emitted]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])

    in_no_time(main)


def test_each_time_it_is_slowed_down_it_says_for_how_long(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("raise plugin.dies()", PROCESS_DELAY=3)
        async with running(context):
            await context.payload(5)
        delayed = [
            (kind, more["fields"]["DELAY_SECONDS"])
            for _, kind, _, more in context.notified
            if more.get("code") == NotificationCode.PLUGIN_DELAYED
        ]
        # Twice in a row it is not waited for longer than between any two runs.
        assert delayed[:2] == [(NotificationKind.ABNORMAL, 4), (NotificationKind.ABNORMAL, 8)]

    in_no_time(main)


def test_when_no_process_can_be_started_the_instance_says_so_and_tries_again(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        context = context_for(COUNT + "if count == 1:\n  raise plugin.dies()\nreturn 1")
        async with running(context):
            context.sandboxes_fail = 2
            await context.payload(3)
        assert [each["EXEC_FAILURE"]["TYPE"] for each in context.payloads] == [
            "SandboxDied",
            "NodeError",
            "NodeError",
        ]

    in_no_time(main)


def test_stopping_ends_the_process(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return 1")
        async with running(context):
            await context.payload(1)
        assert context.sandboxes[0].exited.done()

    in_no_time(main)


# --- changed settings -----------------------------------------------------------------------------


def test_other_code_runs_at_once_even_in_the_pause_after_an_exception(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        context = context_for("return 1 / 0")
        async with running(context) as runner:
            await context.payload(1)
            await reconfigure(runner, context, CODE=encode("return 'new'"))
            assert (await context.payload(2))["EXEC_RESULT"] == "new"
        assert context.emitted[1][0] - context.emitted[0][0] < 1

    in_no_time(main)


def test_what_the_old_code_was_about_to_return_is_not_sent(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return {'TAKES': 5}")
        async with running(context) as runner:
            await asyncio.sleep(1)
            await reconfigure(runner, context, CODE=encode("return 'new'"))
            assert (await context.payload(1))["EXEC_RESULT"] == "new"
        assert not context.notified

    in_no_time(main)


def test_code_that_is_refused_leaves_the_old_code_running(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return 'old'")
        async with running(context) as runner:
            old = dict(context.settings)
            with pytest.raises(CodeRefused, match="np"):
                await reconfigure(runner, context, CODE=encode("return np.sqrt(2)"))
            context.settings = old
            await context.payload(3)
        assert {each["EXEC_RESULT"] for each in context.payloads} == {"old"}
        assert context.sandboxes[1].exited.done(), "the process of the refused code is ended"

    in_no_time(main)


def test_other_settings_are_taken_over_without_losing_memory(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(COUNT + "return [count, plugin.cfg_x]", X=1)
        async with running(context) as runner:
            await context.payload(1)
            await reconfigure(runner, context, X=2)
            assert (await context.payload(2))["EXEC_RESULT"] == [2, 2]
        assert len(context.sandboxes) == 1

    in_no_time(main)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"X": 2}, [0, 100, 200], id="another setting leaves the rhythm as it is"),
        pytest.param({"PROCESS_DELAY": 50}, [0, 50, 100], id="a shorter delay from the last run"),
        pytest.param({"PROCESS_DELAY": 300}, [0, 300, 600], id="a longer delay from the last run"),
        pytest.param({"PROCESS_DELAY": 10}, [0, 30, 40], id="a run that is overdue is due now"),
    ],
)
def test_settings_that_come_between_two_runs_keep_their_rhythm(
    in_no_time, context_for, change, expected
) -> None:
    async def main() -> None:
        context = context_for("return 1", PROCESS_DELAY=100)
        async with running(context) as runner:
            await context.payload(1)
            await asyncio.sleep(30)
            await reconfigure(runner, context, **change)
            await context.payload(3)
        assert [at for at, _ in context.emitted] == pytest.approx(expected)

    in_no_time(main)


def test_settings_that_come_during_a_run_do_not_hurry_the_next(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return {'TAKES': 5}", PROCESS_DELAY=100)
        async with running(context) as runner:
            await asyncio.sleep(1)
            await reconfigure(runner, context, X=2)
            await context.payload(2)
        assert [at for at, _ in context.emitted] == pytest.approx([5, 105])

    in_no_time(main)


def test_other_code_runs_at_once_and_once_however_long_the_delay(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return 1", PROCESS_DELAY=100)
        async with running(context) as runner:
            await context.payload(1)
            await asyncio.sleep(30)
            await reconfigure(runner, context, CODE=encode("return 'new'"))
            await context.payload(3)
        assert [at for at, _ in context.emitted] == pytest.approx([0, 30, 130])

    in_no_time(main)


def test_with_other_settings_the_pause_after_an_exception_is_over(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return 1 / plugin.cfg_x", X=0, PROCESS_DELAY=1, ERROR_DELAY=1000)
        async with running(context) as runner:
            await context.payload(1)
            await asyncio.sleep(30)
            await reconfigure(runner, context, X=2)
            assert (await context.payload(2))["EXEC_RESULT"] == 0.5
        assert context.emitted[1][0] == pytest.approx(30)

    in_no_time(main)


# --- idle -----------------------------------------------------------------------------------------


def test_an_instance_without_results_says_so_now_and_then(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return None", SEND_MANIFEST_EACH=20, PROCESS_DELAY=1)
        async with running(context):
            first, second = await context.payload(1), await context.payload(2)
        assert "nothing for 20 seconds" in first["EXEC_ERRORS"]
        assert first["EXEC_RESULT"] is None
        assert [first["EXEC_SEQ"], second["EXEC_SEQ"]] == [1, 2]
        assert not context.notified

    in_no_time(main)


# --- settings that cannot be used -----------------------------------------------------------------


def test_all_settings_that_cannot_be_used_are_told_at_once(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(None, PROCESS_DELAY="soon", EXEC_TIMEOUT=0, RESULT_KEY=" ")
        with pytest.raises(InvalidConfiguration) as caught:
            await CustomExecRunner(context).start()
        message = str(caught.value)
        assert "CODE is missing" in message
        assert "PROCESS_DELAY must be a number of seconds, zero or more, not 'soon'" in message
        assert "EXEC_TIMEOUT must be a number of seconds above zero, not 0" in message
        assert "RESULT_KEY" in message
        assert caught.value.pipeline == "pipe"

    in_no_time(main)


def test_code_that_is_not_packed_is_refused(in_no_time, context_for) -> None:
    async def main() -> None:
        with pytest.raises(CodeError, match="base64"):
            await CustomExecRunner(context_for(None, CODE="no code")).start()

    in_no_time(main)


def test_code_that_is_refused_leaves_no_process_behind(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for("return np.sqrt(2)")
        with pytest.raises(CodeRefused):
            await CustomExecRunner(context).start()
        assert context.sandboxes[0].exited.done()

    in_no_time(main)


def test_a_runner_that_did_not_start_can_be_stopped(in_no_time, context_for) -> None:
    async def main() -> None:
        runner = CustomExecRunner(context_for(None))
        with pytest.raises(InvalidConfiguration):
            await runner.start()
        await runner.stop()

    in_no_time(main)
