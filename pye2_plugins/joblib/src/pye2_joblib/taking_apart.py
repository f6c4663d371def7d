"""Objects of installed packages to values that can be packed.

A function or class goes by its name, an object as its class's name and its state. What cannot go is
refused with its place, as ``args[0].estimator.tree_``.
"""

from __future__ import annotations

import functools
import re
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pye2_calls.shipping.instances import is_carried
from pye2_calls.values import NESTING_LIMIT, ValueNotCarried, pack
from pye2_calls.values.kinds import ATOMS, short
from pye2_calls.values.table import kind_of
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
from pye2_joblib.references import is_given, name_of, package_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_CODE: Final = (type, FunctionType, BuiltinFunctionType, np.ufunc)
_COLLECTIONS: Final = (list, tuple, set, frozenset)


class TakingApart:
    """Takes values apart; remembers what they consist of.

    Args:
        number_of: gives a function or class of the user's the number under which it goes along;
            None if it does not.

    Attributes:
        names: the functions and classes that went by their names.
        packages: the packages that the other side needs for it.
        is_plain: whether nothing had to be taken apart: values can carry it as it stands.
    """

    def __init__(self, number_of: Callable[[Any], int | None]) -> None:
        self.names: set[str] = set()
        self.packages: set[str] = set()
        self.is_plain = True
        self._number_of = number_of
        self._around: set[int] = set()
        self._met: dict[int, tuple[int, Any]] = {}
        """By identity, the number of an object, and the object: so that no other gets the same."""

    def apart(self, value: Any, place: str) -> Any:
        """A value that can be packed with ``FORMS``, and stands for this one.

        Args:
            value: anything.
            place: what it is called in errors.

        Raises:
            ValueNotCarried: something in it cannot go; says where, and what to do instead.
        """
        kind = type(value)
        if kind in ATOMS:
            return value
        if id(value) in self._met:
            return Again(self._met[id(value)][0])
        if id(value) in self._around or len(self._around) >= NESTING_LIMIT:
            raise ValueNotCarried(
                place,
                f"contains itself, or is nested more than {NESTING_LIMIT} levels deep",
                "pass what it holds, flatter",
            )
        self._around.add(id(value))
        try:
            return self._apart(value, kind, place)
        finally:
            self._around.discard(id(value))

    def _apart(self, value: Any, kind: type, place: str) -> Any:
        if kind in _COLLECTIONS:
            return kind(self.apart(each, f"{place}[{n}]") for n, each in enumerate(value))
        if kind is dict:
            return self._dict(value, place)
        if issubclass(kind, np.ndarray):
            return self._array(value, place)
        form = self._form_of(value, place)
        if form is not None:
            return form
        if kind_of(kind) is not None or _is_record(kind):
            return self._leaf(value, kind, place)
        return self._instance(value, place)

    def _dict(self, value: dict[Any, Any], place: str) -> dict[Any, Any]:
        made = {}
        for key, item in value.items():
            shown = short(key)
            taken = self.apart(key, f"{place} (its key {shown})")
            made[taken] = self.apart(item, f"{place}[{shown}]")
        return made

    def _array(self, value: Any, place: str) -> Any:
        if type(value) is np.memmap:
            self.is_plain = False
            value = np.asarray(value)
        if not value.dtype.hasobject or value.dtype.names:
            return value
        self.is_plain = False
        return ObjectArray(value.shape, self.apart(value.ravel().tolist(), place))

    def _form_of(self, value: Any, place: str) -> Any:
        """What stands for it, if it is code or one of few things that have a form of their own."""
        if isinstance(value, MethodType):
            self.is_plain = False
            return Method(self.apart(value.__self__, f"{place}.__self__"), value.__name__)
        if isinstance(value, _CODE):
            self.is_plain = False
            return self.code(value, place)
        form: Any = None
        if isinstance(value, re.Pattern):
            form = Pattern(value.pattern, value.flags)
        elif type(value) is functools.partial:
            form = self._partial(value, place, self.apart)
        elif type(value) is np.random.RandomState:
            form = Randomness(dict(value.get_state(legacy=False)))
        if form is not None:
            self.is_plain = False
        return form

    def _partial(
        self, value: functools.partial[Any], place: str, apart: Callable[[Any, str], Any]
    ) -> Partial:
        function = apart(value.func, f"{place}.func")
        args = self.apart(value.args, f"{place}.args")
        return Partial(function, args, self.apart(dict(value.keywords), f"{place}.keywords"))

    def function(self, value: Any, place: str) -> Any:
        """As :meth:`apart`, for what is called: a function that can be shipped as it is, is plain.

        Raises:
            ValueNotCarried: as :meth:`apart`.
        """
        if isinstance(value, _CODE) or hasattr(value, "cache_parameters"):
            return self.code(value, place)
        if type(value) is functools.partial:
            return self._partial(value, place, self.function)
        return self.apart(value, place)

    def code(self, thing: Any, place: str) -> Reference | Sent:
        """What stands for a function or class.

        Raises:
            ValueNotCarried: it has no name under which it is found, and cannot go along either.
        """
        number = self._number_of(thing)
        if number is not None:
            return Sent(number)
        name = name_of(thing)
        if name is None:
            raise ValueNotCarried(
                place,
                f"is {getattr(thing, '__qualname__', thing)!s:.100}, which has no name in a module",
                "use a function of a module, or one of your own that is written with def",
            )
        self.names.add(name)
        if not is_given(name):
            self.packages.add(package_of(name))
        return Reference(name)

    def _leaf(self, value: Any, kind: type, place: str) -> Any:
        if not _is_record(kind):
            pack(value, name=place)  # which refuses it by its place
            if kind.__module__.partition(".")[0] == "pandas":
                self.packages.add("pandas")
        return value

    def _instance(self, value: Any, place: str) -> Any:
        kind: Any = type(value)
        if not _can_be_made_bare(kind):
            pack(value, name=place)  # knows a way out for files, locks and the like
        if _is_reduced(kind):
            raise ValueNotCarried(
                place,
                f"is a {kind.__module__}.{kind.__qualname__}, which is not only its state",
                "return what is computed with it, such as scores or predictions, and make it where"
                " it is used",
            )
        code = self.code(kind, place)
        self.is_plain = self.is_plain and is_carried(kind) and isinstance(code, Sent)
        number = len(self._met)
        self._met[id(value)] = number, value
        return Instance(number, code, self._state(value.__getstate__(), place))

    def _state(self, state: Any, place: str) -> Any:
        if type(state) is dict:
            own = _without_special(state.items())
            return {name: self.apart(item, f"{place}.{name}") for name, item in own}
        return self.apart(state, place)


def _without_special(items: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Without what Python keeps in an object, as ``functools.wraps`` does."""
    return [(name, item) for name, item in items if not str(name).startswith("__")]


def _is_record(kind: Any) -> bool:
    """Whether it is a named tuple or an enumeration, which go as they are or not at all."""
    return is_carried(kind) and not _can_be_made_bare(kind)


@functools.lru_cache(maxsize=512)
def _can_be_made_bare(kind: Any) -> bool:
    try:
        object.__new__(kind)
    except TypeError:
        return False
    return True


def _is_reduced(kind: Any) -> bool:
    """Whether its class has objects made otherwise than bare, and with a state."""
    own = kind.__reduce__ is not object.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__
    return own or not _can_be_made_bare(kind)
