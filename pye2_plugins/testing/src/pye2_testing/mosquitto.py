"""Runs the real Mosquitto, privately, for tests.

Nothing here needs pytest; ``fixtures`` makes it a fixture.
"""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, Self

from pye2_testing import child
from pye2_testing.child import Child, free_port
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

_ANSWER_TIMEOUT = 20.0
_ATTEMPTS = 5
_READY = b" running"


class MosquittoFailed(Pye2Error):
    """Mosquitto is not installed, or did not start.

    Attributes:
        output: what it said.
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


def find_program(name: str = "mosquitto") -> str | None:
    """The path of Mosquitto's program; system folders count, which a user's PATH may lack."""
    return child.find_program(name)


class Mosquitto:
    """A Mosquitto on 127.0.0.1, on a port that was free.

    Args:
        folder: its configuration and data; made if it is missing.
        user: who may connect; None for everybody.
        password: that user's.
        options: further lines of its configuration file.

    Example:
        ::

            with Mosquitto(tmp_path) as mosquitto:
                session = Session(mosquitto.url)
    """

    def __init__(
        self,
        folder: Path,
        *,
        user: str | None = None,
        password: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.user = user
        self._password = password
        self._options = tuple(options)
        self._child: Child | None = None
        self._port: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that it listens on, the same after a restart."""
        if self._port is None:
            raise MosquittoFailed("Mosquitto has no port before it is started: call start().")
        return self._port

    @property
    def url(self) -> str:
        """Where it is reached, without credentials."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._child is not None, "Mosquitto was not started"
        return self._child.pid

    def start(self) -> None:
        """Start it, or start it again on the same port.

        Raises:
            MosquittoFailed: the program is missing or ends; shows what it said.
        """
        program = find_program()
        if program is None:
            raise MosquittoFailed("Mosquitto is not installed: `apt-get install mosquitto`.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_passwords()
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._port or free_port()
            output = self._try(program, port)
            if output is None:
                self._port = port
                return
            if "Address already in use" not in output or attempt == _ATTEMPTS or self._port:
                raise MosquittoFailed(f"Mosquitto did not start:\n{output}", output=output)

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        # A signal that comes before its loop runs is forgotten.
        self._end([signal.SIGTERM] * _ATTEMPTS + [signal.SIGKILL])

    def kill(self) -> None:
        """End it without a chance to save or say anything."""
        self._end([signal.SIGKILL])

    def _try(self, program: str, port: int) -> str | None:
        """Start it on ``port``; what it said if it did not start."""
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text("\n".join(self._configuration(port)) + "\n", encoding="utf-8")
        started = Child([program, "-c", str(configuration)], lambda line: line.endswith(_READY))
        output = started.failure(_ANSWER_TIMEOUT)
        if output is None:
            self._child = started
        return output

    def _configuration(self, port: int) -> list[str]:
        authentication = ["allow_anonymous true"]
        if self.user is not None:
            authentication = ["allow_anonymous false", f"password_file {self._passwords}"]
        return [
            f"listener {port} 127.0.0.1",
            *authentication,
            "set_tcp_nodelay true",
            "user root",  # otherwise root's Mosquitto becomes a user that cannot read the folder
            "persistence true",
            f"persistence_location {self.folder}/",
            "max_queued_messages 100000",
            *self._options,
        ]

    @property
    def _passwords(self) -> Path:
        return self.folder / "passwords"

    def _write_passwords(self) -> None:
        if self.user is None:
            return
        program = find_program("mosquitto_passwd")
        if program is None:
            raise MosquittoFailed("mosquitto_passwd is not installed; it comes with Mosquitto.")
        command = [program, "-b", "-c", str(self._passwords), self.user, self._password or ""]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - as above

    def _end(self, signals: Sequence[signal.Signals]) -> None:
        ended, self._child = self._child, None
        if ended is not None:
            ended.end(signals)
