"""The node's end of the channel to one worker: bodies of frames come in, packed frames go out.

Code in the worker waits while the node takes in what it asks, so nothing stands between the event
loop and the task that listens: asyncio's streams would look at what came once for a frame's header
and once for its body, each time in a turn of the loop of its own.

Neither side can have the other keep much: nothing is read before it is asked for, and who answers
can wait until the worker has read the answer.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context

    from pye2_node.sandbox.channel_ends import ChannelEnd

_AT_ONCE: Final = 64 * 1024
"""Bytes that are read at once."""

_LITTLE: Final = 512
"""Fewer bytes than this are little for one read inside of a frame: writers bring pages."""

_OFTEN_LITTLE: Final = 64
"""How often that may be in one frame before the node lets more gather."""

_GATHERING: Final = 0.005
"""Seconds that it then waits before it reads on."""


class ChannelClosed(Exception):
    """The worker's end is closed: nothing more will come, at most a part of a frame."""


class WorkerChannel:
    """One worker's channel. One task at a time may wait for frames.

    Attributes:
        all_sent: done when nothing waits here for the worker to read it; None if nothing does.
    """

    def __init__(self, channel: ChannelEnd) -> None:
        """Take over the node's end of a channel, which does not block."""
        self._loop = asyncio.get_running_loop()
        self._channel = channel
        self._arrival = Arrival(channel.reading, self._loop)
        self._read = b""
        self._taken = 0
        self._unsent: deque[memoryview] = deque()
        self.all_sent: asyncio.Future[None] | None = None

    async def next_body(self) -> bytes | bytearray:
        """Wait for a frame; its body.

        Raises:
            ChannelClosed: see there.
            frames.FrameTooLarge: it is larger than a frame may be.
        """
        header = frames.HEADER.size
        while len(self._read) < self._taken + header:
            await self._arrival
            self._read = self._read[self._taken :] + self._receive()
            self._taken = 0
        start = self._taken + header
        end = start + frames.body_size(self._read, self._taken)
        body, self._taken = self._read[start:end], end
        missing = end - len(self._read)
        return await self._continue(body, missing) if missing > 0 else body

    def write(self, *packed: bytes | memoryview) -> None:
        """Send a frame, whole or in several pieces; what the worker does not read yet waits here.

        It waits where it lies: nobody is to change it.
        """
        for each in packed:
            sent = 0 if self._unsent else self._send(each)
            if sent < len(each):
                self._unsent.append(memoryview(each)[sent:])
        if self._unsent and self.all_sent is None:
            self.all_sent = self._loop.create_future()
            self._loop.add_writer(self._channel.writing, self._send_rest)

    def close(self) -> None:
        """Give the channel back; what was not sent yet is not sent any more."""
        self._arrival.ignore()
        self._forget_unsent()
        self._channel.close()

    # --- from and to the pipes --------------------------------------------------------------------

    async def _continue(self, begun: bytes, missing: int) -> bytearray:
        """A body that has begun, with the rest of it; it is kept only once.

        Whoever announces a large one has room made for it at once: no more than whoever sends all
        of one but its last byte. Whoever sends one byte by byte has no turn of the loop for each.
        """
        self._read, self._taken = b"", 0
        body = bytearray(len(begun) + missing)
        body[: len(begun)] = begun
        room = memoryview(body)[len(begun) :]
        often = 0
        while room:
            await self._arrival
            taken = self._receive_into(room)
            room = room[taken:]
            often += taken < _LITTLE
            if room and taken < _LITTLE and often > _OFTEN_LITTLE:
                await asyncio.sleep(_GATHERING)
        return body

    def _receive(self) -> bytes:
        """What has arrived; nothing if nothing has, after all."""
        try:
            data = os.read(self._channel.reading, _AT_ONCE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise ChannelClosed from error
        if not data:
            raise ChannelClosed
        return data

    def _receive_into(self, room: memoryview) -> int:
        """As :meth:`_receive`, where it is to lie; how many bytes it is."""
        try:
            taken = os.readv(self._channel.reading, [room])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ChannelClosed from error
        if not taken:
            raise ChannelClosed
        return taken

    def _send(self, data: bytes | memoryview) -> int:
        """How much could be sent: all, too, where nobody is there any more to read it."""
        try:
            return os.write(self._channel.writing, data)
        except BlockingIOError:
            return 0
        except OSError:  # who waits for frames learns of it
            return len(data)

    def _send_rest(self) -> None:
        while self._unsent:
            first = self._unsent.popleft()
            sent = self._send(first)
            if sent < len(first):
                self._unsent.appendleft(first[sent:])
                return
        self._forget_unsent()

    def _forget_unsent(self) -> None:
        self._unsent.clear()
        if self.all_sent is not None:
            self._loop.remove_writer(self._channel.writing)
            self.all_sent.set_result(None)
            self.all_sent = None


class Arrival:
    """Awaited by one task: goes on when something can be read from a descriptor.

    It is what asyncio calls future-like (see ``asyncio.isfuture``). A future would have its task go
    on in the loop's next turn, after another look at all descriptors; this does so in the same one.
    """

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        """Make it; the descriptor is looked at from the first wait on."""
        self._descriptor = descriptor
        self._loop = loop
        self._is_watched = False
        self._is_cancelled = False
        self._go_on: Callable[[Arrival], object] | None = None
        self._context: Context | None = None
        self._asyncio_future_blocking = False

    def __await__(self) -> Generator[Arrival, None, None]:
        """Wait."""
        if not self._is_watched:
            self._loop.add_reader(self._descriptor, self._come)
            self._is_watched = True
        self._asyncio_future_blocking = True
        yield self

    def ignore(self) -> None:
        """Do not look at the descriptor until somebody waits again."""
        if self._is_watched:
            self._loop.remove_reader(self._descriptor)
            self._is_watched = False

    def _come(self) -> None:
        go_on, self._go_on = self._go_on, None
        if go_on is None or self._context is None:  # the task is busy: what came can wait
            self.ignore()
        else:
            self._context.run(go_on, self)

    # --- what a task calls ------------------------------------------------------------------------

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop whose tasks may wait for this."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Arrival], object], *, context: Context) -> None:
        """Have the task go on by this."""
        self._go_on = callback
        self._context = context

    def result(self) -> None:
        """Nothing, or that the task was cancelled."""
        if self._is_cancelled:
            self._is_cancelled = False
            raise asyncio.CancelledError

    def cancel(self, msg: Any = None) -> bool:
        """Have the task go on with being cancelled."""
        del msg
        if self._go_on is None:
            return False
        self._is_cancelled = True
        self._loop.call_soon(self._come)
        return True
