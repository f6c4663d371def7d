"""Lets any thread wake one that waits in a selector.

Nothing here knows MQTT.
"""

from __future__ import annotations

import socket


class Wake:
    """A pair of sockets; a byte through them ends the wait.

    Many calls of :meth:`wake` between two of :meth:`clear` send a single byte.
    """

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.settimeout(0)
        self._writer.settimeout(0)
        self._awake = False
        self._closed = False

    def wake(self) -> None:
        """End the wait, or the next one; harmless after :meth:`close`."""
        if self._awake or self._closed:
            return
        self._awake = True
        try:
            self._writer.send(b"w")
        except OSError:
            if not self._closed:
                raise

    def clear(self) -> None:
        """Wait again from now on; look for work only after this call."""
        try:
            self.reader.recv(16)
        except BlockingIOError:
            return
        self._awake = False

    def close(self) -> None:
        """Give the sockets back."""
        self._closed = True
        self.reader.close()
        self._writer.close()
