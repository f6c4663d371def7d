"""What ``taking_apart`` made, to objects again.

Of a class nothing is run but its ``__setstate__``. Which functions and classes may be named is the
caller's to say: a worker, which is confined, gives all that is loaded; a client what it has sent.
"""

from __future__ import annotations

import functools
import re
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from pye2_calls.values import ValueNotReadable
from pye2_joblib.forms import (
    Again,
    Instance,
    Method,
    ObjectArray,
    Partial,
    Pattern,
    Randomness,
    Reference,
    Sent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class PuttingTogether:
    """Puts values together.

    Args:
        named: gives the function or class of a name; raises ``ValueNotReadable``.
        sent: the functions and classes that went along as text.
    """

    def __init__(self, named: Callable[[str], Any], sent: Sequence[Any]) -> None:
        self._named = named
        self._sent = sent
        self._made: dict[int, Any] = {}
        """The objects so far, by number; the state of some is still under way."""
        self._makers: dict[type, Callable[[Any], Any]] = {
            Reference: lambda form: self._named(form.name),
            Sent: lambda form: self._sent[form.number],
            Instance: self._instance,
            Again: lambda form: self._made[form.number],
            Method: self._method,
            Partial: self._partial,
            Pattern: lambda form: re.compile(form.pattern, form.flags),
            Randomness: _randomness,
            ObjectArray: self._array,
            dict: self._dict,
            **dict.fromkeys((list, tuple, set, frozenset), self._collection),
        }

    def together(self, value: Any) -> Any:
        """The value that this one stands for.

        Raises:
            ValueNotReadable: it names what may not be named, or is not here; or its parts do not
                make what they should.
        """
        make = self._makers.get(type(value))
        if make is None:
            return value
        try:
            return make(value)
        except ValueNotReadable:
            raise
        except Exception as error:
            raise ValueNotReadable(
                f"a {type(value).__name__} cannot be put together here"
                f" ({type(error).__name__}: {error!s:.200}); is its package of the same version on"
                " both sides?"
            ) from error

    def _collection(self, value: Any) -> Any:
        return type(value)(map(self.together, value))

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        return {self.together(key): self.together(item) for key, item in value.items()}

    def _instance(self, form: Instance) -> Any:
        kind = self.together(form.kind)
        if not isinstance(kind, type):
            raise ValueNotReadable(f"an object's class is {kind!r:.100}, which is none")
        made: Any = object.__new__(kind)
        self._made[form.number] = made
        state = self.together(form.state)
        if type(state) is dict and any(str(name).startswith("__") for name in state):
            raise ValueNotReadable(f"a {kind.__qualname__} has a field that nobody sets")
        if hasattr(kind, "__setstate__"):
            made.__setstate__(state)
            return made
        fields, slots = state if type(state) is tuple else (state, None)
        for name, item in {**(fields or {}), **(slots or {})}.items():
            object.__setattr__(made, name, item)
        return made

    def _method(self, form: Method) -> Any:
        owner = self.together(form.owner)
        kind = owner if isinstance(owner, type) else type(owner)
        if not isinstance(getattr(kind, form.name), FunctionType) and kind is not owner:
            raise ValueNotReadable(f"a {kind.__qualname__} has no method {form.name[:100]!r}")
        return getattr(owner, form.name)

    def _partial(self, form: Partial) -> Any:
        function, args = self.together(form.function), self.together(form.args)
        return functools.partial(function, *args, **self.together(form.kwargs))

    def _array(self, form: ObjectArray) -> Any:
        made = np.empty(len(form.items), dtype=object)
        for place, item in enumerate(self.together(form.items)):
            made[place] = item
        return made.reshape(form.shape)


def _randomness(form: Randomness) -> Any:
    made = np.random.RandomState()
    made.set_state(form.state)
    return made
