"""In the confined worker: unpacks arguments, calls, packs what comes of it.

Loaded by zygotes, so nothing here is heavy, and nothing may be loaded later. What the node says is
trusted; the node believes nothing of what this says, as the code that runs here could say it
instead (``serving.children`` reads it). One call is under way at a time; a generator that has given
what was asked for waits here until more is.

A request and its answer are lists of MessagePack with bytes behind them, see ``heads``:

============================================ ====================================================
``call``, code or nil, digest, items that    what the call came to; ``code`` is name, source,
may come; behind it the arguments            parameters, values and two flags, see ``_Function``
``pull``, items that may come                the same of the generator that waits
============================================ ====================================================
``value``, seconds; behind it the value      it returned
``raised``, seconds, type, message,          it raised; frames are pairs of line and function,
traceback, frames; behind it the exception   the innermost last; nothing behind it where the
                                             exception cannot be carried
``refused``, seconds, message                its code may not run here
``paused``, seconds                          a generator has given all that was asked for
``end``, seconds                             a generator is over
============================================ ====================================================
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgpack

from pye2_calls import values
from pye2_calls.heads import apart, headed
from pye2_calls.shipping.making import define
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pye2core.abc import SandboxHost

    _Answer = tuple[tuple[Any, ...], Sequence[bytes | memoryview]]
    """Its kind and what it says, and what is behind that."""

values.preload()

_NOTHING: Final = ()
_NOT_CARRIED: Final = b""


class _Function:
    """A function that is ready to be called.

    Attributes:
        call: the function, with ``plugin`` given already where it takes it.
        classes: the classes that it knows, by the name under which they travel.
        is_generator: whether it gives items one after the other.
    """

    def __init__(self, host: SandboxHost, maker: Callable[..., Any], code: tuple[Any, ...]) -> None:
        *_, packed, takes_plugin, self.is_generator = code
        made = define(maker, host.plugin, dict(packed))
        self.classes: Mapping[str, type] = made.classes
        self.call: Callable[..., Any] = made.function
        if takes_plugin:
            self.call = lambda *args, **kwargs: made.function(host.plugin, *args, **kwargs)


class CallsInSandbox:
    """The part of FUNCTION_CALLS in one worker; implements ``pye2core.abc.InSandbox``."""

    def __init__(self, host: SandboxHost) -> None:
        self._host = host
        self._known: dict[str, _Function] = {}
        self._not_made: dict[str, tuple[Any, ...]] = {}
        """Code whose making has raised: the node sends no code twice, and it is tried again."""
        self._waiting: tuple[Iterator[Any], _Function] | None = None

    def exchange(self, data: memoryview) -> Sequence[bytes | memoryview]:
        """Call a function, or go on with a generator; what came of it."""
        head, arguments = apart(data)
        what, *given = msgpack.unpackb(head, use_list=False)
        began = SYSTEM_CLOCK.monotonic()
        (kind, *said), behind = (
            self._pulled(*given) if what == "pull" else self._called(arguments, *given)
        )
        return headed((kind, SYSTEM_CLOCK.monotonic() - began, *said), *behind)

    def _called(
        self, arguments: memoryview, code: tuple[Any, ...] | None, digest: str, credit: int
    ) -> _Answer:
        code = code or self._not_made.pop(digest, None)
        if code is not None:
            try:
                maker = self._host.make_function(*code[:3])
            except ValueError as refusal:
                return ("refused", _told_with_version(str(refusal))), _NOTHING
            try:
                self._known[digest] = _Function(self._host, maker, code)
            except BaseException as error:  # noqa: BLE001 - what foreign code raises is an answer
                self._not_made[digest] = code
                return self._raised(error, {})
        function = self._known[digest]
        try:
            args, kwargs = values.unpack_arguments(arguments, function.classes)
            result = function.call(*args, **kwargs)
            if not function.is_generator:
                return ("value",), self._packed(result, function)
            self._waiting = (_iterator(result), function)
        except BaseException as error:  # noqa: BLE001 - as above
            return self._raised(error, function.classes)
        return self._pulled(credit)

    def _pulled(self, credit: int) -> _Answer:
        assert self._waiting is not None, "the node pulls where no generator waits"
        items, function = self._waiting
        try:
            for _ in range(credit):
                try:
                    item = next(items)
                except StopIteration:
                    self._waiting = None
                    return ("end",), _NOTHING
                self._host.send_item(*self._packed(item, function))
        except BaseException as error:  # noqa: BLE001 - as above
            self._waiting = None
            return self._raised(error, function.classes)
        return ("paused",), _NOTHING

    def _packed(self, value: object, function: _Function) -> Sequence[bytes | memoryview]:
        packed = values.buffers_of(value, function.classes, name="result")
        size = sum(map(len, packed))
        if size > self._host.largest:
            raise ValueError(
                f"the result has {size} bytes, more than the {self._host.largest} that this"
                " node sends at once: return less, or yield it in parts"
            )
        return packed

    def _raised(self, error: BaseException, classes: Mapping[str, type]) -> _Answer:
        told = self._host.describe(error)
        said = told["type"], told["message"], told["traceback"], told["frames"]
        return ("raised", *said), (_packed_exception(error, classes),)


def _told_with_version(refusal: str) -> str:
    """Why code may not run; it was well where it comes from, so that its syntax is too new here."""
    if "syntax error" not in refusal:
        return refusal
    here = ".".join(map(str, sys.version_info[:2]))
    return f"{refusal} (Python {here} runs here: write it so that this one reads it, too)"


def _iterator(result: Any) -> Iterator[Any]:
    """What a function gave that counts as a generator function, as what it wraps is one."""
    if hasattr(result, "__next__"):
        iterator: Iterator[Any] = result
        return iterator
    raise TypeError(
        f"a decorator of a generator function gave a {type(result).__name__} and no iterator: leave"
        " functools.wraps out of it, then what it gives is sent as it is"
    )


def _packed_exception(error: BaseException, classes: Mapping[str, type]) -> bytes:
    """The exception as bytes; if what it holds cannot go, with its text alone."""
    for simpler in (lambda each: each, values.in_words):
        try:
            return values.pack(simpler(error), classes)
        except Exception:  # noqa: BLE001, S112 - what it holds, and its text, are foreign
            continue
    return _NOT_CARRIED
