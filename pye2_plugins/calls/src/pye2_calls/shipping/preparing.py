"""Makes of a function what is sent: finds, writes, checks; and remembers what it made.

A function that was shipped before is not looked at again, but what it used is compared with what it
is now: names that mean something else by then, and values that were changed, are noticed.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from attrs import frozen

from pye2_calls.shipping import refusals
from pye2_calls.shipping.assembling import Assembly
from pye2_calls.shipping.choosing import is_of_contextmanager
from pye2_calls.shipping.finder import Finder
from pye2_calls.shipping.literals import is_changeable
from pye2_calls.shipping.parsing import unwarned
from pye2_calls.shipping.refusals import Complaint
from pye2_calls.shipping.shipped import Place, Shipped
from pye2_calls.shipping.steady import steady_bytes
from pye2_calls.shipping.things import Definition, Fixed, Packed
from pye2_calls.values import ValueNotCarried, pack
from pye2core.code import NO_GRANTS, CodeProblem, Permitted, check_source
from pye2core.code.rules import AS_SETTINGS, GIVEN_MODULES
from pye2core.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pye2_calls.shipping.things import Line, Thing
    from pye2core.code import Grants

_PARAMETERS: Final = ("plugin", "known_class", "shipped_value")


class _MadeWith(NamedTuple):
    """What else decides on what is made of a function.

    Attributes:
        also: classes that are to be known besides those that it names.
        opens: whether it may use ``open``.
    """

    also: tuple[type, ...]
    opens: bool


def ship(
    function: Callable[..., Any], also: Iterable[type] = (), asked: Grants = NO_GRANTS
) -> Shipped:
    """Make a function ready to be sent, with all that it needs.

    The result is kept as long as the function is; a later call takes microseconds, unless something
    that the function uses has changed.

    Args:
        function: the function; a lambda, ``functools.partial`` or class of the user's as well, or
            one of Python's own or of a module that is there.
        also: classes that are to be known where it runs besides those that it names; see
            ``classes_in``.
        asked: what is asked for where it runs; with folders or devices among it, ``open`` may go.

    Raises:
        CodeError: it is no function.
        CodeRefused: something of it cannot go, or could not run; tells all of it, in the lines of
            the user's files, and what to do instead.

    Example:
        >>> shipped = ship(lambda x: math.sqrt(x) + OFFSET)
        >>> shipped.modules
        ()
    """
    if not callable(function):
        raise CodeError(refusals.is_not_callable(function))
    made_with = _MadeWith(tuple(also), asked.opens_files)
    kept = _kept_for(function)
    if kept is not None and made_with in kept and kept[made_with].is_unchanged():
        return kept[made_with].shipped
    fresh = _Shipping(function, made_with).kept()
    if kept is not None:
        kept[made_with] = fresh
    return fresh.shipped


@frozen
class _Kept:
    """What was made of a function, and whether it would be made again.

    Attributes:
        shipped: what was made.
        watched: whether each name still means what it meant.
        values: values that may have changed, each with its bytes.
    """

    shipped: Shipped
    watched: tuple[Callable[[], bool], ...]
    values: tuple[tuple[Any, bytes], ...]

    def is_unchanged(self) -> bool:
        """Whether nothing that it was made of has changed since."""
        if not all(check() for check in self.watched):
            return False
        classes = self.shipped.classes
        try:
            return all(pack(value, classes) == packed for value, packed in self.values)
        except ValueNotCarried:
            return False


_kept: Final[WeakKeyDictionary[Any, dict[_MadeWith, _Kept]]] = WeakKeyDictionary()


def _kept_for(function: Any) -> dict[_MadeWith, _Kept] | None:
    """Where to keep what is made of a function; None if nothing can be kept of it."""
    try:
        return _kept.setdefault(function, {})
    except TypeError:  # it cannot be referred to weakly, or has no hash
        return None


class _Shipping:
    """One function on its way."""

    def __init__(self, function: Callable[..., Any], made_with: _MadeWith) -> None:
        self._function = function
        self._opens = made_with.opens
        self._name = _name_of(function)
        self._plugin, self._teller, self._reader = map(Fixed, _PARAMETERS)
        self._finder = Finder(self._teller, self._reader)
        self._root = self._finder.find(function, self._name)
        if isinstance(self._root, Packed):
            why = refusals.is_instance(self._name, type(function).__qualname__)
            self._finder.refuse(self._root.place, why, self._name)
        for kind in made_with.also:
            self._finder.know(kind)
        parameters = (self._plugin, self._teller, self._reader)
        self._assembly = Assembly(self._root, (*parameters, *self._finder.things), parameters)

    def kept(self) -> _Kept:
        """What is sent, once all is found to be well."""
        lines = self._assembly.lines()
        source = "\n".join(line.text for line in lines)
        values = self._packed()
        self._look_for_entangled()
        found = [*self._finder.complaints, *self._complaints_of_check(source, lines)]
        if found:
            raise refusals.refusal(self._name, _each_once(found))
        shipped = Shipped(
            name=self._name,
            source=source,
            parameters=self._assembly.parameters,
            values=values,
            classes=self._classes(),
            modules=tuple(sorted(self._finder.modules)),
            takes_plugin=_takes_plugin(self._function),
            is_generator=_is_generator(self._function),
            places=_places(lines),
            contents=tuple(filter(None, (each.told() for each in self._assembly.ordered()))),
            digest=self._digest(source, values),
        )
        changeable = tuple(
            (each.value, values[self._assembly.name_of(each)])
            for each in self._values()
            if is_changeable(each.value)
        )
        return _Kept(shipped, tuple(self._finder.watched), changeable)

    def _values(self) -> list[Packed]:
        return [each for each in self._assembly.ordered() if isinstance(each, Packed)]

    def _classes(self) -> Mapping[str, type]:
        return {name: known.type for name, known in self._finder.kinds.items()}

    def _packed(self) -> dict[str, bytes]:
        packed: dict[str, bytes] = {}
        classes = self._classes()
        for each in self._values():
            name = self._assembly.name_of(each)
            try:
                packed[name] = pack(each.value, classes, name=f"`{each.preferred}`")
            except ValueNotCarried as error:
                self._finder.refuse(each.place, str(error), each.preferred)
        return packed

    def _digest(self, source: str, packed: Mapping[str, bytes]) -> str:
        pieces = [source.encode(), *(each.encode() for each in self._assembly.parameters)]
        for each in self._values():
            name = self._assembly.name_of(each)
            pieces += [name.encode(), steady_bytes(each.value, packed[name], self._classes())]
        found = hashlib.sha256()
        for piece in pieces:
            found.update(len(piece).to_bytes(8, "big"))
            found.update(piece)
        return f"sha256:{found.hexdigest()}"

    def _look_for_entangled(self) -> None:
        found = self._assembly.entangled()
        if found is not None:
            names = [thing.preferred for thing in found]
            place = next(filter(None, map(_place_of, found)), refusals.Place(None, 0, self._name))
            self._finder.refuse(place, refusals.need_each_other(*names), names[0])

    def _complaints_of_check(self, source: str, lines: Sequence[Line]) -> list[Complaint]:
        permitted = Permitted(frozenset(self._finder.modules), self._opens, GIVEN_MODULES)
        with unwarned():
            problems = check_source(
                source, parameters=self._assembly.parameters, script=False, permitted=permitted
            )
        told = {(each.place.file, each.place.line, each.name) for each in self._finder.complaints}
        found = [_complaint(problem, lines, self._name) for problem in problems]
        return [each for each in found if (each.place.file, each.place.line, each.name) not in told]


def _place_of(thing: Thing) -> refusals.Place | None:
    if not isinstance(thing, Definition):
        return None
    written = thing.written
    return refusals.Place(written.file, written.first_line, thing.preferred)


def _complaint(problem: CodeProblem, lines: Sequence[Line], asker: str) -> Complaint:
    line = lines[min(problem.line, len(lines)) - 1]
    place = refusals.Place(line.file, line.number, asker)
    message = problem.message.replace(AS_SETTINGS, "as arguments")
    return Complaint(place, message, problem.name)


def _each_once(complaints: Sequence[Complaint]) -> list[Complaint]:
    """Each complaint once, in the order of the text."""
    return list(dict.fromkeys(complaints))


def _name_of(function: Any) -> str:
    if isinstance(function, functools.partial):
        return _name_of(function.func)
    name = getattr(function, "__name__", type(function).__name__)
    return "lambda" if name == "<lambda>" else str(name)


def _is_generator(function: Any) -> bool:
    """Whether calling it gives an iterator: of a decorated one, as the function under it tells."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        return False
    return inspect.isgeneratorfunction(inspect.unwrap(function, stop=is_of_contextmanager))


def _takes_plugin(function: Any) -> bool:
    if isinstance(function, functools.partial):
        return (
            not function.args and "plugin" not in function.keywords and _takes_plugin(function.func)
        )
    inner = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    place = 1 if inspect.ismethod(inner) else 0  # the class comes first in its methods
    return (
        code is not None and "plugin" in code.co_varnames[place : min(place + 1, code.co_argcount)]
    )


def _places(lines: Sequence[Line]) -> tuple[Place, ...]:
    """Where the user's lines are, those together that follow each other."""
    places: list[Place] = []
    for number, line in enumerate(lines, 1):
        if line.file is None:
            continue
        last = places[-1] if places else None
        if last is not None and _follows(last, number, line):
            places[-1] = Place(last.line, last.count + 1, last.file, last.file_line)
        else:
            places.append(Place(number, 1, line.file, line.number))
    return tuple(places)


def _follows(place: Place, number: int, line: Line) -> bool:
    is_next = place.line + place.count == number
    return is_next and (place.file, place.file_line + place.count) == (line.file, line.number)
