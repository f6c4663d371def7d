"""Those who watch from outside: a listener, a folder, the cell's processes, what is said.

Nothing of the snippets is believed; what counts is what can be seen here afterwards.
"""

from __future__ import annotations

import selectors
import shutil
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

import psutil

if TYPE_CHECKING:
    from pathlib import Path

PORT: Final = 45991
"""The port that snippets name; where it is taken, they are given another one."""

TENANTS_SECRET: Final = "TENANT-B-SECRET-31d9"
PASSWORD: Final = "BROKER-PASSWORD-SECRET-7c2e"
ENVIRONMENT_SECRET: Final = "ENVIRONMENT-SECRET-a94b"

TELLING: Final = {
    "PRIVATE KEY": "the node's key",
    "root:x:0": "/etc/passwd",
    "uid=": "output of a command",
    "TENANT-B-SECRET": "the neighbour's data",
    "BROKER-PASSWORD-SECRET": "the broker's password",
    "ENVIRONMENT-SECRET": "the node's environment",
    "NODE-PRIVATE-KEY-SECRET": "the node's key",
    "REACHED:": "what it says itself",
}
"""What a text must not hold, and what it would have come from."""

_GIB: Final = 1024**3


def told_by(text: str) -> list[str]:
    """What a text tells that whoever wrote it should not know.

    Also where the text is a list of numbers, as arrays of bytes are shown.
    """
    return sorted({source for words, source in TELLING.items() if words in text})


class Listener:
    """Takes whatever comes on the witness's port, by TCP and UDP, and on two unix sockets."""

    def __init__(self, ground: Path) -> None:
        self.heard: list[str] = []
        self.abstract_name = f"witness-of-{ground.name}"
        self._selector = selectors.DefaultSelector()
        self._end, self._wake = socket.socketpair()
        first = _first_socket()
        self.port = int(first.getsockname()[1])
        self._sockets = [
            first,
            _bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", self.port)),
            _bound(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.abstract_name),
            _bound(socket.AF_UNIX, socket.SOCK_STREAM, str(ground / "witness.sock")),
        ]
        if socket.has_ipv6:
            self._sockets.append(_bound(socket.AF_INET6, socket.SOCK_STREAM, ("::1", self.port)))
        (ground / "witness.sock").chmod(0o777)
        self._thread = threading.Thread(target=self._listen, name="witness")

    def __enter__(self) -> Self:
        for each in self._sockets:
            self._selector.register(each, selectors.EVENT_READ)
        self._selector.register(self._end, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join()
        for each in (*self._sockets, self._end):
            each.close()
        self._selector.close()

    def take(self) -> list[str]:
        """What came since this was asked last."""
        heard, self.heard = self.heard, []
        return heard

    def _listen(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._end:
                    return
                self._hear(key.fileobj)  # type: ignore[arg-type] # only sockets are registered

    def _hear(self, bound: socket.socket) -> None:
        if bound.type == socket.SOCK_DGRAM:
            self.heard.append(f"a datagram: {bound.recv(100)!r}")
            return
        connection, _ = bound.accept()
        connection.close()
        self.heard.append(f"a connection to {bound.getsockname()!r}")


def _first_socket() -> socket.socket:
    try:
        return _bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PORT))
    except OSError:  # another run of these tests has it
        return _bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))


def _bound(family: int, kind: int, address: tuple[str, int] | str) -> socket.socket:
    made = socket.socket(family, kind)
    if family != socket.AF_UNIX:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError:
        made.close()
        raise
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


class Outside:
    """The folder where nothing may appear, with one for each snippet; everybody may write there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        folder.chmod(0o777)

    def place_for(self, name: str) -> Path:
        """The part of it that is a snippet's."""
        place = self._folder / name
        place.mkdir(exist_ok=True)
        place.chmod(0o777)
        return place

    def take(self, name: str) -> list[str]:
        """What is there, and clear it away."""
        place = self._folder / name
        found = sorted(str(each.relative_to(place)) for each in place.rglob("*"))
        shutil.rmtree(place)
        return found


class Household:
    """The processes of a cell, from outside: who lives there, and how much they take.

    It is the guard, too: it ends the whole cell when that takes more than this machine has to give.
    """

    MOST_PROCESSES: Final = 600
    MOST_MEMORY: Final = 8 * _GIB

    def __init__(self, cell: psutil.Process) -> None:
        self._cell = cell
        self._stop = threading.Event()
        self.overflow: str | None = None
        self.node_peak = 0
        self.members_peak = 0
        self._node: psutil.Process | None = None
        self._thread = threading.Thread(target=self._watch, name="household", daemon=True)

    def start(self) -> None:
        """Begin to watch: the node runs, as the only child of the cell's init."""
        self._node = self._cell.children()[0].children()[0]
        self._thread.start()

    def stop(self) -> None:
        """Watch no more, if it ever did."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def members(self) -> list[psutil.Process]:
        """All processes of the cell that are not dead already, its init included."""
        try:
            found = self._cell.children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [each for each in found if not _is_dead(each)]

    @property
    def node_memory(self) -> int:
        """Bytes that the node has now."""
        return _memory_of(self._node) if self._node is not None else 0

    @property
    def node_descriptors(self) -> int:
        """Descriptors that the node has open."""
        try:
            return self._node.num_fds() if self._node is not None else 0
        except psutil.Error:
            return 0

    def begin(self) -> None:
        """Measure peaks from here on."""
        self.node_peak = self.node_memory
        self.members_peak = 0

    def end_cell(self) -> None:
        """Kill everything in the cell: its init takes all with it."""
        for each in (*self.members()[:1], self._cell):
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.node_peak = max(self.node_peak, self.node_memory)
            members = self.members()
            self.members_peak = max(self.members_peak, len(members))
            taken = sum(map(_memory_of, members))
            if len(members) > self.MOST_PROCESSES or taken > self.MOST_MEMORY:
                self.overflow = f"{len(members)} processes, {taken >> 20} MiB"
                self.end_cell()
                return


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _memory_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
