"""A job whose instance is stopped, or whose node dies: what goes on, and what is kept."""

from __future__ import annotations

import asyncio

from pye2core.code import encode
from pye2core.errors import NodeError
from pye2core.messages import Action

FINISH = "CUSTOM_CODE_FINISH_CONDITION"


def test_stopping_the_instance_ends_the_workers(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        await world.begin()
        await world.payload(lambda fields: fields["DATA_COUNT"] > 20)
        assert world.context.network.running == {"job_w_0", "job_w_1"}
        await world.stop()
        assert not world.context.network.running

    in_no_time(main)


def test_a_job_that_was_stopped_is_begun_again_with_new_workers(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        await world.begin()
        await world.payload(lambda fields: fields["DATA_COUNT"] > 20)
        await world.stop()
        last = await world.to_the_end()
        assert last["DATA"] == list(range(200))
        actions = [each.action for each in world.context.network.commands]
        assert actions.count(Action.UPDATE_PIPELINE) == 4

    in_no_time(main)


def test_after_a_crash_a_job_goes_on_with_the_workers_that_it_has(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for(**{FINISH: encode("return sum(map(len, collected_data.values())) > 100")})

        async def wait(node, command, config) -> None:
            node.send(command, config.name, {"DATA": [1] * 40, "EXEC_RUN": "r", "EXEC_SEQ": 1})
            await world.again.wait()
            node.send(command, config.name, {"DATA": [2] * 40, "EXEC_RUN": "r", "EXEC_SEQ": 2})

        world.again = asyncio.Event()
        for node in world.nodes:
            node.work = lambda command, config, node=node: wait(node, command, config)
        await world.begin()
        await world.payload(lambda fields: fields["DATA_COUNT"] == 80)
        await asyncio.sleep(5)
        await world.crash()
        await world.begin()
        world.again.set()
        await world.work
        data = world.context.last["DATA"]
        assert data.count(1) == 80
        deploys = [each for each in world.context.network.commands if each.target]
        assert [each.action for each in deploys].count(Action.UPDATE_PIPELINE) == 2
        await world.runner.stop()

    in_no_time(main)


def test_a_job_that_has_ended_repeats_its_last_payload_and_begins_nothing(
    in_no_time, world_for
) -> None:
    async def main() -> None:
        world = world_for()
        last = await world.to_the_end()
        sent = len(world.context.network.commands)
        assert await world.to_the_end() == last
        assert len(world.context.network.commands) == sent

    in_no_time(main)


def test_the_last_payload_is_kept_before_it_is_sent(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        kept = []

        def look(fields) -> bool:
            if fields["PROGRESS"] == 100:
                kept.append(b'"last_payload":{"PROGRESS":100' in world.context.state)
            return False

        world.context.too_large = look
        await world.to_the_end()
        assert kept == [True]

    in_no_time(main)


def test_an_earlier_state_never_replaces_the_last_one(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        last = b'"last_payload":{"PROGRESS":100'
        world.context.saving = lambda state: 0.0 if last in state else 2.0
        await world.begin()
        await world.payload(lambda fields: fields["DATA_COUNT"])
        for node in world.nodes:
            node.is_up = False  # so that the job waits for the end of its workers
        await world.payload(lambda fields: fields["PROGRESS"] == 100)
        await asyncio.sleep(5)
        assert last in world.context.state
        await world.stop()

    in_no_time(main)


def test_the_sandbox_ends_with_the_last_payload_whatever_else_is_waited_for(
    in_no_time, world_for
) -> None:
    async def main() -> None:
        world = world_for()
        await world.begin()
        await world.payload(lambda fields: fields["DATA_COUNT"])
        for node in world.nodes:
            node.is_up = False  # so that nobody confirms the end of a worker
        await world.payload(lambda fields: fields["PROGRESS"] == 100)
        await asyncio.wait_for(world.context.sandboxes[-1].exited, 1)
        assert not world.work.done()
        await world.stop()

    in_no_time(main)


def test_only_what_may_be_about_its_workers_is_listened_to(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        await world.begin()
        (listener,) = world.context.network.listeners
        assert listener.cares_about("job_w_0")
        assert not listener.cares_about("another")
        assert listener.cares_about(None)  # a node refuses a command without naming a pipeline
        await world.stop()

    in_no_time(main)


def test_what_workers_say_while_the_functions_are_compiled_is_heard(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        heard_while_opening = []
        open_sandbox = world.context.open_sandbox

        async def look() -> object:
            heard_while_opening.append(len(world.context.network.listeners))
            return await open_sandbox()

        world.context.open_sandbox = look
        await world.to_the_end()
        assert heard_while_opening == [1]
        assert not world.context.network.listeners

    in_no_time(main)


def test_a_job_whose_state_cannot_be_kept_goes_on_and_says_so_once(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()

        async def refuse(state: bytes) -> None:
            raise NodeError("the disk is full")

        world.context.save = refuse
        last = await world.to_the_end()
        assert last["DATA"] == list(range(200))
        told = [text for _, text, _ in world.context.notified if "the disk is full" in text]
        assert len(told) == 1

    in_no_time(main)


def test_other_settings_begin_another_job(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        await world.to_the_end()
        world.context.settings["NR_REMOTE_NODES"] = 1
        last = await world.to_the_end()
        assert last["DATA"] == list(range(100))

    in_no_time(main)


def test_state_that_cannot_be_read_begins_the_job_anew(in_no_time, world_for) -> None:
    async def main() -> None:
        world = world_for()
        world.context.state = b"\x00 damaged"
        last = await world.to_the_end()
        assert last["DATA"] == list(range(200))

    in_no_time(main)
