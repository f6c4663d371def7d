"""The worker's end of its channel to the node.

The node sends requests, one at a time, and the worker answers each. While it works on one, foreign
code may tell the node something or ask it something, from any thread.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox import frames

if TYPE_CHECKING:
    from pye2_node.sandbox.channel_ends import ChannelEnd


_AT_ONCE: Final = 448
"""Bytes that are read at once: more than most answers have, and a size that Python has at hand."""


class LinkBroken(Exception):
    """The node is gone, or sent what no node sends: this worker has nothing more to do."""


class NodeLink:
    """Frames to and from the node."""

    def __init__(self, channel: ChannelEnd) -> None:
        self._channel = channel
        self._unread = b""
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        self._put_off: deque[dict[str, Any]] = deque()

    def has_request(self) -> bool:
        """Whether the node has sent something that was not read yet."""
        poll = select.poll()
        poll.register(self._channel.reading, select.POLLIN)
        return bool(self._unread or poll.poll(0))

    def next_request(self) -> dict[str, Any] | None:
        """Wait for the node's next request; None when it wants this worker to end.

        Raises:
            LinkBroken: see there.
        """
        frame = self._put_off.popleft() if self._put_off else self._receive()
        return None if frame.get("do") == "stop" else frame

    def tell(self, what: str, **fields: Any) -> None:
        """Send an event or an answer.

        Raises:
            TypeError, ValueError: a field cannot be carried as JSON.
            frames.FrameTooLarge: it is larger than a frame may be.
            LinkBroken: see there.
        """
        self.send(frames.encode({"did": what, **fields}))

    def ask(self, question: bytes) -> dict[str, Any]:
        """Send a question, packed already, and wait for its answer.

        Raises:
            LinkBroken: see there.
        """
        with self._asking:
            self.send(question)
            while (frame := self._receive()).get("do") != "answer":
                self._put_off.append(frame)
            return frame

    def send(self, *packed: bytes | memoryview) -> None:
        """Send a frame that is packed already, whole or in several pieces.

        Raises:
            LinkBroken: see there.
        """
        with self._sending:
            try:
                for each in packed:
                    sent = os.write(self._channel.writing, each)
                    while sent < len(each):
                        sent += os.write(self._channel.writing, memoryview(each)[sent:])
            except OSError as error:
                raise LinkBroken(str(error)) from None

    def _receive(self) -> dict[str, Any]:
        try:
            return frames.decode(self._next_body())
        except (frames.FrameError, OSError) as error:
            raise LinkBroken(str(error)) from None

    def _next_body(self) -> bytes | bytearray:
        start = frames.HEADER.size
        data = self._unread or os.read(self._channel.reading, _AT_ONCE)
        if len(data) < start:
            data = bytes(self._read_after(data, start))
        end = start + frames.body_size(data)
        self._unread = data[end:]
        if len(data) < end:
            return self._read_after(data[start:], end - start)
        return data[start:end]

    def _read_after(self, begun: bytes, size: int) -> bytearray:
        """So many bytes, of which these are there; what is large is kept only once."""
        data = bytearray(size)
        data[: len(begun)] = begun
        room = memoryview(data)[len(begun) :]
        while room:
            taken = os.readv(self._channel.reading, [room])
            if taken == 0:
                raise LinkBroken("the node closed the channel")
            room = room[taken:]
        return data
