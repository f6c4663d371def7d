"""Runs the real Mosquitto, privately, for tests.

Nothing here needs pytest; ``fixtures`` makes it a fixture.
"""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, Final

from pye2_testing import child
from pye2_testing.child import Child
from pye2_testing.private_server import PrivateServer, ServerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_READY: Final = b" running"


class MosquittoFailed(ServerFailed):
    """Mosquitto is not installed, or did not start; ``output`` is what it said."""


def find_program(name: str = "mosquitto") -> str | None:
    """The path of Mosquitto's program; system folders count, which a user's PATH may lack."""
    return child.find_program(name)


def _required(name: str) -> str:
    program = find_program(name)
    if program is None:
        raise MosquittoFailed(f"{name} is not installed: `apt-get install mosquitto`.")
    return program


class Mosquitto(PrivateServer):
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

    title = "Mosquitto"
    failed = MosquittoFailed
    says_taken = ("Address already in use",)
    goodbye = (*[signal.SIGTERM] * 5, signal.SIGKILL)
    """A signal that comes before its loop runs is forgotten."""

    def __init__(
        self,
        folder: Path,
        *,
        user: str | None = None,
        password: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(folder, options)
        self.user = user
        self._password = password

    @property
    def url(self) -> str:
        """Where it is reached, without credentials."""
        return f"mqtt://127.0.0.1:{self.port}"

    def _launch(self, port: int) -> Child:
        lines = "\n".join(self._configuration(port)) + "\n"
        command = [_required("mosquitto"), "-c", str(self._write("mosquitto.conf", lines))]
        return Child(command, lambda line: line.endswith(_READY))

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

    def _prepare(self) -> None:
        super()._prepare()
        if self.user is None:
            return
        program = _required("mosquitto_passwd")
        command = [program, "-b", "-c", str(self._passwords), self.user, self._password or ""]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - as above
