"""A TCP connection that passes through here, so that a test can cut it.

Nothing here knows what passes.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Cable:
    """Passes connections on to a port of 127.0.0.1.

    Args:
        to_port: where they go.

    Attributes:
        port: where they come.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._is_used = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def wait_until_used(self, timeout: float) -> None:
        """Wait until somebody has connected.

        Raises:
            TimeoutError: nobody has within ``timeout`` seconds.
        """
        if not self._is_used.wait(timeout):
            raise TimeoutError(f"nobody has connected to port {self.port} within {timeout:g} s")

    def cut(self) -> None:
        """Lose what is connected; new connections can be made."""
        with self._lock:
            ends, self._ends = self._ends, []
        for end in ends:
            _shut(end)

    def remove(self) -> None:
        """Cut it for good."""
        _shut(self._listener)
        self._threads[0].join()
        self.cut()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to_port))
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._ends += [near, far]
            self._is_used.set()
            passing = threading.Thread(target=_pass_both, args=(near, far), daemon=True)
            self._threads.append(passing)
            passing.start()


def _pass_both(near: socket.socket, far: socket.socket) -> None:
    back = threading.Thread(target=_pass, args=(far, near), daemon=True)
    back.start()
    _pass(near, far)
    back.join()
    near.close()
    far.close()


def _pass(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        pass  # cut
    finally:
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # it may be shut already
        end.shutdown(socket.SHUT_RDWR)
