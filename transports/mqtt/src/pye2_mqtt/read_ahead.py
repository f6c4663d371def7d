"""A socket that reads ahead, for paho, which asks for a packet's first bytes one at a time.

Nothing here knows MQTT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_AT_ONCE = 64 * 1024
"""Bytes that are asked for; who wants more is given them without a copy."""


class ReadAhead:
    """Takes what has arrived in one call to the system, and gives it out in whatever pieces.

    Without it a small packet costs four such calls, and each lets other threads in.

    Args:
        connected: a connected socket; what is not here is asked of it.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._ahead = b""
        self._given = 0

    @property
    def has_more(self) -> bool:
        """Whether there are bytes that no selector sees: read ahead, or decrypted by TLS."""
        if self._given < len(self._ahead):
            return True
        pending = getattr(self._socket, "pending", None)
        return pending is not None and pending() > 0

    def recv(self, buffer_size: int) -> bytes:
        """At most ``buffer_size`` bytes; none if the other side has ended the connection.

        Raises:
            OSError: as the socket's own ``recv``; ``BlockingIOError`` if there is nothing yet.
        """
        if self._given == len(self._ahead):
            if buffer_size >= _AT_ONCE:
                return self._socket.recv(buffer_size)
            self._ahead = self._socket.recv(_AT_ONCE)
            self._given = 0
        start, self._given = self._given, min(self._given + buffer_size, len(self._ahead))
        return self._ahead[start : self._given]

    def send(self, buffer: bytes | bytearray) -> int:
        """As the socket's own."""
        return self._socket.send(buffer)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """As the socket's own."""
        self._socket.setsockopt(level, option, value)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the socket's own signature
        """As the socket's own."""
        self._socket.setblocking(flag)

    def fileno(self) -> int:
        """As the socket's own."""
        return self._socket.fileno()

    def close(self) -> None:
        """As the socket's own."""
        self._socket.close()
