"""Runs a real nats-server with JetStream, privately, for tests.

Nothing here needs pytest.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Final

from pye2_testing import child
from pye2_testing.child import Child
from pye2_testing.private_server import PrivateServer, ServerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_READY: Final = b"Server is ready"
_MIB: Final = 1024 * 1024


class NatsServerFailed(ServerFailed):
    """The program nats-server is not installed, or did not start; ``output`` is what it said."""


def find_program() -> str | None:
    """The path of nats-server: the system's, or the one that comes with pye2-broker."""
    found = child.find_program("nats-server")
    if found is not None:
        return found
    try:
        from pye2_broker.program import find_server
    except ImportError:
        return None
    carried = find_server()
    return None if carried is None else str(carried)


class NatsServer(PrivateServer):
    """A nats-server on 127.0.0.1, on a port that was free.

    Args:
        folder: its configuration and data; made if it is missing.
        user: who may connect; None for everybody.
        password: that user's.
        options: further lines of its configuration file.
        max_payload: bytes that it takes as a message; its own default is 1 MiB.
        jetstream: whether it keeps anything.

    Example:
        ::

            with NatsServer(tmp_path) as server:
                session = Session(server.url)
    """

    title = "nats-server"
    failed = NatsServerFailed
    says_taken = ("address already in use",)
    goodbye = (*[signal.SIGTERM] * 5, signal.SIGKILL)

    def __init__(
        self,
        folder: Path,
        *,
        user: str | None = None,
        password: str | None = None,
        options: Sequence[str] = (),
        max_payload: int = 20 * _MIB,
        jetstream: bool = True,
    ) -> None:
        super().__init__(folder, options)
        self._user = user
        self._password = password
        self._max_payload = max_payload
        self._jetstream = jetstream

    @property
    def url(self) -> str:
        """Where it is reached, without credentials."""
        return f"nats://127.0.0.1:{self.port}"

    def _launch(self, port: int) -> Child:
        program = find_program()
        if program is None:
            raise NatsServerFailed("nats-server is not installed: `pip install pye2-broker`.")
        lines = "\n".join(self._configuration(port)) + "\n"
        command = [program, "-c", str(self._write("nats.conf", lines))]
        return Child(command, lambda line: line.endswith(_READY))

    def _configuration(self, port: int) -> list[str]:
        lines = [
            'server_name: "pye2-test"',
            f'listen: "127.0.0.1:{port}"',
            f"max_payload: {self._max_payload}",
            f"max_pending: {max(1024 * _MIB, self._max_payload)}",
            *self._options,
        ]
        if self._jetstream:
            lines.append(f"jetstream {{ store_dir: {_quoted(str(self.folder / 'store'))} }}")
        if self._user is not None:
            who = f"user: {_quoted(self._user)}, password: {_quoted(self._password or '')}"
            lines.append(f"authorization {{ {who} }}")
        return lines


def _quoted(text: str) -> str:
    r"""``text`` as a string of the configuration's language, which knows no ``\u``."""
    return json.dumps(text, ensure_ascii=False)
