"""Bytes between a runner and its part in a confined worker, for real."""

import asyncio
import json
import weakref
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_node.sandbox import SandboxLimits, SandboxPool, exchanges, frames
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2core.errors import CallTimedOut, CodeError, SandboxDied

TIMEOUT = 30
PART = "pye2_testing.code_in_sandbox:CodeInSandbox"
MEGABYTE = 1024 * 1024


class Owner:
    """Hears what a worker says."""

    def __init__(self):
        self.limits = []

    async def on_log(self, text):
        pass

    async def on_limit(self, name, value):
        self.limits.append(name)


SHARED = {}
"""Pools and the loop that they are on: a zygote's start is most of the time of a test."""


@pytest.fixture(scope="module", autouse=True)
def _shared():
    with asyncio.Runner() as runner:
        SHARED["runner"] = runner
        yield
        for pool in SHARED.pop("pools", {}).values():
            runner.run(pool.stop())


def in_worker(scenario, *, limits=None):
    """Run ``scenario(worker)`` with a worker of its own."""

    async def run():
        pools = SHARED.setdefault("pools", {})
        if limits not in pools:
            pools[limits] = SandboxPool(limits, modules=[PART.partition(":")[0]])
        worker = await pools[limits].spawn(Owner(), in_sandbox=PART)
        try:
            return await scenario(worker)
        finally:
            await worker.stop(grace=0)

    return SHARED["runner"].run(run())


def exchange(source, *, on_output=None, on_item=None, timeout=TIMEOUT, **environment):
    """Run code in a worker of its own."""

    async def scenario(worker):
        return await worker.exchange(
            source.encode(), timeout=timeout, on_output=on_output, on_item=on_item
        )

    return in_worker(scenario, **environment)


def test_the_part_in_the_sandbox_answers_bytes_with_bytes():
    assert exchange("return b'answer'") == b"answer"


def test_what_is_said_in_several_buffers_arrives_as_one():
    async def scenario(worker):
        said = [b"return rest\0", memoryview(b"ab"), b"", bytearray(b"c" * exchanges.PIECE)]
        return await worker.exchange(*said, timeout=TIMEOUT)

    assert in_worker(scenario) == b"ab" + b"c" * exchanges.PIECE


def test_a_large_answer_is_kept_by_nobody_but_who_asked_for_it():
    async def scenario(worker):
        answer = await worker.exchange(f"return b'x' * {MEGABYTE}".encode(), timeout=TIMEOUT)
        known = weakref.ref(answer)
        del answer
        await asyncio.sleep(0)  # the loop still has what woke this up
        return known()

    assert in_worker(scenario) is None


class Heard(list):
    """What was printed."""

    def __call__(self, text):
        self.append(text)


def test_nothing_is_kept_for_an_exchange_that_is_over():
    async def scenario(worker):
        heard = Heard()
        known = weakref.ref(heard)
        await worker.exchange(b"print('x')\nreturn b''", timeout=TIMEOUT, on_output=heard)
        printed = [*heard]
        del heard
        return printed, known()

    assert in_worker(scenario) == (["x\n"], None)


def test_a_worker_keeps_what_exchanges_before_left_there():
    async def scenario(worker):
        await worker.exchange(b"plugin.obj_cache['x'] = 7\nreturn b''", timeout=TIMEOUT)
        return await worker.exchange(b"return b'%d' % plugin.obj_cache['x']", timeout=TIMEOUT)

    assert in_worker(scenario) == b"7"


@pytest.mark.parametrize("size", [0, 1, exchanges.PIECE, exchanges.PIECE + 1, 9 * MEGABYTE])
def test_answers_of_any_size_arrive_whole(size):
    answer = exchange(f"return b'ab' * {size // 2} + b'c' * {size % 2}")

    assert answer == b"ab" * (size // 2) + b"c" * (size % 2)


def test_a_large_request_arrives_whole():
    rest = bytes(range(256)) * (2 * exchanges.PIECE // 256) + b"x"

    async def scenario(worker):
        return await worker.exchange(b"return rest\0" + rest, timeout=TIMEOUT)

    assert in_worker(scenario) == rest


def test_items_come_in_order_and_before_the_answer():
    heard = []

    async def on_item(data):
        heard.append(data)

    source = "for number in range(3):\n    send_item(b'%d' % number)\nreturn b'end'"

    heard.append(exchange(source, on_item=on_item))

    assert heard == [b"0", b"1", b"2", b"end"]


def test_a_large_item_arrives_whole():
    heard = []

    async def on_item(data):
        heard.append(data)

    exchange(f"send_item(b'xy' * {exchanges.PIECE})\nreturn b''", on_item=on_item)

    assert heard == [b"xy" * exchanges.PIECE]


def test_an_item_handler_that_fails_costs_nothing_but_its_item():
    async def on_item(data):
        raise RuntimeError("not today")

    assert exchange("send_item(b'1')\nreturn b'end'", on_item=on_item) == b"end"


def test_what_is_printed_is_told_as_it_is_printed():
    heard = []

    exchange("print('a')\nprint('b')\nreturn b''", on_output=heard.append)

    assert "".join(heard) == "a\nb\n"


def test_an_exception_is_described_by_the_lines_of_the_code_that_was_sent():
    source = "def fails():\n    return 1 / 0\nfails()\nreturn b''"

    told = json.loads(bytes(exchange(source)))

    assert told["type"] == "ZeroDivisionError"
    assert told["frames"] == [[3, "code"], [2, "fails"]]
    assert "exchange_host" not in told["traceback"]
    assert "return 1 / 0" in told["traceback"]


def test_code_that_is_refused_says_why():
    told = json.loads(bytes(exchange("import os\nreturn b''")))

    assert told["type"] == "ValueError"
    assert "os" in told["message"]


def test_an_exchange_that_takes_too_long_ends_the_worker():
    with pytest.raises(CallTimedOut) as caught:
        exchange("while True:\n    pass", timeout=0.3)

    assert caught.value.seconds == 0.3


def test_a_worker_that_ends_in_an_exchange_is_reported():
    with pytest.raises(SandboxDied, match="own code failed"):
        exchange("return 5")


def test_an_answer_that_is_too_large_ends_the_worker():
    limits = SandboxLimits(worker=WorkerLimits(exchange=MEGABYTE))

    with pytest.raises(SandboxDied, match=f"more than {MEGABYTE} bytes"):
        exchange(f"return b'x' * {2 * MEGABYTE}", limits=limits)


def test_an_item_that_is_too_large_is_refused_in_the_worker():
    limits = SandboxLimits(worker=WorkerLimits(exchange=MEGABYTE))

    told = json.loads(bytes(exchange(f"send_item(b'x' * {2 * MEGABYTE})", limits=limits)))

    assert told["type"] == "ValueError"
    assert str(MEGABYTE) in told["message"]


def test_a_request_that_is_too_large_is_not_sent():
    limits = SandboxLimits(worker=WorkerLimits(exchange=1000))

    async def scenario(worker):
        with pytest.raises(CodeError, match="1001 bytes"):
            await worker.exchange(bytes(1001), timeout=TIMEOUT)
        return await worker.exchange(b"return b'well'", timeout=TIMEOUT)

    assert in_worker(scenario, limits=limits) == b"well"


def test_a_module_that_cannot_be_loaded_costs_only_its_own_signature():
    async def run():
        pool = SandboxPool(modules=["pye2_testing.no_such_module"])
        try:
            broken = await pool.spawn(Owner(), in_sandbox="pye2_testing.no_such_module:Part")
            with pytest.raises(SandboxDied):
                await broken.exchange(b"", timeout=TIMEOUT)
            return await pool.spawn(Owner())
        finally:
            await pool.stop()

    assert asyncio.run(run()) is not None


# --- pieces ---------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50)), st.integers(1, 40), st.integers(0, 40))
def test_bytes_are_put_together_as_they_were_however_they_lie(buffers, piece, small):
    data = b"".join(buffers)
    pieces = exchanges.Pieces(len(data))
    with patch.multiple(exchanges, PIECE=piece, _SMALL=small):
        packed = [b"".join(each) for each in exchanges.packed({"p": 1}, {"last": 1}, buffers)]
    *first, last = [frames.decode(each[frames.HEADER.size :]) for each in packed]

    for each in first:
        assert each["p"] == 1
        assert len(each["data"]) == piece
        pieces.add(each["data"])

    assert last["last"] == 1
    assert pieces.end(last["data"]) == data


def test_large_bytes_are_sent_from_where_they_lie():
    large = bytearray(exchanges.PIECE + 1)

    *_, piece = [frame[1] for frame in exchanges.packed({}, {}, [large])]

    assert piece.obj is large


def test_pieces_of_too_many_bytes_are_refused():
    pieces = exchanges.Pieces(10)
    pieces.add(bytes(6))

    with pytest.raises(frames.FrameError, match="more than 10 bytes"):
        pieces.end(bytes(5))
