"""What code logs and keeps: lines that are its own, files that nothing can stand in for."""

import asyncio
import logging
import os
from types import SimpleNamespace

import pytest

from pye2_node.budget import Budget
from pye2_node.code_events import CodeEvents
from pye2_node.sandbox.events import NotKept
from pye2_testing.jumping_time import JumpingLoop, LoopClock
from pye2core.messages import InstancePath


@pytest.fixture
def events(tmp_path):
    owner = SimpleNamespace(path=InstancePath("p", "S", "i"), folder=tmp_path, most_kept=10_000)
    owner.clock = LoopClock()
    owner.keeping = Budget(1_000, at_once=40_000, now=0.0)
    owner.limits = []
    owner.tell_limit = lambda *limit: owner.limits.append(limit)
    return CodeEvents(owner)


@pytest.fixture
def in_no_time():
    """Runs a coroutine on a loop whose time begins at 0 and jumps."""

    def run(scenario):
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(scenario)

    return run


def test_each_line_is_logged_as_one_of_the_instances(events, caplog):
    caplog.set_level(logging.INFO, "pye2_node.code")

    asyncio.run(events.on_log("a\tb\r\nneighbour:one: c\x0b\x85\u2028d\x1b[2K"))

    told = [record.getMessage() for record in caplog.records]
    assert told == ["p:i: a   b", "p:i: neighbour:one: c", "p:i: ", "p:i: ", "p:i: d?[2K"]


def test_what_is_kept_is_found_again(events):
    async def scenario():
        await events.on_cache_save("x", "one")
        await events.on_cache_save("x", "two")
        return await events.on_cache_load("x"), await events.on_cache_load("y")

    assert asyncio.run(scenario()) == ("two", None)


def test_no_link_is_followed_to_what_is_kept(events, tmp_path):
    (tmp_path / "cache").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "cache" / "x").symlink_to(secret)

    with pytest.raises(OSError, match="x"):
        asyncio.run(events.on_cache_load("x"))
    asyncio.run(events.on_cache_save("x", "mine"))

    assert secret.read_text() == "secret"
    assert (tmp_path / "cache" / "x").read_text() == "mine"
    assert not (tmp_path / "cache" / "x").is_symlink()


def test_a_folder_that_is_a_link_is_not_used(events, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="cache"):
        asyncio.run(events.on_cache_save("x", "mine"))

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_pipe_keeps_nobody_waiting(events, tmp_path):
    (tmp_path / "cache").mkdir()
    os.mkfifo(tmp_path / "cache" / "x")

    with pytest.raises(OSError, match="no file"):
        asyncio.run(events.on_cache_load("x"))
    asyncio.run(events.on_cache_save("x", "mine"))

    assert asyncio.run(events.on_cache_load("x")) == "mine"


@pytest.mark.parametrize("text", ["x" * 2_000, "€" * 800, ""])
def test_no_more_is_kept_than_an_instance_may_keep_in_all(events, text):
    async def scenario():
        await events.on_cache_save("a", text)
        await events.on_cache_save("b", text)
        await events.on_cache_save("b", text)
        await events.on_cache_save("c", text)

    with pytest.raises(NotKept, match="10000 bytes"):
        asyncio.run(scenario())
    assert events._owner.limits == [("disk", 10_000)]
    assert asyncio.run(events.on_cache_load("c")) is None


def test_who_keeps_the_same_again_and_again_has_to_wait_and_is_told(events, in_no_time):
    async def scenario():
        for _ in range(12):
            await events.on_cache_save("x", "y" * 5_000)
        return asyncio.get_running_loop().time()

    assert in_no_time(scenario()) == pytest.approx(15.0)
    assert set(events._owner.limits) == {("kept_rate", 1_000)}


def test_small_texts_count_as_what_a_file_takes(events, in_no_time):
    async def scenario():
        for _ in range(12):
            await events.on_cache_save("x", "")
        return asyncio.get_running_loop().time()

    assert in_no_time(scenario()) == pytest.approx(11 * 4.096 - 40)
