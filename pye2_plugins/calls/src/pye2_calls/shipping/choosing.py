"""What each thing that a program uses is to be sent as.

Python's own and what is installed is imported where it arrives; what the user wrote goes as text;
all else as a value. What cannot go is noted with the place that asks for it, and something else
stands for it, so that all of it can be told at once.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import functools
import inspect
import itertools
import sys
import weakref
from keyword import iskeyword
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.shipping import expressions, origins, refusals
from pye2_calls.shipping.annotations import Annotations
from pye2_calls.shipping.expressions import expression_of
from pye2_calls.shipping.instances import classes_in, is_carried
from pye2_calls.shipping.later import set_later, watch_of
from pye2_calls.shipping.literals import literal_of
from pye2_calls.shipping.refusals import Complaint, Place
from pye2_calls.shipping.surroundings import Surroundings, around_class, around_function
from pye2_calls.shipping.things import (
    Definition,
    Expression,
    Fixed,
    Imported,
    Known,
    Module,
    Packed,
    Space,
    Thing,
)
from pye2_calls.shipping.written import Unwritten, imports_of, write_class, write_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pye2_calls.shipping.written import Written

_CACHED: Final = type(functools.cache(len))
_METHODS: Final = (MethodType, BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)
_CODE: Final = (
    FunctionType,
    type,
    ModuleType,
    functools.partial,
    _CACHED,
    *expressions.KINDS,
    *_METHODS,
)
_NOTHING: Final = object()
_BRACKETS: Final[Mapping[type, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    dict: ("{", "}"),
}


class Choices:
    """What has been chosen so far.

    Attributes:
        things: all of it, in the order in which it was found.
        modules: the modules that have to be granted.
        kinds: the classes that both sides know, by the names under which they travel.
        complaints: what cannot go.
        watched: whether each thing that was looked at is still what it was.
    """

    def __init__(self, teller: Thing, reader: Thing) -> None:
        self.things: list[Thing] = [teller, reader]
        self.modules: set[str] = set()
        self.kinds: dict[str, Known] = {}
        self.complaints: list[Complaint] = []
        self.watched: list[Callable[[], bool]] = []
        self.unexplored: list[tuple[Definition, Surroundings]] = []
        """The definitions that nobody has looked into yet."""
        self._teller = teller
        self._reader = reader
        self._known: dict[Any, Thing] = {}
        self._kept_alive: list[object] = []
        self._open: set[int] = set()
        self._choices: Sequence[tuple[Any, Callable[[Any, str, Place], Thing]]] = (
            (FunctionType, self._function),
            (type, self._class),
            (functools.partial, self._partial),
            (_CACHED, self._wrapped),
            (_METHODS, self._method),
        )

    def thing(
        self, found: Any, name: str, place: Place, around: Surroundings | None = None
    ) -> Thing:
        """What something is sent as.

        Args:
            found: the thing itself.
            name: what it is called where it is asked for.
            place: where that is.
            around: what the names mean there; None if it was not asked for by a name.
        """
        name = name if name.isidentifier() and not iskeyword(name) else "made"
        literal = literal_of(found)
        if literal is not None:
            return self._once((name, literal), lambda: Expression(name, (literal,)))
        return self._once(id(found), lambda: self._make(found, name, place, around), found)

    def _once(self, key: object, make: Callable[[], Thing], kept: object = None) -> Thing:
        known = self._known.get(key)
        if known is None:
            known = make()
            if key not in self._known:
                self._remember(key, known)
            self._kept_alive.append(kept)
        return known

    def _remember(self, key: object, thing: Thing) -> None:
        self._known[key] = thing
        if thing not in self.things:
            self.things.append(thing)

    def add(self, thing: Thing) -> Thing:
        """Send another thing along."""
        self.things.append(thing)
        return thing

    def refuse(self, place: Place, message: str, name: str) -> Thing:
        """Note that something cannot go; gives what stands for it."""
        self.complaints.append(Complaint(place, message, name))
        return Expression(name, ("None",))

    def _make(self, found: Any, name: str, place: Place, around: Surroundings | None) -> Thing:
        if id(found) in origins.BUILTINS:
            return Fixed(origins.BUILTINS[id(found)])
        if isinstance(found, ModuleType):
            return self._module(found, name, place)
        imported = self._imported(found, name, around)
        if imported is not None:
            return imported
        why = refusals.why_it_stays(found, name)
        if why is not None:
            return self.refuse(place, why, name)
        return self._code(found, name, place) or self._value(found, name, place)

    def _imported(self, found: Any, name: str, around: Surroundings | None) -> Thing | None:
        """What the user's file imports from an installed module: it is imported there as well."""
        if around is None or not (callable(found) or type(found).__module__ == "typing"):
            return None
        way = imports_of(around.module, around.file).get(name)
        if way is None or not origins.has_imported(*way, found):
            return None
        return self._import_from(*way, name, found)

    def _import_from(self, module: str, path: str, name: str, found: object) -> Thing:
        self.import_(module)
        made = Imported(name, module, path)
        if isinstance(found, type) and is_carried(found):
            self._known_class(found, made)
        return made

    def import_(self, module: str) -> None:
        """Note that a module is imported."""
        if not origins.is_given(module):
            self.modules.add(module)

    def _module(self, found: ModuleType, name: str, place: Place) -> Thing:
        module = found.__name__
        if not origins.is_users(module):
            self.import_(module)
            return Module(name, module)
        if not origins.is_source(found):
            return self.refuse(place, refusals.is_compiled(name, module), name)
        return Space(name, module)

    # --- code -------------------------------------------------------------------------------------

    def _code(self, found: Any, name: str, place: Place) -> Thing | None:
        expression = expression_of(found, name, self._parts_at(place))
        if expression is not None:
            return expression
        for kinds, choose in self._choices:
            if isinstance(found, kinds):
                return choose(found, name, place)
        way = origins.way_to(found) if callable(found) else None
        return self._import_from(*way, name, found) if way is not None else None

    def _function(self, found: FunctionType, name: str, place: Place) -> Thing:
        if inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found):
            return self.refuse(place, refusals.is_async(name), name)
        if origins.is_installed_function(found):
            return self._of_installed(found, name, place)
        owner = _owner_of(found)
        if owner is not None:
            return self._member(owner, found.__name__, place)
        return self._definition(id(found), found, name, place)

    def _watch_function(self, found: FunctionType) -> None:
        code, defaults, reference = found.__code__, found.__defaults__, weakref.ref(found)
        keywords = dict(found.__kwdefaults__ or {})

        def is_unchanged() -> bool:
            function = reference()
            return (
                function is not None
                and function.__code__ is code
                and function.__defaults__ is defaults
                and _same_items(function.__kwdefaults__ or {}, keywords)
            )

        self.watched.append(is_unchanged)
        for value in (*(defaults or ()), *keywords.values()):
            self._watch_container(value)

    def _watch_container(self, value: Any) -> None:
        if isinstance(value, dict):
            items = dict(value)
            self.watched.append(lambda: _same_items(value, items))
        elif isinstance(value, list | set):
            held = list(value)
            self.watched.append(lambda: _same(list(value), held))

    def _of_installed(self, found: Any, name: str, place: Place) -> Thing:
        way = origins.way_to(found)
        if way is not None:
            return self._import_from(*way, name, found)
        if hasattr(found, "__wrapped__"):
            return self._wrapped(found, name, place)
        return self.refuse(place, refusals.is_foreign(name, found), name)

    def _wrapped(self, found: Any, name: str, place: Place) -> Thing:
        """A function of the user's under one of Python's own decorators."""
        if isinstance(found, _CACHED):
            options = ", ".join(f"{key}={value}" for key, value in found.cache_parameters().items())
            by: tuple[Any, str] = functools.lru_cache, f"({options})"
        elif is_of_contextmanager(found):
            by = contextlib.contextmanager, ""
        else:
            home = found.__globals__.get("__name__", found.__code__.co_filename)
            return self.refuse(place, refusals.is_wrapped(name, home), name)
        inner = found.__wrapped__
        if not isinstance(inner, FunctionType):
            return self.refuse(place, refusals.is_foreign(name, inner), name)
        return self._decorated(found, inner, name, place, by)

    def _decorated(
        self, found: Any, inner: FunctionType, name: str, place: Place, by: tuple[Any, str]
    ) -> Thing:
        made = self._definition(id(found), inner, name, place)
        if not isinstance(made, Definition):
            return made
        decorator, options = by
        stand_in = f"{decorator.__name__}_of_{made.written.own or 'lambda'}"
        made.needs[stand_in] = self.thing(decorator, decorator.__name__, place)
        made.eager.add(stand_in)
        made.wrapper = stand_in + options
        return made

    def _definition(self, key: object, found: FunctionType, name: str, place: Place) -> Thing:
        self._watch_function(found)
        around = around_function(found)
        annotations = Annotations(around)
        try:
            written = write_function(found, annotations.is_marker, annotations.is_plain)
        except Unwritten as error:
            return self.refuse(place, str(error), name)
        return self._define(key, name, written, around)

    def _define(self, key: object, name: str, written: Written, around: Surroundings) -> Definition:
        made = Definition(written.own or name, written)
        self._remember(key, made)
        self.unexplored.append((made, around))
        return made

    def _class(self, found: type, name: str, place: Place) -> Thing:
        if not origins.is_users(found.__module__):
            return self._of_installed(found, name, place)
        made = self._class_itself(found, name, place)
        self._known_class(found, made)
        return made

    def _class_itself(self, found: type, name: str, place: Place) -> Thing:
        owner = _owner_of(found)
        if owner is not None:
            return self._member(owner, found.__name__, place)
        around = around_class(found)
        annotations = Annotations(around)
        try:
            written = write_class(found, annotations.is_marker, annotations.is_plain)
        except Unwritten as error:
            if _is_made_record(found):
                return self._record(found, name, place)
            return self.refuse(place, str(error), name)
        made = self._define(id(found), name, written, around)
        self._set_later(made, found, place)
        return made

    def _set_later(self, made: Definition, found: type, place: Place) -> None:
        definition = made.written.tree.body[0]
        assert isinstance(definition, ast.ClassDef)
        for attribute, value in set_later(found, definition).items():
            made.later[attribute] = self._part(value, f"{found.__name__}_{attribute}", place)
        self.watched.append(watch_of(found))

    def _known_class(self, found: type, made: Thing) -> Known:
        wire_name = base = f"{found.__module__}:{found.__qualname__}"
        count = 1
        while wire_name in self.kinds:
            if self.kinds[wire_name].type is found:
                return self.kinds[wire_name]
            count += 1
            wire_name = f"{base}#{count}"
        self.kinds[wire_name] = Known(wire_name, wire_name, made, self._teller, found)
        self.add(self.kinds[wire_name])
        return self.kinds[wire_name]

    def _record(self, found: Any, name: str, place: Place) -> Thing:
        """A named tuple that was made by ``collections.namedtuple``."""
        maker = self.thing(collections.namedtuple, "namedtuple", place)  # noqa: PYI024 - named, not used
        parts: list[str | Thing] = [maker, f"({found.__name__!r}, {found._fields!r}, defaults=("]
        for field, value in found._field_defaults.items():
            parts += [self._part(value, f"{name}_{field}", place), ", "]
        return Expression(name, (*parts, "))"), f"named tuple {found.__name__}")

    def _member(self, owner: Any, name: str, place: Place) -> Thing:
        holder = self.thing(owner, owner.__name__, place)
        return Expression(name, (holder, f".{name}"), f"{owner.__qualname__}.{name}")

    def _method(self, found: Any, name: str, place: Place) -> Thing:
        owner = getattr(found, "__self__", getattr(found, "__objclass__", None))
        if isinstance(owner, type) and getattr(owner, found.__name__, None) == found:
            return self._member(owner, found.__name__, place)
        way = origins.way_to(found)
        if way is not None:
            return self._import_from(*way, name, found)
        if owner is None or isinstance(owner, ModuleType):
            return self.refuse(place, refusals.is_foreign(name, found), name)
        return self.refuse(place, refusals.is_method(found, name), name)

    def _partial(self, found: functools.partial[Any], name: str, place: Place) -> Thing:
        self._watch_container(found.keywords)
        function = self.thing(found.func, getattr(found.func, "__name__", name), place)
        maker = self.thing(functools.partial, "partial", place)
        given = expressions.arguments(found.args, found.keywords, name, self._parts_at(place))
        return Expression(name, (maker, "(", function, *given, ")"), f"partial {name}")

    def _parts_at(self, place: Place) -> Callable[[Any, str], str | Thing]:
        return lambda value, name: self._part(value, name, place)

    def _part(self, value: Any, name: str, place: Place) -> str | Thing:
        """What stands for a value in an expression."""
        return literal_of(value) or self.thing(value, name, place)

    # --- values -----------------------------------------------------------------------------------

    def _value(self, found: Any, name: str, place: Place) -> Thing:
        if type(found) in _BRACKETS and _holds_code(found, set()):
            return self._display(found, name, place)
        why = refusals.is_instance(name, type(found).__qualname__)
        if callable(found) and not is_carried(type(found)):
            return self.refuse(place, why, name)
        kinds = tuple(self.kind(each, place) for each in classes_in(found))
        return Packed(name, found, self._reader, place, kinds)

    def kind(self, found: type, place: Place) -> Thing:
        """What makes a class known to both sides."""
        return self._known_class(found, self.thing(found, found.__name__, place))

    def _display(self, found: Any, name: str, place: Place) -> Thing:
        """A container with code in it, written out."""
        if id(found) in self._open:
            return self.refuse(place, refusals.holds_itself(name), name)
        self._open.add(id(found))
        self._watch_container(found)
        items = found.items() if isinstance(found, dict) else ((each,) for each in found)
        parts: list[str | Thing] = []
        for number, item in enumerate(items):
            *key, value = (self._part(each, f"{name}_{number}", place) for each in item)
            parts += [*(each for one in key for each in (one, ": ")), value, ", "]
        self._open.discard(id(found))
        opening, closing = _BRACKETS[type(found)]
        return Expression(name, (opening, *parts, closing), f"{type(found).__name__} {name}")


def is_of_contextmanager(found: Any) -> bool:
    """Whether ``contextlib.contextmanager`` made a function."""
    code = getattr(found, "__code__", None)
    return code is not None and code.co_qualname.startswith("contextmanager.")


def _owner_of(found: Any) -> type | None:
    """The class that a function or class stands in, if it is there by its name."""
    path = found.__qualname__.split(".")[:-1]
    if not path or "<locals>" in path:
        return None
    owner: Any = sys.modules.get(found.__module__)
    for name in path:
        owner = getattr(owner, name, None)
    is_owner = isinstance(owner, type) and getattr(owner, found.__name__, None) is found
    return owner if is_owner else None


def _is_made_record(found: Any) -> bool:
    """Whether it is a class that ``namedtuple`` made: nobody wrote its ``__new__``."""
    return found.__bases__ == (tuple,) and hasattr(found, "_fields") and "__slots__" in vars(found)


def _holds_code(found: Any, seen: set[int]) -> bool:
    """Whether there is code in a container: functions, classes, modules."""
    if id(found) in seen:
        return False
    seen.add(id(found))
    if isinstance(found, _CODE):
        return True
    if type(found) not in _BRACKETS:
        return False
    held = [*found, *found.values()] if isinstance(found, dict) else found
    return any(_holds_code(each, seen) for each in held)


def _same(some: Iterable[object], others: Iterable[object]) -> bool:
    """Whether two lists hold the very same objects."""
    pairs = itertools.zip_longest(some, others, fillvalue=_NOTHING)
    return all(one is other for one, other in pairs)


def _same_items(some: Mapping[Any, object], others: Mapping[Any, object]) -> bool:
    return _same(some, others) and _same(some.values(), others.values())
