"""The server's process, and the one thread of ours that starts it, reads its log and sees its end.

The thread lives as long as the process: Linux sends the signal of a parent's death when the
*thread* that forked ends, and this one ends with nothing but the process or with all of us.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from attrs import frozen

from pye2_broker.errors import BrokerFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_LAUNCH = Path(__file__).with_name("launch.py")
_SHOWN_LINES = 6
_NOT_RUN = 127
"""The return code of a program that could not be run, as shells have it."""

_Result = TypeVar("_Result")

_MQTT_PORT = re.compile(rb"Listening for MQTT clients on \w+://.*:(\d+)\s*$")
_OWN_PORT = re.compile(rb"Listening for client connections on .*:(\d+)\s*$")
_READY = b"Server is ready"


@frozen
class Ports:
    """Where the server listens: for MQTT clients, and in its own protocol."""

    mqtt: int
    own: int


class ServerProcess:
    """A running server.

    Args:
        program: the server's path.
        configuration: the file that it reads.
        log: where what it says is written.

    Attributes:
        ready: done when it takes connections; fails with ``BrokerFailed`` when it ends before.
        exited: done with the process's return code when it has ended.
    """

    def __init__(self, program: Path, configuration: Path, log: Path) -> None:
        self._command = [str(program), "-c", str(configuration)]
        self._log = log
        self._last_lines: deque[bytes] = deque(maxlen=_SHOWN_LINES)
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: Future[Ports] = _pending()
        self.exited: Future[int] = _pending()
        self._thread = threading.Thread(target=self._run, name="pye2-broker", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process's id, once it has one."""
        return self._process.pid if self._process is not None else None

    def last_lines(self) -> str:
        """The end of what it said, for error messages."""
        return b"".join(list(self._last_lines)).decode(errors="replace").rstrip()

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()

    def _run(self) -> None:
        try:
            self._process = self._spawn()
        except OSError as error:
            self._fail(f"The broker's program cannot be run ({error}).", None)
            self.exited.set_result(_NOT_RUN)
            return
        with self._process, self._log.open("wb", buffering=0) as log:
            assert self._process.stderr is not None
            self._follow(self._process.stderr, log.write)
            returncode = self._process.wait()
        self._fail(f"The broker ended while it started ({describe_exit(returncode)}).", returncode)
        self.exited.set_result(returncode)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self._command
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *command]
        return subprocess.Popen(  # noqa: S603 - the program of a package that we require
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we stop it when the nodes are done
        )

    def _follow(self, lines: IO[bytes], write: Callable[[bytes], int | None]) -> None:
        mqtt, own = None, None
        for line in lines:
            write(line)
            self._last_lines.append(line)
            if found := _MQTT_PORT.search(line):
                mqtt = int(found[1])
            elif found := _OWN_PORT.search(line):
                own = int(found[1])
            elif _READY in line and mqtt and own and not self.ready.done():
                self.ready.set_result(Ports(mqtt, own))

    def _fail(self, what: str, returncode: int | None) -> None:
        if not self.ready.done():
            message = f"{what} The end of its log {self._log}:\n{self.last_lines()}"
            self.ready.set_exception(
                BrokerFailed(message, folder=self._log.parent, returncode=returncode)
            )


def describe_exit(returncode: int) -> str:
    """``exit code 1`` or ``signal 9``."""
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"


def _pending() -> Future[_Result]:
    """A future that nobody can cancel."""
    future: Future[_Result] = Future()
    future.set_running_or_notify_cancel()
    return future
