"""What a process for calls is asked, and what it answers, read without believing it.

``child`` is the other side, and says what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack

from pye2_calls.messages import Failure, Frame
from pye2_calls.messages.checks import LONGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable


class NoAnswer(Exception):
    """What a process answered is none: whatever runs there, it is not what was started."""


def call_request(code: tuple[Any, ...] | None, digest: str, arguments: bytes, items: int) -> bytes:
    """Ask for a call; ``code`` where the process does not have it."""
    packed: bytes = msgpack.packb(("call", code, digest, arguments, items))
    return packed


def pull_request(items: int) -> bytes:
    """Ask the generator that waits for more."""
    packed: bytes = msgpack.packb(("pull", items))
    return packed


class Returned(NamedTuple):
    """A packed value."""

    data: bytes


class RaisedThere(NamedTuple):
    """An exception."""

    failure: Failure


class RefusedThere(NamedTuple):
    """The code may not run; says why."""

    message: str


class Paused(NamedTuple):
    """A generator waits until more is pulled."""


class Ended(NamedTuple):
    """A generator is over."""


Answer = Returned | RaisedThere | RefusedThere | Paused | Ended


def answer_from(data: bytes) -> Answer:
    """What a process answered.

    Raises:
        NoAnswer: that is none.
    """
    try:
        kind, _, *said = msgpack.unpackb(
            data,
            raw=False,
            use_list=False,
            max_array_len=_LONGEST_LIST,
            max_map_len=0,
            max_ext_len=0,
        )
        return _ANSWERS[kind](*said)
    except (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException) as error:
        raise NoAnswer(f"{type(error).__name__}: {str(error)[:_SHOWN]}") from None


def _returned(data: Any) -> Returned:
    if type(data) is not bytes:
        raise ValueError("a value that is not bytes")
    return Returned(data)


def _raised_there(
    kind: Any, message: Any, traceback: Any, frames: Any, exception: Any
) -> RaisedThere:
    framed = tuple([Frame(line, function) for line, function in frames])
    return RaisedThere(Failure(kind, message, traceback, framed, exception))


def _refused_there(message: Any) -> RefusedThere:
    if type(message) is not str or len(message) > LONGEST_TEXT:
        raise ValueError("a refusal without words")
    return RefusedThere(message)


_ANSWERS: Final[dict[str, Callable[..., Answer]]] = {
    "value": _returned,
    "raised": _raised_there,
    "refused": _refused_there,
    "paused": Paused,
    "end": Ended,
}
_LONGEST_LIST: Final = 256
_SHOWN: Final = 200
