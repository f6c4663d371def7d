"""Lets any thread wake one that waits in a selector.

Nothing here knows MQTT.
"""

from __future__ import annotations

import socket

_ALL = 4096
"""Bytes; more than there are threads that wake at one time."""


class Wake:
    """A pair of sockets; a byte through them ends the wait.

    A call of :meth:`wake` costs next to nothing while the other thread is at work: it sends a byte
    only between :meth:`arm` and :meth:`disarm`.
    """

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.settimeout(0)
        self._writer.settimeout(0)
        self._armed = False
        self._closed = False

    def arm(self) -> None:
        """Look for work only after this call, then wait: from now on :meth:`wake` ends the wait."""
        self._armed = True

    def wake(self) -> None:
        """End the wait, if the other thread waits or is about to; harmless after :meth:`close`."""
        if not self._armed or self._closed:
            return
        self._armed = False
        try:
            self._writer.send(b"w")
        except OSError:
            if not self._closed:
                raise

    def disarm(self, *, was_woken: bool) -> None:
        """The wait is over.

        Args:
            was_woken: whether ``reader`` has something to read.
        """
        self._armed = False
        if was_woken:
            self.reader.recv(_ALL)

    def close(self) -> None:
        """Give the sockets back."""
        self._closed = True
        self.reader.close()
        self._writer.close()
