"""In the confined worker: unpacks arguments, calls, packs what comes of it.

Loaded by zygotes, so nothing here is heavy, and nothing may be loaded later. What the node says is
trusted; the node believes nothing of what this says, as the code that runs here could say it
instead (``serving.children`` reads it). One call is under way at a time; a generator that has given
what was asked for waits here until more is.

A request and its answer are lists of MessagePack:

============================================ ====================================================
``call``, code or nil, digest, arguments,    what the call came to; ``code`` is name, source,
items that may come                          parameters, values and three flags, see ``_Code``
``pull``, items that may come                the same of the generator that waits
============================================ ====================================================
``value``, seconds, packed value             it returned
``raised``, seconds, type, message,          it raised; frames are pairs of line and function,
traceback, frames, packed exception or b""   the innermost last
``refused``, seconds, message                its code may not run here
``paused``, seconds                          a generator has given all that was asked for
``end``, seconds                             a generator is over
============================================ ====================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgpack

from pye2_calls import values
from pye2_calls.shipping.making import define
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2core.abc import SandboxHost

values.preload()

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
        self._waiting: tuple[Iterator[Any], _Function] | None = None

    def exchange(self, data: bytes) -> bytes:
        """Call a function, or go on with a generator; what came of it."""
        what, *given = msgpack.unpackb(data, use_list=False)
        answer = self._pulled if what == "pull" else self._called
        began = SYSTEM_CLOCK.monotonic()
        kind, *said = answer(*given)
        packed: bytes = msgpack.packb((kind, SYSTEM_CLOCK.monotonic() - began, *said))
        return packed

    def _called(
        self, code: tuple[Any, ...] | None, digest: str, arguments: bytes, credit: int
    ) -> tuple[Any, ...]:
        if code is not None:
            try:
                maker = self._host.make_function(*code[:3])
            except ValueError as refusal:
                return "refused", str(refusal)
            try:
                self._known[digest] = _Function(self._host, maker, code)
            except BaseException as error:  # noqa: BLE001 - what foreign code raises is an answer
                return self._raised(error, {})
        function = self._known[digest]
        try:
            args, kwargs = values.unpack_arguments(arguments, function.classes)
            result = function.call(*args, **kwargs)
            if not function.is_generator:
                return "value", self._packed(result, function)
            self._waiting = (iter(result), function)
        except BaseException as error:  # noqa: BLE001 - as above
            return self._raised(error, function.classes)
        return self._pulled(credit)

    def _pulled(self, credit: int) -> tuple[Any, ...]:
        assert self._waiting is not None, "the node pulls where no generator waits"
        items, function = self._waiting
        try:
            for _ in range(credit):
                try:
                    item = next(items)
                except StopIteration:
                    self._waiting = None
                    return ("end",)
                self._host.send_item(self._packed(item, function))
        except BaseException as error:  # noqa: BLE001 - as above
            self._waiting = None
            return self._raised(error, function.classes)
        return ("paused",)

    def _packed(self, value: object, function: _Function) -> bytes:
        packed = values.pack(value, function.classes, name="result")
        if len(packed) > self._host.largest:
            raise ValueError(
                f"the result has {len(packed)} bytes, more than the {self._host.largest} that this"
                " node sends at once: return less, or yield it in parts"
            )
        return packed

    def _raised(self, error: BaseException, classes: Mapping[str, type]) -> tuple[Any, ...]:
        told = self._host.describe(error)
        try:
            exception = values.pack(error, classes)
        except Exception:  # noqa: BLE001 - what an exception holds is foreign, and need not go
            exception = _NOT_CARRIED
        return "raised", told["type"], told["message"], told["traceback"], told["frames"], exception
