"""The node's end of a worker's channel: frames come whole, in order, and only when asked for."""

import asyncio
import contextlib
import fcntl
import os
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_node.sandbox import frames, worker_channel
from pye2_node.sandbox.channel_ends import open_channel
from pye2_node.sandbox.worker_channel import ChannelClosed, WorkerChannel

LARGE = b"x" * (3 * 1024 * 1024)


@contextlib.asynccontextmanager
async def a_channel():
    """The channel of a node, and the worker's end of it, which does not block here."""
    ours, theirs = open_channel()
    for each in (theirs.reading, theirs.writing):
        os.set_blocking(each, False)
    channel = WorkerChannel(ours)
    try:
        yield channel, theirs
    finally:
        channel.close()
        theirs.close()


async def send(theirs, data):
    unsent = memoryview(data)
    while unsent:
        try:
            unsent = unsent[os.write(theirs.writing, unsent) :]
        except BlockingIOError:
            await asyncio.sleep(0)


async def receive(theirs, size):
    data = bytearray()
    while len(data) < size:
        try:
            data += os.read(theirs.reading, size - len(data))
        except BlockingIOError:
            await asyncio.sleep(0)
    return bytes(data)


async def turns(number=3):
    """Let the loop look at what there is to do."""
    for _ in range(number):
        await asyncio.sleep(0)


def packed(body):
    return frames.HEADER.pack(len(body)) + body


@given(
    bodies=st.lists(st.binary(max_size=40), max_size=8),
    cuts=st.lists(st.integers(1, 60), max_size=20),
)
def test_frames_come_whole_and_in_order_however_they_were_cut(bodies, cuts):
    async def run():
        data = b"".join(map(packed, bodies))
        async with a_channel() as (channel, theirs):
            sending = asyncio.create_task(send_in_pieces(theirs, data, cuts))
            received = [bytes(await channel.next_body()) for _ in bodies]
            await sending
        return received

    assert asyncio.run(run()) == bodies


async def send_in_pieces(theirs, data, cuts):
    for size in cuts:
        os.write(theirs.writing, data[:size])
        data = data[size:]
        await turns()
    os.write(theirs.writing, data)


def test_a_frame_larger_than_what_is_read_at_once_comes_whole_and_so_does_the_next():
    async def run():
        async with a_channel() as (channel, theirs):
            sending = asyncio.create_task(send(theirs, packed(LARGE) + packed(b"next")))
            received = await channel.next_body(), await channel.next_body()
            await sending
        return received

    assert asyncio.run(run()) == (LARGE, b"next")


def test_a_body_that_comes_byte_by_byte_gathers_before_more_of_it_is_read(monkeypatch):
    monkeypatch.setattr(worker_channel, "_GATHERING", 3600)

    async def run():
        async with a_channel() as (channel, theirs):
            waiting = asyncio.create_task(channel.next_body())
            await send_in_pieces(theirs, packed(b"x" * 1000), [5] + [1] * 500)
            await turns()
            gathered = fcntl.ioctl(channel._channel.reading, termios.FIONREAD, b"\0" * 4)
            waiting.cancel()
            await asyncio.wait({waiting})
        return int.from_bytes(gathered, sys.byteorder)

    assert asyncio.run(run()) > 900


def test_a_body_that_comes_byte_by_byte_comes_whole_and_so_does_the_next():
    async def run():
        async with a_channel() as (channel, theirs):
            data = packed(bytes(range(256))) + packed(b"next")
            sending = asyncio.create_task(send_in_pieces(theirs, data, [1] * (len(data) - 1)))
            received = [bytes(await channel.next_body()) for _ in range(2)]
            await sending
        return received

    assert asyncio.run(run()) == [bytes(range(256)), b"next"]


def test_what_was_sent_before_the_end_is_still_read():
    async def run():
        async with a_channel() as (channel, theirs):
            os.write(theirs.writing, packed(b"last") + packed(b"cut off")[:-1])
            theirs.close()
            received = await channel.next_body()
            with pytest.raises(ChannelClosed):
                await channel.next_body()
        return received

    assert asyncio.run(run()) == b"last"


def test_the_end_is_told_to_who_waits_inside_of_a_large_frame():
    async def run():
        async with a_channel() as (channel, theirs):
            waiting = asyncio.create_task(channel.next_body())
            await send(theirs, packed(LARGE)[:100_000])
            theirs.close()
            with pytest.raises(ChannelClosed):
                await waiting

    asyncio.run(run())


def test_a_header_of_too_large_a_frame_is_refused_before_its_body_comes():
    async def run():
        async with a_channel() as (channel, theirs):
            os.write(theirs.writing, frames.HEADER.pack(frames.MAX_FRAME + 1))
            with pytest.raises(frames.FrameTooLarge):
                await channel.next_body()

    asyncio.run(run())


def test_nothing_is_read_while_nobody_asks():
    async def run():
        async with a_channel() as (channel, theirs):
            os.write(theirs.writing, packed(b"first"))
            await channel.next_body()
            flood = asyncio.create_task(send(theirs, packed(LARGE)))
            await turns(50)
            is_held_up = not flood.done()
            received = await channel.next_body()
            await flood
        return is_held_up, received

    assert asyncio.run(run()) == (True, LARGE)


def test_the_loop_rests_while_something_has_come_that_nobody_asks_for():
    async def run():
        loop = asyncio.get_running_loop()
        async with a_channel() as (channel, theirs):
            waiting = asyncio.create_task(channel.next_body())
            await turns()
            os.write(theirs.writing, packed(b"first") + packed(b"second"))
            await waiting
            os.write(theirs.writing, packed(b"third"))
            await turns()
            return loop.remove_reader(channel._channel.reading)

    assert asyncio.run(run()) is False


def test_a_task_that_waits_can_be_cancelled_and_another_wait_then():
    async def run():
        async with a_channel() as (channel, theirs):
            waiting = asyncio.create_task(channel.next_body())
            await turns()
            waiting.cancel()
            await asyncio.wait({waiting})
            os.write(theirs.writing, packed(b"later"))
            return waiting.cancelled(), await channel.next_body()

    assert asyncio.run(run()) == (True, b"later")


def test_a_wait_ends_with_its_time_limit():
    async def run():
        async with a_channel() as (channel, _):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await channel.next_body()

    asyncio.run(run())


def test_what_a_worker_does_not_read_waits_and_arrives_in_order():
    async def run():
        async with a_channel() as (channel, theirs):
            channel.write(packed(LARGE))
            channel.write(packed(b"after"))
            all_sent = channel.all_sent
            is_held_up = not all_sent.done()
            received = await receive(theirs, len(packed(LARGE) + packed(b"after")))
            await all_sent
        return is_held_up, received, channel.all_sent

    assert asyncio.run(run()) == (True, packed(LARGE) + packed(b"after"), None)


def test_what_fits_is_sent_at_once():
    async def run():
        async with a_channel() as (channel, theirs):
            channel.write(packed(b"answer"))
            return channel.all_sent, os.read(theirs.reading, 100)

    assert asyncio.run(run()) == (None, packed(b"answer"))


def test_who_waits_for_a_worker_to_read_goes_on_when_it_is_gone():
    async def run():
        async with a_channel() as (channel, theirs):
            channel.write(packed(LARGE))
            all_sent = channel.all_sent
            theirs.close()
            await all_sent

    asyncio.run(run())


def test_who_waits_for_a_worker_to_read_goes_on_when_the_channel_is_closed():
    async def run():
        async with a_channel() as (channel, _):
            channel.write(packed(LARGE))
            all_sent = channel.all_sent
            channel.close()
            await all_sent
            channel.write(packed(b"to nobody"))

    asyncio.run(run())


def test_a_frame_in_several_pieces_arrives_as_one_however_slowly_it_is_read():
    async def run():
        async with a_channel() as (channel, theirs):
            pieces = [b"head", memoryview(LARGE), b"", memoryview(LARGE)[1:], b"tail"]
            channel.write(*pieces)
            channel.write(b"next")
            whole = b"".join(pieces) + b"next"
            assert await receive(theirs, len(whole)) == whole
            await turns()
            assert channel.all_sent is None

    asyncio.run(run())
