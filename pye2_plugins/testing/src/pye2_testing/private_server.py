"""The life of a broker that a test has for itself: a port, a start, an end, and a start again.

What is the same for Mosquitto, RabbitMQ and nats-server, each of which has a module of its own.
Nothing here needs pytest.
"""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pye2_testing.child import free_port
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pye2_testing.child import Child

_ATTEMPTS: Final = 5


class ServerFailed(Pye2Error):
    """A broker's program is not installed, or did not start.

    Attributes:
        output: what it said.
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class PrivateServer(ABC):
    """A broker on 127.0.0.1, on a port that was free; a ``with`` block is its life.

    Args:
        folder: its configuration and data; made if it is missing.
        options: further lines of its configuration file.
    """

    title: ClassVar[str]
    """What people call it."""

    failed: ClassVar[type[ServerFailed]]
    """What is raised when it does not start."""

    says_taken: ClassVar[tuple[str, ...]]
    """Of what it says, what means that another has its port."""

    answer_timeout: ClassVar[float] = 20.0
    """Seconds that it has to start."""

    end_timeout: ClassVar[float] = 2.0
    """Seconds from one request to end to the next."""

    goodbye: ClassVar[tuple[signal.Signals, ...]]
    """The signals that it is asked to end by, one after the other."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self._options = tuple(options)
        self._child: Child | None = None
        self._port: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is reached."""

    @property
    def port(self) -> int:
        """The port that it listens on, the same after a restart.

        Raises:
            ServerFailed: it was not started yet.
        """
        if self._port is None:
            raise self.failed(f"{self.title} has no port before it is started: call start().")
        return self._port

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._child is not None, f"{self.title} was not started"
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it was started and neither stopped nor killed since."""
        return self._child is not None

    def start(self) -> None:
        """Start it, or start it again on the same port with what it has kept; harmless if it runs.

        Raises:
            ServerFailed: a program is missing or ends; shows what it said.
        """
        if self.running:
            return
        self._prepare()
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._port or free_port()
            output = self._try(port)
            if output is None:
                self._port = port
                return
            is_taken = any(each in output for each in self.says_taken)
            if not is_taken or attempt == _ATTEMPTS or self._port:
                raise self.failed(f"{self.title} did not start:\n{output}", output=output)

    def stop(self) -> None:
        """Ask it to end, and wait for that; harmless if it has ended."""
        self._end(self.goodbye)

    def kill(self) -> None:
        """End it without a chance to save or say anything."""
        self._end([signal.SIGKILL])

    # --- what each has of its own -----------------------------------------------------------------

    def _prepare(self) -> None:
        """Make its folder, with what is the same for every port."""
        self.folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def _launch(self, port: int) -> Child:
        """Start its program with a configuration for this port."""

    def _try(self, port: int) -> str | None:
        """Start it on ``port``; what it said if it did not start."""
        started = self._launch(port)
        output = started.failure(self.answer_timeout)
        if output is None:
            self._child = started
        return output

    def _write(self, name: str, content: str) -> Path:
        """Write a file of its folder."""
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return path

    def _end(self, signals: Sequence[signal.Signals]) -> None:
        ended, self._child = self._child, None
        if ended is not None:
            ended.end(signals, self.end_timeout)
