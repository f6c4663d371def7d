"""How a command on the same machine has a running node pair, and hears what comes of it.

The command leaves its wish in the node's home, rings (see ``doorbell``), and reads a FIFO there in
which the node writes an event a line. The wish holds a secret, made from the code: the node removes
it as soon as it has read it. Whoever goes first is noticed by the other: the FIFO has lost an end.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2_node.pairing import Opening
from pye2core.errors import NodeError
from pye2core.pairing import PairingKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_ANSWERS: Final = re.compile(r"pairing\.[0-9]{1,10}\.answers")
_LONGEST_WISH: Final = 4096
_LONGEST_PAIRING: Final = 3600.0
_LONGEST_LINE: Final = 4096


# --- the node's end -------------------------------------------------------------------------------


@frozen
class Wish:
    """What a command wants.

    Attributes:
        opening: what is to be offered.
        answers: where to tell what comes of it.
    """

    opening: Opening
    answers: Answers


class Answers:
    """The node's end of the FIFO, on its loop.

    Args:
        descriptor: of the FIFO, opened for writing without waiting.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._on_gone: Callable[[], None] | None = None

    def tell(self, event: Mapping[str, object]) -> None:
        """Write an event; nothing happens where nobody reads any more."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(event).encode() + b"\n")
        except OSError:
            self._close()

    def on_gone(self, call: Callable[[], None]) -> None:
        """Have something called when nobody reads any more."""
        if self._descriptor is not None:
            self._on_gone = call
            # A FIFO's writing end is never to be read: what wakes us is that its reader has gone.
            asyncio.get_running_loop().add_reader(self._descriptor, self._reader_has_gone)

    def _reader_has_gone(self) -> None:
        self._close()
        if self._on_gone is not None:
            self._on_gone()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)


def answered(asked: Path) -> Wish:
    """Take a wish out of a node's home.

    Raises:
        NodeError: it cannot be used, or nobody waits for it any more.
    """
    try:
        content = asked.read_bytes()[: _LONGEST_WISH + 1]
        asked.unlink()
        said = json.loads(content)
        key, alias, seconds = bytes.fromhex(said["key"]), said["alias"], float(said["seconds"])
        place = str(said["answers"])
    except OSError as error:
        raise NodeError(f"the wish to pair in {asked} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NodeError(f"the wish to pair in {asked} cannot be understood") from error
    if len(key) != PairingKey.BYTES or not isinstance(alias, str | None):
        raise NodeError(f"the wish to pair in {asked} cannot be understood")
    if not 0 < seconds <= _LONGEST_PAIRING or _ANSWERS.fullmatch(place) is None:
        raise NodeError(f"the wish to pair in {asked} cannot be understood")
    return Wish(Opening(PairingKey(key), alias, seconds), _answers_at(asked.with_name(place)))


def _answers_at(place: Path) -> Answers:
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(place, flags)
    except OSError as error:
        raise NodeError("nobody waits to be told of the pairing that was asked for") from error
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NodeError(f"{place} is no FIFO")
    return Answers(descriptor)


# --- the command's end ----------------------------------------------------------------------------


class Events:
    """The command's end of the FIFO.

    Args:
        descriptor: of the FIFO, opened for reading without waiting.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._read = b""

    def next(self, seconds: float) -> dict[str, Any] | None:
        """The next event; None if none comes in time.

        Raises:
            EOFError: the node has ended.
        """
        while b"\n" not in self._read:
            if not select.select([self._descriptor], [], [], seconds)[0]:
                return None
            more = os.read(self._descriptor, _LONGEST_LINE)
            if not more:
                raise EOFError
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        return event


@contextmanager
def asking(home: Path, opening: Opening) -> Iterator[Events]:
    """Leave a wish in a node's home and hear what comes of it; ring after that.

    Raises:
        NodeError: nothing can be written there.
    """
    place = home / f"pairing.{os.getpid()}.answers"
    wish = home / "pairing.ask"
    said = {
        "key": opening.key.secret.hex(),
        "alias": opening.alias,
        "seconds": opening.seconds,
        "answers": place.name,
    }
    try:
        place.unlink(missing_ok=True)
        os.mkfifo(place, 0o600)
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(home, error) from error
    try:
        _write(wish, json.dumps(said).encode())
        yield Events(descriptor)
    except OSError as error:
        raise _unwritable(home, error) from error
    finally:
        os.close(descriptor)
        with suppress(OSError):
            place.unlink()
        with suppress(OSError):
            wish.unlink()  # where no node took it


def _write(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    draft.replace(file)


def _unwritable(home: Path, error: OSError) -> NodeError:
    return NodeError(
        f"the node in {home} cannot be told to pair: {error.strerror}; run this as the user that"
        " the node runs as"
    )
