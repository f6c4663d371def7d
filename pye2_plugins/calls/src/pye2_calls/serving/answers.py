"""What a process for calls is asked, and what it answers, read without believing it.

``child`` is the other side, and says what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack

from pye2_calls.heads import apart, headed
from pye2_calls.messages import Failure, Frame
from pye2_calls.messages.checks import LONGEST_TEXT
from pye2_calls.messages.lists import ListCount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class NoAnswer(Exception):
    """What a process answered is none: whatever runs there, it is not what was started."""


def call_request(
    code: tuple[Any, ...] | None, digest: str, arguments: bytes, items: int
) -> Sequence[bytes | memoryview]:
    """Ask for a call; ``code`` where the process does not have it."""
    return headed(("call", code, digest, items), arguments)


def pull_request(items: int) -> Sequence[bytes | memoryview]:
    """Ask the generator that waits for more."""
    return headed(("pull", items))


class Returned(NamedTuple):
    """A packed value."""

    data: memoryview


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


def answer_from(data: memoryview) -> Answer:
    """What a process answered.

    Raises:
        NoAnswer: that is none.
    """
    try:
        head, behind = apart(data)
        kind, _, *said = msgpack.unpackb(
            head,
            raw=False,
            use_list=False,
            list_hook=ListCount(_MOST_LISTS).counted,
            max_array_len=_LONGEST_LIST,
            max_str_len=_LONGEST_BYTES,
            max_map_len=0,
            max_ext_len=0,
        )
        return _answer(kind, said, behind)
    except (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException) as error:
        raise NoAnswer(f"{type(error).__name__}: {str(error)[:_SHOWN]}") from None


def _answer(kind: Any, said: list[Any], behind: memoryview) -> Answer:
    if kind in _WITH_BYTES:
        return _ANSWERS[kind](*said, behind)
    if behind:
        raise ValueError(f"{len(behind)} bytes behind what has none")
    return _ANSWERS[kind](*said)


def _raised_there(
    kind: Any, message: Any, traceback: Any, frames: Any, exception: memoryview
) -> RaisedThere:
    framed = tuple([Frame(line, function) for line, function in frames])
    return RaisedThere(Failure(kind, message, traceback, framed, bytes(exception)))


def _refused_there(message: Any) -> RefusedThere:
    if type(message) is not str or len(message) > LONGEST_TEXT:
        raise ValueError("a refusal without words")
    return RefusedThere(message)


_ANSWERS: Final[dict[str, Callable[..., Answer]]] = {
    "value": Returned,
    "raised": _raised_there,
    "refused": _refused_there,
    "paused": Paused,
    "end": Ended,
}
_WITH_BYTES: Final = frozenset({"value", "raised"})
_LONGEST_LIST: Final = 256
_MOST_LISTS: Final = _LONGEST_LIST + 2
"""Each frame of a traceback is one, all of them together are, and so is the answer."""
_LONGEST_BYTES: Final = 4 * LONGEST_TEXT
_SHOWN: Final = 200
