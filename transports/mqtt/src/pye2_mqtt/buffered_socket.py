"""A socket with a buffer each way, for paho, which reads and writes packets piece by piece.

It asks for a packet's first bytes one at a time, and sends each packet by itself. Every such call
to the system lets other threads in, and every small segment may wake the broker. Nothing here knows
MQTT.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_AT_ONCE = 64 * 1024
"""Bytes that are read or written together; who has more gives or is given them without a copy."""

_AT_MOST = 256 * 1024
"""Bytes that are asked for together. Python makes room for all that is asked for, each time anew:
for the rest of a large packet that took three times as long as to read it."""

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class BufferedSocket:
    """Takes what has arrived in one call to the system, and gives it out in whatever pieces.

    What is sent waits for :meth:`flush`, which does it in one call.

    Args:
        connected: a connected socket that does not wait; what is not here is asked of it.

    Attributes:
        gathers: whether what is sent waits for :meth:`flush`; if not, it is the system's or refused
            at once.
        refusal: what TLS said when it ended the connection; None while it has not.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._ahead = b""
        self._given = 0
        self._unsent = bytearray()
        self.gathers = True
        self.refusal: ssl.SSLError | None = None

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
                return self._received(min(buffer_size, _AT_MOST))
            self._ahead = self._received(_AT_ONCE)
            self._given = 0
        start, self._given = self._given, min(self._given + buffer_size, len(self._ahead))
        return self._ahead[start : self._given]

    def _received(self, size: int) -> bytes:
        try:
            return self._socket.recv(size)
        except _NOT_NOW:
            raise
        except ssl.SSLError as error:
            self.refusal = error  # paho says only that the connection is lost
            raise

    @property
    def has_unsent(self) -> bool:
        """Whether something waits for :meth:`flush`."""
        return bool(self._unsent)

    def send(self, buffer: bytes | bytearray) -> int:
        """Send some of ``buffer``, after all that was sent before; how many bytes of it.

        Raises:
            OSError: as the socket's own ``send``; ``BlockingIOError`` if it takes nothing yet.
        """
        if self.gathers and len(self._unsent) + len(buffer) <= _AT_ONCE:
            self._unsent += buffer
            return len(buffer)
        self.flush()
        if self._unsent:
            raise BlockingIOError
        return self._socket.send(buffer)

    def flush(self) -> None:
        """Give the system what waits, or as much of it as it takes.

        Raises:
            OSError: as the socket's own ``send``, but not where it takes nothing yet.
        """
        with suppress(*_NOT_NOW):
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]

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
