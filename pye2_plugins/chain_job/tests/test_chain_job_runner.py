"""The node's side of a distributed job, among nodes that answer, in no time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from pye2core.code import decode, encode
from pye2core.errors import CodeError, CodeRefused, DelegationRefused, InvalidConfiguration
from pye2core.messages import Action, Delegation, NotificationKind

PROCESS = "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA"
FINISH = "CUSTOM_CODE_FINISH_CONDITION"
AGGREGATE = "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SIGNED = Delegation("job", "0xai_main", "0xai_you", (), (), {}, NOON, NOON, "as signed")


# --- a job that succeeds --------------------------------------------------------------------------


def test_a_job_ends_with_one_payload_that_has_the_result(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        last = await world.to_the_end()
        assert last["PROGRESS"] == 100
        assert isinstance(last["PROGRESS"], int)
        assert last["DATA"] == list(range(200))
        assert last["STATE"] == "FINISHED"
        assert last["REMAINING_TIME"] == "0:00:00"
        assert [each["PROGRESS"] for each in world.context.payloads].count(100) == 1

    in_no_time(main)


def test_until_then_payloads_show_how_it_stands(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        await world.to_the_end()
        first, *others, _ = world.context.payloads
        assert first["PROGRESS"] == 0.0
        assert first["DATA"] is None
        moving = others[-1]
        assert moving["STATE"] == "DISTRIBUTE_JOBS"
        assert 0 < len(moving["DATA"]) < 200
        assert moving["DATA_COUNT"] == len(moving["DATA"])
        nodes = moving["PROGRESS_BY_NODE"]
        assert set(nodes) == {"0", "1"}
        assert sum(each["PROGRESS"] for each in nodes.values()) == pytest.approx(1)
        assert {each["NODE"] for each in nodes.values()} <= set(world.context.network.nodes)

    in_no_time(main)


def test_a_progress_function_tells_progress_and_the_remaining_time(in_no_time, world_for) -> None:
    async def main() -> None:
        code = "return 100.0 * sum(map(len, collected_data.values())) / 200"
        world = world_for(CUSTOM_CODE_PROGRESS=encode(code))
        await world.to_the_end()
        shown = [each["PROGRESS"] for each in world.context.payloads]
        assert shown == sorted(shown)
        assert any(0 < each < 100 for each in shown)
        middle = next(each for each in world.context.payloads if 20 < each["PROGRESS"] < 90)
        assert middle["REMAINING_TIME"].startswith("0:00:0")

    in_no_time(main)


def test_workers_get_their_piece_in_the_form_of_pye2(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(NODE_PLUGIN_CONFIG={"Upto": 1000}, NODE_TIMEOUT=15)
        await world.to_the_end()
        deploys = [
            each for each in world.context.network.commands if each.action is Action.UPDATE_PIPELINE
        ]
        assert [each.body.name for each in deploys] == ["job_w_0", "job_w_1"]
        config = deploys[1].body
        assert config.data_source == "Void"
        assert config.settings == {"STREAM_TYPE": "Void"}
        (instance,) = config.instances
        assert (instance.signature, instance.instance_id) == ("CUSTOM_EXEC_01", "Default")
        assert decode(instance.settings["CODE"]) == "return [plugin.cfg_job_id]"
        assert instance.settings["RESULT_KEY"] == "DATA"
        assert instance.settings["PROCESS_DELAY"] == 0.01
        assert instance.settings["SEND_MANIFEST_EACH"] == 5.0
        assert instance.settings["UPTO"] == 1000
        assert (instance.settings["JOB_ID"], instance.settings["NR_JOBS"]) == (1, 2)
        signature = world.context.path.signature
        assert deploys[1].requester.name == f"('job', '{signature}', 'inst')"
        assert deploys[1].delegation is None
        sessions = {each.requester.session_id for each in deploys}
        assert len(sessions) == 2

    in_no_time(main)


def test_what_the_client_has_signed_goes_with_every_command(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        world.context.delegated = SIGNED
        await world.to_the_end()
        assert {each.action for each in world.context.network.commands} == {
            Action.UPDATE_PIPELINE,
            Action.ARCHIVE_PIPELINE,
        }
        assert {each.delegation for each in world.context.network.commands} == {"as signed"}

    in_no_time(main)


def test_what_it_has_signed_and_is_of_no_use_is_told_and_the_job_goes_on(
    in_no_time, world_for
) -> None:
    async def main() -> None:
        world = world_for()
        world.context.delegated = DelegationRefused("it was good until noon", pipeline=None)
        last = await world.to_the_end()
        assert last["PROGRESS"] == 100
        assert {each.delegation for each in world.context.network.commands} == {None}
        assert any("good until noon" in text for _, text, _ in world.context.notified)

    in_no_time(main)


def test_no_worker_is_left_when_a_job_has_ended(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        await world.to_the_end()
        assert not world.context.network.running
        assert world.context.sandboxes[0].exited.done()
        assert not world.context.network.listeners

    in_no_time(main)


def test_functions_see_job_ids_as_whole_numbers(in_no_time, world_for) -> None:
    async def main() -> None:
        code = "return [[job_id, sorted(collected_data)]]"
        finish = "return all(collected_data.values())"
        aggregate = "return collected_data[0] + collected_data[1]"
        world = world_for(
            **{PROCESS: encode(code), FINISH: encode(finish), AGGREGATE: encode(aggregate)}
        )
        last = await world.to_the_end()
        assert last["DATA"][0] == [0, [0, 1]]
        assert last["DATA"][-1] == [1, [0, 1]]

    in_no_time(main)


def test_none_is_kept_as_nothing_and_other_values_one_by_one(in_no_time, world_for) -> None:
    async def main() -> None:
        code = "return None if job_id == 0 else {'first': data[0]}"
        finish = "return len(collected_data[1]) == 3"
        aggregate = "return [collected_data[0], collected_data[1]]"
        world = world_for(
            **{PROCESS: encode(code), FINISH: encode(finish), AGGREGATE: encode(aggregate)}
        )
        last = await world.to_the_end()
        assert last["DATA"] == [[], [{"first": 100}, {"first": 110}, {"first": 120}]]

    in_no_time(main)


@pytest.mark.parametrize("pack", [str, encode, str.lower], ids=["name", "packed", "lower"])
def test_presets_that_are_sent_by_name_are_known(in_no_time, world_for, pack) -> None:
    async def main() -> None:
        collected = "PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_IN_NODE_COLLECTED_DATA"
        finished = "FINISH_CONDITION___EACH_NODE_COLLECTED_DATA_MORE_THAN_X"
        result = "AGGREGATE_COLLECTED_DATA___COLLECTED_DATA_PER_NODE"
        world = world_for(
            **{PROCESS: pack(collected), FINISH: pack(finished), AGGREGATE: pack(result)}
        )
        last = await world.to_the_end()
        assert last["DATA"] == {"0": list(range(100)), "1": list(range(100, 200))}
        assert any(0 < each["PROGRESS"] < 100 for each in world.context.payloads)

    in_no_time(main)


def test_a_large_partial_result_is_told_by_its_size_only(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(**{PROCESS: encode("return [str(number) * 2000 for number in data]")})
        last = await world.to_the_end()
        large = [each for each in world.context.payloads[1:-1] if each["DATA"] is None]
        assert large
        assert large[-1]["DATA_COUNT"] > 0
        assert len(last["DATA"]) == 200

    in_no_time(main)


# --- workers that fail ----------------------------------------------------------------------------


def test_a_node_that_vanishes_is_replaced_and_its_data_discarded(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(NODE_TIMEOUT=25)
        await world.begin()
        moving = await world.payload(lambda fields: fields["DATA_COUNT"] > 60)
        gone = world.context.network.nodes[moving["PROGRESS_BY_NODE"]["1"]["NODE"]]
        gone.go()
        await world.work
        assert world.context.last["DATA"] == list(range(200))
        texts = [text for _, text, _ in world.context.notified]
        assert any(f"worker 1 on {gone.name}" in text for text in texts)
        await world.runner.stop()

    in_no_time(main)


def test_a_worker_that_always_raises_fails_the_job_with_its_line(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        failure = {"TYPE": "ValueError", "MESSAGE": "no", "LINE": 2, "SOURCE_LINE": "raise"}

        async def work(node, command, config) -> None:
            node.notify(
                command,
                config.name,
                None,
                kind=NotificationKind.EXCEPTION,
                text="Exception in custom code",
                EXEC_FAILURE=failure,
            )

        for node in world.nodes:
            node.work = lambda command, config, node=node: work(node, command, config)
        last = await world.to_the_end()
        assert last["STATE"] == "FAILED"
        assert last["PROGRESS"] < 100
        assert "3 times with the same error" in last["ERROR"]
        assert "ValueError: no (line 2: raise)" in last["ERROR"]
        assert (last["ERROR_STAGE"], last["EXEC_FAILURE"]["LINE"]) == ("worker", 2)
        assert not world.context.network.running

    in_no_time(main)


def test_a_job_waits_for_nodes_and_says_so(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(nodes=1)
        await world.begin()
        waiting = await world.payload(lambda fields: fields["STATE"] == "WAITING_FOR_NODES")
        assert waiting["STATE_INFO"] == "1 of 2 workers have a node"
        world.context.network.add("late")
        await world.work
        assert world.context.last["DATA"] == list(range(200))
        await world.runner.stop()

    in_no_time(main)


def test_a_job_for_which_no_node_can_be_found_fails_and_says_what_to_do(
    in_no_time, world_for
) -> None:
    async def main() -> None:
        world = world_for(nodes=0, NODE_WAIT_TIMEOUT=30)
        world.context.network.add("stranger", allows=False)
        last = await world.to_the_end()
        assert last["STATE"] == "FAILED"
        assert "no node could be found within 7.5 seconds" in last["ERROR"]
        assert "stranger does not take commands from this node" in last["ERROR"]
        assert "`pye2 node allow 0xai_main --name stranger`" in last["ERROR"]
        assert "--allow 0xai_main" in last["ERROR"]

    in_no_time(main)


# --- functions that fail --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "stage"), [(PROCESS, "process"), (FINISH, "finish"), (AGGREGATE, "aggregate")]
)
def test_a_function_that_raises_fails_the_job(in_no_time, world_for, key, stage) -> None:
    async def main() -> None:
        world = world_for(**{key: encode("x = 0\nreturn 1 / x")})
        last = await world.to_the_end()
        assert last["STATE"] == "FAILED"
        assert f"the job's {stage} function failed: ZeroDivisionError" in last["ERROR"]
        assert last["EXEC_FAILURE"]["LINE"] == 2
        assert last["EXEC_FAILURE"]["FUNCTION"] == stage
        exceptions = [
            (text, more)
            for kind, text, more in world.context.notified
            if kind is NotificationKind.EXCEPTION
        ]
        ((text, more),) = exceptions
        assert "The job has failed" in text
        assert more["fields"]["EXEC_FAILURE"]["LINE"] == 2
        assert not world.context.network.running

    in_no_time(main)


def test_a_result_that_cannot_be_made_before_all_have_sent_is_not_an_error(
    in_no_time, world_for
) -> None:
    async def main() -> None:
        code = "return [collected_data[0][0], collected_data[1][0]]"
        world = world_for(**{AGGREGATE: encode(code)})

        async def late(work, command, config) -> None:
            await asyncio.sleep(3 if config.name == "job_w_1" else 0)
            await work(command, config)

        for node in world.nodes:
            node.work = partial(late, node.work)
        last = await world.to_the_end()
        assert last["DATA"] == [0, 100]
        told = [more for _, text, more in world.context.notified if "no result so far" in text]
        assert len(told) == 1
        assert "IndexError" in told[0]["info"]

    in_no_time(main)


def test_a_function_that_never_returns_fails_the_job_with_the_limit(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(**{FINISH: encode("raise plugin.hangs()\nreturn 1")}, EXEC_TIMEOUT=7)
        last = await world.to_the_end()
        assert last["STATE"] == "FAILED"
        assert "7 s" in last["ERROR"]

    in_no_time(main)


def test_a_sandbox_that_dies_is_replaced_with_all_that_was_collected(in_no_time, world_for) -> None:
    async def main() -> None:
        code = (
            "if data[0] == 150 and not plugin.memory.get('died'):\n"
            "  plugin.memory['died'] = True\n  raise plugin.dies()\nreturn data"
        )
        world = world_for(**{PROCESS: encode(code)})
        last = await world.to_the_end()
        assert last["DATA"] == list(range(200))
        assert len(world.context.sandboxes) == 2

    in_no_time(main)


def test_a_function_that_kills_every_process_fails_the_job(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(**{AGGREGATE: encode("raise plugin.dies()\nreturn 1")})
        last = await world.to_the_end()
        assert last["STATE"] == "FAILED"
        assert "its process was killed" in last["ERROR"]
        assert len(world.context.sandboxes) == 3

    in_no_time(main)


def test_a_result_that_is_too_large_fails_the_job(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        world.context.too_large = lambda fields: fields["PROGRESS"] == 100
        last = await world.to_the_end()
        assert last["STATE"] == "FAILED"
        assert "17 MiB are too large" in last["ERROR"]

    in_no_time(main)


# --- commands and settings ------------------------------------------------------------------------


def test_a_command_is_answered_with_how_the_job_stands(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        await world.begin()
        await world.payload(lambda fields: fields["DATA_COUNT"] > 20)
        await world.runner.on_command({"SDK_REQUEST": "12"}, {})
        answer = world.context.last
        assert answer["COMMAND_PARAMS"] == {"SDK_REQUEST": "12"}
        assert answer["STATE"] == "DISTRIBUTE_JOBS"
        await world.work
        await world.runner.on_command({}, {})
        assert world.context.last["PROGRESS"] == 100
        await world.runner.stop()

    in_no_time(main)


def test_all_settings_that_cannot_be_used_are_told_at_once(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(NR_REMOTE_NODES=0, NODES=[1], NODE_TIMEOUT=-1, **{PROCESS: None})
        with pytest.raises(InvalidConfiguration) as caught:
            await world.begin()
        message = str(caught.value)
        assert "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA is missing" in message
        assert "NR_REMOTE_NODES must be a whole number from 1" in message
        assert "NODES must be a list of nodes" in message
        assert "NODE_TIMEOUT must be a number of seconds above zero" in message

    in_no_time(main)


@pytest.mark.parametrize(
    ("other", "key", "value"),
    [
        ("SPECIFIC_REMOTE_NODES", "nodes", ["n2"]),
        ("REMOTE_NODE_TIMEOUT", "node_timeout", 33),
        ("NODE_PLUGIN_SIGNATURE", "node_signature", "MY_EXEC"),
    ],
)
def test_the_names_of_pye2s_sdk_are_taken_too(other, key, value) -> None:
    from pye2_chain_job.settings import OTHER_NAMES, JobSettings
    from pye2_custom_code.settings import checked
    from pye2core.messages import InstancePath

    codes = dict.fromkeys([PROCESS, FINISH, AGGREGATE, "CUSTOM_CODE_REMOTE_NODE"], "x")
    settings = checked(JobSettings, {**codes, other: value}, InstancePath(), OTHER_NAMES)
    assert getattr(settings, key) == (tuple(value) if isinstance(value, list) else value)


def test_a_preset_that_is_not_installed_is_told_by_its_name(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(**{FINISH: encode("FINISH_CONDITION___WHEN_I_LIKE")})
        with pytest.raises(InvalidConfiguration, match="FINISH_CONDITION___WHEN_I_LIKE"):
            await world.begin()

    in_no_time(main)


def test_code_that_is_refused_is_told_before_anything_is_begun(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(CUSTOM_CODE_REMOTE_NODE=encode("return np.sqrt(2)"))
        with pytest.raises(CodeRefused, match="np"):
            await world.begin()
        assert not world.context.network.commands
        assert world.context.sandboxes[0].exited.done()
        assert not world.context.network.listeners

    in_no_time(main)


def test_what_workers_ask_for_need_not_be_granted_to_the_main_node(in_no_time, world_for) -> None:
    async def main() -> None:
        asked = {"modules": ["pandas"]}
        code = "import pandas\nreturn [plugin.cfg_job_id]"
        world = world_for(
            CUSTOM_CODE_REMOTE_NODE=encode(code), NODE_PLUGIN_CONFIG={"GRANTS": asked}
        )
        last = await world.to_the_end()
        assert last["STATE"] == "FINISHED"
        begun = [
            each.body.instances[0].settings
            for each in world.context.network.commands
            if each.action is Action.UPDATE_PIPELINE
        ]
        assert [each["GRANTS"] for each in begun] == [asked, asked]

    in_no_time(main)


def test_code_of_workers_that_ask_for_nothing_is_checked_by_the_main_node(
    in_no_time, world_for
) -> None:
    async def main() -> None:
        code = encode("import pandas\nreturn [1]")
        world = world_for(CUSTOM_CODE_REMOTE_NODE=code, NODE_PLUGIN_CONFIG={"GRANTS": {}})
        with pytest.raises(CodeRefused, match="pandas"):
            await world.begin()

    in_no_time(main)


def test_code_that_is_not_packed_is_told(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(**{PROCESS: "return 1 + 1"})
        with pytest.raises(CodeError, match="base64"):
            await world.begin()

    in_no_time(main)
