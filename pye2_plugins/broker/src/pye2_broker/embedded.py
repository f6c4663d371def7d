"""The embedded broker, as programs use it."""

from __future__ import annotations

import fcntl
from typing import IO, TYPE_CHECKING, Self

from pye2_broker.configuration import Configuration
from pye2_broker.errors import BrokerFailed
from pye2_broker.process import ServerProcess, describe_exit
from pye2_broker.program import DISTRIBUTION, find_server
from pye2_broker.retention import RetentionError, limit_retention
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

_START_TIMEOUT = 15.0
_STOP_TIMEOUT = 10.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a name to translate, not to bind
"""Addresses that mean "all interfaces", and where such a server is reached from this machine."""


class EmbeddedBroker:
    """A broker for this machine, in a process of its own.

    It asks nobody for a password: whoever reaches ``host`` can read and send messages. Messages and
    sessions outlive a restart in the same folder. On Linux the broker dies with this process, even
    if that is killed; elsewhere it must be stopped.

    Args:
        folder: its configuration, log (``broker.log``) and messages; made if it is missing.
        host: the address that it listens on; others than this machine reach it only if that is one
            of this machine's outer addresses, or "0.0.0.0".
        port: the port that it listens on; None for a free one, which later starts keep.
        redeliver_after: seconds until a message that a client has received but not acknowledged is
            sent again. Unlike other brokers, this one counts on even when the client reconnects.

    Example:
        ::

            with EmbeddedBroker(Path("broker")) as broker:
                session = Session(broker.url)
    """

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        port: int | None = None,
        *,
        redeliver_after: float = 10.0,
    ) -> None:
        self.folder = folder.absolute()
        self.host = host
        self._port = port
        self._redeliver_after = redeliver_after
        self._clock = SYSTEM_CLOCK
        self._watchers: list[Callable[[BrokerFailed], None]] = []
        self._server: ServerProcess | None = None
        self._folder_lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where clients of this machine find it: ``mqtt://127.0.0.1:41233``.

        Raises:
            BrokerFailed: it has not been started.
        """
        if self._port is None:
            raise BrokerFailed(
                "The broker has no address before it is started: call start(), or use `with`.",
                folder=self.folder,
            )
        host = self._reachable_host()
        return f"mqtt://[{host}]:{self._port}" if ":" in host else f"mqtt://{host}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The id of its process; None while there is none."""
        return self._server.pid if self._server is not None else None

    @property
    def log(self) -> Path:
        """The file that it writes its log to, from each start anew."""
        return self.folder / "broker.log"

    def watch(self, callback: Callable[[BrokerFailed], None]) -> None:
        """Have ``callback`` called if the broker ends without having been stopped.

        It is called from a thread of the broker's.
        """
        self._watchers.append(callback)

    def start(self, timeout: float = _START_TIMEOUT) -> None:
        """Start it; returns when it answers. Does nothing if it runs.

        Raises:
            BrokerFailed: it could not be started or did not answer in time; shows its log's end.
        """
        if self._server is not None and not self._server.exited.done():
            return
        deadline = self._clock.monotonic() + timeout
        self._lock_folder()
        server = self._launch()
        try:
            ports = server.ready.result(timeout)
            left = max(deadline - self._clock.monotonic(), 0.1)
            limit_retention(self._reachable_host(), ports.mqtt, ports.own, left)
        except TimeoutError:
            self._abandon(server)
            raise self._failed(f"The broker did not answer within {timeout:g} s.", server) from None
        except (BrokerFailed, OSError, RetentionError) as error:
            self._abandon(server)
            if isinstance(error, BrokerFailed):
                raise
            raise self._failed(
                f"The broker does not answer as it should ({error}).", server
            ) from error
        self._port = ports.mqtt
        self._server = server
        server.exited.add_done_callback(lambda exited: self._tell_watchers(server, exited))

    def stop(self, timeout: float = _STOP_TIMEOUT) -> None:
        """Stop it; killed if it has not ended after ``timeout`` seconds. Harmless when repeated."""
        server, self._server = self._server, None
        if server is not None:
            server.terminate()
            try:
                server.exited.result(timeout)
            except TimeoutError:
                server.kill()
                server.exited.result()
        self._unlock_folder()

    # --- starting -----------------------------------------------------------------------------

    def _launch(self) -> ServerProcess:
        program = find_server()
        if program is None:
            self._unlock_folder()
            raise BrokerFailed(
                f"The broker's program is not installed: `pip install {DISTRIBUTION}`, or use a"
                " broker of your own, such as Mosquitto.",
                folder=self.folder,
            )
        configuration = self.folder / "broker.conf"
        store = self.folder.resolve() / "messages"
        text = Configuration(store, self.host, self._port, self._redeliver_after).render()
        configuration.write_text(text, encoding="utf-8")
        return ServerProcess(program, configuration, self.log)

    def _abandon(self, server: ServerProcess) -> None:
        server.kill()
        server.exited.result()
        self._unlock_folder()

    def _failed(self, what: str, server: ServerProcess) -> BrokerFailed:
        return BrokerFailed(
            f"{what} The end of its log {self.log}:\n{server.last_lines()}", folder=self.folder
        )

    def _reachable_host(self) -> str:
        return _EVERYWHERE.get(self.host, self.host)

    def _tell_watchers(self, server: ServerProcess, exited: Future[int]) -> None:
        if self._server is not server:
            return  # stopped by us
        returncode = exited.result()
        failure = BrokerFailed(
            f"The broker {self.url} ended by itself ({describe_exit(returncode)})."
            f" The end of its log {self.log}:\n{server.last_lines()}",
            folder=self.folder,
            returncode=returncode,
        )
        for callback in self._watchers:
            callback(failure)

    def _lock_folder(self) -> None:
        """Keep a second broker out: two would destroy each other's messages."""
        if self._folder_lock is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("wb")
        except OSError as error:
            raise BrokerFailed(
                f"The broker's folder {self.folder} cannot be used ({error})."
                " Give one that can be written.",
                folder=self.folder,
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise BrokerFailed(
                f"Another broker runs in {self.folder}. Stop that one, use it, or give this one a"
                " folder of its own.",
                folder=self.folder,
            ) from None
        self._folder_lock = lock

    def _unlock_folder(self) -> None:
        lock, self._folder_lock = self._folder_lock, None
        if lock is not None:
            lock.close()
