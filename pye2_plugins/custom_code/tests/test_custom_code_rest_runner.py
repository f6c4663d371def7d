"""The node's side of REST_CUSTOM_EXEC_01, in a sandbox that is none and in no time."""

from __future__ import annotations

import asyncio

import pytest
from custom_code_support import at_work, reconfigure

from pye2_custom_code.rest_runner import MOST_REMEMBERED, MOST_WAITING, RestCustomExecRunner
from pye2core.code import encode
from pye2core.errors import InvalidConfiguration
from pye2core.messages import NotificationKind

WHEN = "2026-11-22 21:35:05"


def request(code: str, when: str = WHEN) -> dict[str, object]:
    return {"DATA": {"CODE": encode(code)}, "TIMESTAMP": when}


def running(context):
    return at_work(RestCustomExecRunner(context))


async def settled() -> None:
    """Let everything that is about to happen happen."""
    await asyncio.sleep(1000)


# --- requests and results -------------------------------------------------------------------------


def test_a_request_is_answered_with_the_fields_of_pye2(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 6 * 7"))
        async with running(context):
            await settled()
        assert context.payloads == [
            {"EXEC_RESULT": 42, "EXEC_ERRORS": None, "EXEC_WARNING": [], "TIMESTAMP": WHEN}
        ]

    in_no_time(main)


def test_an_instance_can_name_the_fields_otherwise(in_no_time, context_for) -> None:
    async def main() -> None:
        keys = {"RESULT_KEY": "rest_execution_result", "ERROR_KEY": "REST_EXECUTION_ERROR"}
        context = context_for(REQUEST=request("return 1"), WARNING_KEY="beware", **keys)
        async with running(context):
            payload = await context.payload(1)
        assert payload["REST_EXECUTION_RESULT"] == 1
        assert payload["REST_EXECUTION_ERROR"] is None
        assert payload["BEWARE"] == []

    in_no_time(main)


def test_a_new_request_is_run_when_it_comes_and_not_after_process_delay(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 1"), PROCESS_DELAY=1000)
        async with running(context) as runner:
            await context.payload(1)
            await reconfigure(runner, context, REQUEST=request("return 2"))
            assert (await context.payload(2))["EXEC_RESULT"] == 2
        assert context.emitted[1][0] < 1

    in_no_time(main)


def test_the_same_request_is_not_run_again(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 1"))
        async with running(context) as runner:
            await settled()
            await reconfigure(runner, context, X=5)
            await reconfigure(runner, context, REQUEST=request("return 1"))
            await reconfigure(runner, context, REQUEST=request("return 2"))
            await reconfigure(runner, context, REQUEST=request("return 1"))
            await settled()
        assert [each["EXEC_RESULT"] for each in context.payloads] == [1, 2]

    in_no_time(main)


def test_a_request_that_comes_again_while_it_is_run_is_not_run_again(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return {'TAKES': 5}"))
        async with running(context) as runner:
            await asyncio.sleep(1)
            await reconfigure(runner, context, X=5)
            await settled()
        assert len(context.payloads) == 1

    in_no_time(main)


def test_the_same_code_at_another_time_is_another_request(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 1"))
        async with running(context) as runner:
            await reconfigure(runner, context, REQUEST=request("return 1", "later"))
            assert (await context.payload(2))["TIMESTAMP"] == "later"

    in_no_time(main)


def test_requests_that_come_while_one_is_run_are_run_in_turn_each_with_its_settings(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        code = "return {'TAKES': 5, 'x': plugin.cfg_x}"
        context = context_for(REQUEST=request(code, "1"), X=1, RESULT_KEY="R1")
        async with running(context) as runner:
            for number in (2, 3):
                await asyncio.sleep(1)
                changes = {"X": number, "RESULT_KEY": f"R{number}"}
                await reconfigure(runner, context, REQUEST=request(code, str(number)), **changes)
            await context.payload(3)
        assert [each["TIMESTAMP"] for each in context.payloads] == ["1", "2", "3"]
        assert [each[f"R{n}"]["x"] for n, each in enumerate(context.payloads, 1)] == [1, 2, 3]

    in_no_time(main)


def test_more_requests_than_can_wait_are_refused(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return {'TAKES': 500}"))
        async with running(context) as runner:
            await asyncio.sleep(1)
            for number in range(MOST_WAITING):
                await reconfigure(runner, context, REQUEST=request("return 1", str(number)))
            with pytest.raises(InvalidConfiguration, match="requests wait already"):
                await reconfigure(runner, context, REQUEST=request("return 1", "one more"))

    in_no_time(main)


def test_what_one_request_keeps_in_memory_the_next_finds(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("plugin.obj_cache['x'] = 5"))
        async with running(context) as runner:
            await context.payload(1)
            await reconfigure(runner, context, REQUEST=request("return plugin.obj_cache['x']"))
            assert (await context.payload(2))["EXEC_RESULT"] == 5
        assert len(context.sandboxes) == 1
        assert context.sandboxes[0].exited.done(), "it is ended with the instance"

    in_no_time(main)


def test_a_result_can_have_fields_of_the_payload_itself(in_no_time, context_for) -> None:
    async def main() -> None:
        code = "return {'ROOT_PAYLOAD_DATA': {'IMG': 'x', 'TIMESTAMP': 'y'}, 'n': 1}"
        context = context_for(REQUEST=request(code))
        async with running(context):
            payload = await context.payload(1)
        assert payload["IMG"] == "x"
        assert payload["EXEC_RESULT"]["n"] == 1
        assert payload["TIMESTAMP"] == WHEN, "what the node says itself is not overwritten"

    in_no_time(main)


@pytest.mark.parametrize("result", [None, [], "text", {"ROOT_PAYLOAD_DATA": 5}, {"a": 1}])
def test_any_other_result_is_only_a_result(in_no_time, context_for, result) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request(f"return {result!r}"))
        async with running(context):
            payload = await context.payload(1)
        assert payload["EXEC_RESULT"] == result
        assert len(payload) == 4

    in_no_time(main)


# --- without a request ----------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"REQUEST": None}, {"REQUEST": {}}])
def test_without_a_request_it_says_once_what_it_is_for(in_no_time, context_for, settings) -> None:
    async def main() -> None:
        context = context_for(**settings)
        async with running(context) as runner:
            await settled()
            assert "CODE" in context.payloads[0]["INFO_MANIFEST"]["REQUEST"]["DATA"]
            await reconfigure(runner, context, REQUEST=request("return 1"))
            assert (await context.payload(2))["EXEC_RESULT"] == 1
        assert len(context.payloads) == 2

    in_no_time(main)


# --- after a restart ------------------------------------------------------------------------------


def test_a_request_that_was_run_is_not_run_again_after_a_restart(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 1"))
        async with running(context):
            await settled()
        async with running(context) as runner:
            await settled()
            await reconfigure(runner, context, REQUEST=request("return 2"))
            await settled()
        assert [each["EXEC_RESULT"] for each in context.payloads] == [1, 2]

    in_no_time(main)


def test_a_request_that_a_restart_interrupted_is_run_again(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return {'TAKES': 5}"))
        async with running(context):
            await asyncio.sleep(1)
        assert context.payloads == []
        async with running(context):
            assert (await context.payload(1))["EXEC_RESULT"] == {"TAKES": 5}

    in_no_time(main)


def test_only_so_many_requests_are_remembered(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 1"))
        async with running(context) as runner:
            for number in range(MOST_REMEMBERED + 1):
                await reconfigure(runner, context, REQUEST=request("return 1", str(number)))
                await context.payload(number + 2)
            one = len(context.kept)
            await reconfigure(runner, context, REQUEST=request("return 1", "again"))
            await settled()
        assert len(context.kept) == one

    in_no_time(main)


# --- what goes wrong ------------------------------------------------------------------------------


def test_an_exception_is_sent_and_notified_and_holds_up_nothing(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("x = 0\nreturn 1 / x"))
        async with running(context) as runner:
            payload = await context.payload(1)
            await reconfigure(runner, context, REQUEST=request("return 2"))
            assert (await context.payload(2))["EXEC_RESULT"] == 2
        assert payload["EXEC_RESULT"] is None
        assert payload["EXEC_ERRORS"] == "ZeroDivisionError: division by zero (line 2: its line)"
        assert payload["EXEC_FAILURE"]["LINE"] == 2
        assert payload["TIMESTAMP"] == WHEN
        ((_, kind, text, more),) = context.notified
        assert kind is NotificationKind.EXCEPTION
        assert "division by zero" in text
        assert more["fields"]["EXEC_FAILURE"] == payload["EXEC_FAILURE"]
        assert context.emitted[1][0] < 1

    in_no_time(main)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"CODE": encode("return np.sqrt(2)")}, "refused"),
        ({"CODE": "no code"}, "base64"),
        ({"CODE": None}, "there is nothing to run"),
        ({"CODE": 5}, "there is nothing to run"),
        ({}, "there is nothing to run"),
        (None, "there is nothing to run"),
    ],
)
def test_a_request_without_code_that_can_be_run_is_answered_with_what_is_wrong(
    in_no_time, context_for, data, why
) -> None:
    async def main() -> None:
        context = context_for(REQUEST={"DATA": data, "TIMESTAMP": WHEN})
        async with running(context) as runner:
            payload = await context.payload(1)
            await reconfigure(runner, context, REQUEST=request("return 2"))
            assert (await context.payload(2))["EXEC_RESULT"] == 2
        assert why in payload["EXEC_ERRORS"]
        assert len(context.notified) == 1

    in_no_time(main)


@pytest.mark.parametrize(
    ("code", "why"),
    [("raise plugin.dies()", "killed by signal 9"), ("raise plugin.hangs()", "longer than 7 s")],
)
def test_a_process_that_is_lost_is_told_and_the_next_request_has_another(
    in_no_time, context_for, code, why
) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request(code), EXEC_TIMEOUT=7)
        async with running(context) as runner:
            payload = await context.payload(1)
            await reconfigure(runner, context, REQUEST=request("return 2"))
            assert (await context.payload(2))["EXEC_RESULT"] == 2
        assert why in payload["EXEC_ERRORS"]
        assert len(context.sandboxes) == 2

    in_no_time(main)


def test_a_process_that_dies_between_requests_is_replaced(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 1"))
        async with running(context) as runner:
            await context.payload(1)
            await context.sandboxes[0].stop()
            await reconfigure(runner, context, REQUEST=request("return 2"))
            assert (await context.payload(2))["EXEC_RESULT"] == 2

    in_no_time(main)


def test_when_no_process_can_be_started_the_request_is_answered_with_that(
    in_no_time, context_for
) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 1"))
        context.sandboxes_fail = 1
        async with running(context):
            payload = await context.payload(1)
            await settled()
        assert payload["EXEC_FAILURE"]["TYPE"] == "NodeError"
        assert len(context.payloads) == 1

    in_no_time(main)


def test_a_result_that_cannot_be_carried_is_an_error_of_the_code(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(REQUEST=request("return 'unsendable'"))
        async with running(context):
            payload = await context.payload(1)
        assert "cannot be carried" in payload["EXEC_ERRORS"]

    in_no_time(main)


# --- settings that cannot be used -----------------------------------------------------------------


@pytest.mark.parametrize("value", ["code", 5, [1], True])
def test_a_request_that_is_none_is_refused(in_no_time, context_for, value) -> None:
    async def main() -> None:
        with pytest.raises(InvalidConfiguration, match="REQUEST must be"):
            await RestCustomExecRunner(context_for(REQUEST=value)).start()

    in_no_time(main)


def test_keys_of_a_request_are_read_in_any_case(in_no_time, context_for) -> None:
    async def main() -> None:
        context = context_for(
            REQUEST={"data": {"Code": encode("return 1")}, "timestamp": "whenever"}
        )
        async with running(context):
            payload = await context.payload(1)
        assert (payload["EXEC_RESULT"], payload["TIMESTAMP"]) == (1, "whenever")

    in_no_time(main)
