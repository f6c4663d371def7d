"""The worker's end of its channel to the node.

The node sends requests, one at a time, and the worker answers each. While it works on one, foreign
code may tell the node something or ask it something, from any thread.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from pye2_node.sandbox import frames

if TYPE_CHECKING:
    import socket


class LinkBroken(Exception):
    """The node is gone, or sent what no node sends: this worker has nothing more to do."""


class NodeLink:
    """Frames to and from the node."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._incoming = channel.makefile("rb")
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        self._put_off: deque[dict[str, Any]] = deque()

    def close(self) -> None:
        """Give the channel back."""
        self._incoming.close()
        self._channel.close()

    def has_request(self) -> bool:
        """Whether the node has sent something that was not read yet."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        return bool(poll.poll(0))

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

    def ask(self, what: str, **fields: Any) -> dict[str, Any]:
        """Send a question and wait for its answer.

        Raises:
            frames.FrameTooLarge: it is larger than a frame may be.
            LinkBroken: see there.
        """
        with self._asking:
            self.tell(what, **fields)
            while (frame := self._receive()).get("do") != "answer":
                self._put_off.append(frame)
            return frame

    def send(self, packed: bytes) -> None:
        """Send a frame that is packed already.

        Raises:
            LinkBroken: see there.
        """
        with self._sending:
            try:
                self._channel.sendall(packed)
            except OSError as error:
                raise LinkBroken(str(error)) from None

    def _receive(self) -> dict[str, Any]:
        try:
            size = frames.body_size(self._read(frames.HEADER.size))
            return frames.decode(self._read(size))
        except (frames.FrameError, OSError) as error:
            raise LinkBroken(str(error)) from None

    def _read(self, size: int) -> bytes:
        data = self._incoming.read(size)
        if len(data) < size:
            raise LinkBroken("the node closed the channel")
        return data
