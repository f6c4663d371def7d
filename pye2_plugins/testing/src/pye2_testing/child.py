"""Runs a server program as a child, for tests: until it is ready, and to its end.

What is the same for all programs; ``private_server`` has what is the same for brokers.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def find_program(name: str, *more_folders: str) -> str | None:
    """The path of a program; system folders count, which a user's PATH may lack.

    Args:
        name: what it is called.
        more_folders: where to look first.
    """
    usual = os.environ.get("PATH", os.defpath)
    return shutil.which(name, path=os.pathsep.join((*more_folders, usual, *_SYSTEM_FOLDERS)))


_PORTS = (15_000, 32_000)
_random = random.SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 where nothing listens at this moment.

    It is none of those that systems give to outgoing connections: a broker that starts slowly, or
    again, would find it taken.
    """
    while True:
        port = _random.randrange(*_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Child:
    """A program that was started.

    Args:
        command: the program and its arguments.
        is_ready: whether a line of what it says means that it is ready.
        environment: its variables; None for ours.
        folder: where it runs; None for where we do.
    """

    def __init__(
        self,
        command: Sequence[str],
        is_ready: Callable[[bytes], bool],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._is_ready = is_ready
        self._said: Future[str | None] = Future()
        self._process = subprocess.Popen(  # noqa: S603 - the system's own program
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def failure(self, timeout: float) -> str | None:
        """Wait until it is ready; what it said if it is not, and then it is ended.

        Args:
            timeout: seconds that it may take.
        """
        try:
            output = self._said.result(timeout)
        except TimeoutError:
            output = f"no answer within {timeout:g} s"
        if output is not None:
            self.end([signal.SIGKILL])
        return output

    def end(self, signals: Sequence[signal.Signals], patience: float = 2.0) -> None:
        """Send one signal after the other until it has ended.

        Args:
            signals: the last of them leaves it no choice.
            patience: seconds from one to the next.
        """
        for one in signals:
            self._process.send_signal(one)
            self._reader.join(patience)
            if not self._reader.is_alive():
                break
        self._reader.join()
        self._process.wait()

    def _read(self) -> None:
        """Follow what it says to its end; the first news is that it runs, or why it does not."""
        lines = []
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                if self._said.done():
                    continue
                lines.append(line)
                if self._is_ready(line.rstrip()):
                    self._said.set_result(None)
        if not self._said.done():
            self._said.set_result(b"".join(lines).decode(errors="replace"))
