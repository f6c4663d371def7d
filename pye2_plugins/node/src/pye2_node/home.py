"""A node's home folder: the only place on disk that a node writes to.

You are at the node's front door. ``Home.open`` locks the folder for this process; the paths in it
are given out here and nowhere else.

::

    node.pem      the node's key, for its owner's eyes only
    node.pem.dialects  what wire dialects keep: keys that change, and who speaks what
    node.lock     locked while a node runs here; holds that node's process id, and was modified at
                  the latest moment at which a node is known to have run here (see ``node_clock``)
    node.bell     a FIFO: commands on this machine ring it (see ``doorbell``)
    allow.toml    who may give it commands
    pairing.*     what `pye2 node --pair` wants, and a FIFO for the answer, while it waits
    node.sqlite   what it is to run, and which commands it has seen
    instances/    a folder for each instance
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pye2core.errors import HomeInUse, NodeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from pye2core.messages import InstancePath

_ONLY_OWNER = 0o700
_WRITTEN_BY_OTHERS = 0o022
_SEARCHED_BY_OTHERS = 0o011


def default_home(name: str) -> Path:
    """Where the node of that name lives unless it is told otherwise."""
    return Path.home() / ".pye2" / name


def allow_file_of(home: Path) -> Path:
    """The white list of the node that lives in ``home``."""
    return home / "allow.toml"


def key_file_of(home: Path) -> Path:
    """The key of the node that lives in ``home``."""
    return home / "node.pem"


def lock_file_of(home: Path) -> Path:
    """What is locked while the node that lives in ``home`` runs."""
    return home / "node.lock"


def last_ran_of(status: os.stat_result) -> datetime | None:
    """When a node is known to have run, from what is known of its lock's file; None if never."""
    return datetime.fromtimestamp(status.st_mtime, UTC) if status.st_mtime_ns else None


def _process_id_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdecimal() else None


class Home:
    """A home folder that this process has for itself until :meth:`close`.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Home:
        """Make the folder if there is none, and lock it.

        Raises:
            HomeInUse: another process runs the node of this home.
            NodeError: the folder cannot be made or written to; or others can write to it.
        """
        try:
            path.mkdir(mode=_ONLY_OWNER, parents=True, exist_ok=True)
            descriptor = os.open(lock_file_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = (
                f"the home folder {path} cannot be used: {error.strerror}; make it one that this"
                " user may write to, or name another one with --home"
            )
            raise NodeError(message) from error
        try:
            _refuse_what_others_write(path)
        except NodeError:
            os.close(descriptor)
            raise
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _process_id_in(descriptor)
            os.close(descriptor)
            raise _in_use(path, holder) from None
        before = os.fstat(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        # That somebody writes now, by a clock that may be wrong, says nothing of the time.
        last_ran = before.st_mtime_ns if before.st_size else 0
        os.utime(descriptor, ns=(last_ran, last_ran))
        return cls(path, descriptor)

    @property
    def last_ran(self) -> datetime | None:
        """The latest moment at which a node is known to have run here; None for the first one."""
        return last_ran_of(os.fstat(self._lock))

    def note_running(self, moment: datetime) -> None:
        """Keep on disk that a node runs here.

        Raises:
            OSError: that cannot be written.
        """
        os.utime(self._lock, (moment.timestamp(), moment.timestamp()))

    @property
    def key_file(self) -> Path:
        """Where the node's key is."""
        return key_file_of(self.path)

    @property
    def allow_file(self) -> Path:
        """Where it says who may give commands."""
        return allow_file_of(self.path)

    @property
    def database(self) -> Path:
        """Where the node's state is."""
        return self.path / "node.sqlite"

    def instance_folder(self, path: InstancePath) -> Path:
        """The folder of an instance, made if there is none.

        Names on the network may hold anything, so folders are named by a digest.
        """
        folder = self._place_of(path)
        folder.mkdir(mode=_ONLY_OWNER, parents=True, exist_ok=True)
        return folder

    def remove_instance_folder(self, path: InstancePath) -> None:
        """Remove an instance's folder and all that is in it, if there is one."""
        folder = self._place_of(path)
        if folder.exists():
            shutil.rmtree(folder)

    def remove_instance_folders_except(self, paths: Iterable[InstancePath]) -> None:
        """Remove the folders of instances that are no more."""
        staying = {self._place_of(path) for path in paths}
        for folder in self.path.glob("instances/*"):
            if folder not in staying:
                shutil.rmtree(folder)

    def _place_of(self, path: InstancePath) -> Path:
        words = json.dumps([path.pipeline, path.signature, path.instance_id])
        return self.path / "instances" / hashlib.sha256(words.encode()).hexdigest()[:32]

    def close(self) -> None:
        """Let another process have the home."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _refuse_what_others_write(home: Path) -> None:
    """Whoever can write to the white list, or put another in its place, can allow himself.

    Raises:
        NodeError: others can.
    """
    let_in = stat.S_IMODE(home.stat().st_mode)
    list_ = allow_file_of(home)
    places = [home]
    if let_in & _SEARCHED_BY_OTHERS and list_.exists():
        places.append(list_)
    for place in places:
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & _WRITTEN_BY_OTHERS:
            quoted = shlex.quote(str(place))
            raise NodeError(
                f"{place} is not used, because others on this machine can write to it, and so allow"
                f" themselves: its mode is {mode:03o}. Run `chmod go-w {quoted}`, and look whom"
                f" `pye2 node who --home {shlex.quote(str(home))}` shows"
            )


def _in_use(path: Path, holder: int | None) -> HomeInUse:
    who = f"process {holder}" if holder is not None else "another process"
    return HomeInUse(
        f"{who} already runs the node of {path}; stop it first, or give this node a home of its own"
        " with --home",
        path=path,
    )
