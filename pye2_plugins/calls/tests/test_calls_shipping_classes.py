"""Classes of the user's: they are made again where they arrive, and both sides know them."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import json
import linecache
import sys
import types
import typing
from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar

import attrs
import numpy as np
import pytest
from shipping_support import make, there

from pye2_calls.shipping import classes_in, ship
from pye2_calls.values import ValueNotCarried, pack, unpack

UNIT = 10
T = TypeVar("T")


@dataclass(order=True)
class Point:
    """Somewhere."""

    x: int
    y: int = UNIT
    around: list[Point] = field(default_factory=list, compare=False)
    made: ClassVar[int] = 0
    scale: InitVar[float] = 1.0

    def __post_init__(self, scale):
        self.x *= int(scale)

    def moved(self, by: Session) -> Point:  # noqa: F821
        return Point(self.x + by, self.y)

    @classmethod
    def origin(cls):
        return cls(0, 0)

    @property
    def size(self):
        return abs(self.x) + abs(self.y)

    class Kind(enum.Enum):
        NEAR = 1
        FAR = 2

    def kind(self):
        return Point.Kind.NEAR if self.size < UNIT else Point.Kind.FAR


@attrs.frozen
class Reading:
    sensor: str
    value: float = attrs.field(default=0.5, converter=float)
    taken: typing.ClassVar[int] = 3


class Colour(enum.IntEnum):
    RED = 1
    GREEN = enum.auto()


class Row(NamedTuple):
    key: str
    other: Row | None = None

    def double(self):
        return self.key * 2


Old = namedtuple("Old", "a b", defaults=(Colour.RED,))  # noqa: PYI024 - this test's subject


@functools.total_ordering
class Plain:  # noqa: PLW1641 - its hash is not needed
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    def __lt__(self, other):
        return self.n < other.n


class Stack(Plain, Generic[T]):
    def __init__(self, n):
        super().__init__(n + 1)


class NotFound(ValueError):
    pass


def moves(point):
    made = Point(1).moved(2)
    return made, point < made, made.kind() is Point.Kind.FAR, Point.origin().size


def test_a_dataclass_that_a_function_uses_is_there():
    made = make(ship(moves))
    there_point = next(kind for name, kind in made.classes.items() if name.endswith(":Point"))

    point, is_less, is_far, size = made.function(there_point(0))
    assert dataclasses.astuple(point) == (3, 10, [])
    assert (is_less, is_far, size) == (True, True, 0)
    assert [each.name for each in dataclasses.fields(there_point)] == ["x", "y", "around"]


def sends_back(reading):
    return Reading(reading.sensor, reading.value + 1), Colour.GREEN, Row("a", Row("b")), Old(1)


def test_instances_travel_in_both_directions():
    shipped = ship(sends_back)
    made = make(shipped)

    argument = unpack(pack(Reading("a", 1), shipped.classes), made.classes)
    result = unpack(pack(made.function(argument), made.classes), shipped.classes)

    assert result == (Reading("a", 2.0), Colour.GREEN, Row("a", Row("b")), Old(1, Colour.RED))
    assert type(result[2]) is Row
    assert made.function(argument)[2].double() == "aa"


def test_classes_are_known_by_module_and_name():
    assert set(ship(sends_back).classes) == {
        f"{__name__}:Reading",
        f"{__name__}:Colour",
        f"{__name__}:Row",
        f"{__name__}:Old",
    }
    assert ship(sends_back).classes[f"{__name__}:Reading"] is Reading


DEFAULT = Reading("default")


def uses_an_instance(x):
    return DEFAULT.sensor, x


def test_values_bring_the_classes_of_what_is_in_them():
    shipped = ship(uses_an_instance)

    assert shipped.classes == {f"{__name__}:Reading": Reading}
    assert make(shipped).function(1) == ("default", 1)


def width(shape):
    return shape.x


def test_classes_that_a_function_does_not_name_can_be_sent_along():
    with pytest.raises(ValueNotCarried):
        pack(Point(1), ship(width).classes)

    shipped = ship(width, also=classes_in([Point(1)]))
    made = make(shipped)

    assert made.function(unpack(pack(Point(7), shipped.classes), made.classes)) == 7
    assert shipped.digest != ship(width).digest


def test_classes_in_a_value_are_found_wherever_they_are():
    value = {Colour.RED: [Row("a", Reading("x"))], "b": (Point(1, 2, [Old(1, 2)]), Plain(1))}

    assert set(classes_in(value)) == {Colour, Row, Reading, Point, Old}
    assert classes_in([1, "a", np.zeros(2), None]) == []
    assert classes_in(collections.deque([Colour.RED])) == [Colour]


def test_a_value_that_contains_itself_has_its_classes_found():
    value = [Colour.RED]
    value.append(value)

    assert classes_in(value) == [Colour]


def compares(n):
    return Plain(1) <= Plain(n), Stack(1).n


def test_plain_classes_go_with_bases_decorators_and_super():
    assert there(compares)(1) == (True, 2)


def fails(name):
    raise NotFound(name)


def test_exceptions_of_the_user_s_are_raised_as_such():
    made = make(ship(fails))

    with pytest.raises(ValueError, match="ann") as raised:
        made.function("ann")

    assert type(raised.value).__name__ == "NotFound"
    assert type(raised.value) in made.classes.values()


@pytest.mark.parametrize("function", [Point, Point.origin, Row, Old, Colour])
def test_classes_and_their_methods_can_be_called_themselves(function):
    arguments = {Point: (1,), Row: ("a",), Old: (1,), Colour: (2,)}.get(function, ())

    assert str(there(function)(*arguments)) == str(function(*arguments))


def test_a_function_taken_from_a_class_goes_with_it():
    made = make(ship(Point.moved))
    point = next(kind for name, kind in made.classes.items() if name.endswith(":Point"))

    assert made.function(point(1), 2).x == 3


def test_a_class_in_a_class_is_found_by_itself():
    assert there(Point.Kind)(2).name == "FAR"


def test_a_class_made_in_a_function_takes_what_its_methods_enclose():
    step = 4

    class Walker:
        def walk(self):
            return step

    def go():
        return Walker().walk()

    assert there(go)() == 4


def test_a_class_body_runs_after_all_that_it_calls(library):
    module = library(
        "ordered",
        "class Late:\n    table = make_table() if 'make_table' in globals() else None\n"
        "def use():\n    return Table.rows\n"
        "def make_table():\n    return [helper(n) for n in range(2)]\n"
        "def helper(n):\n    return n * STEP\n"
        "STEP = 5\n"
        "class Table:\n    rows = make_table()\n",
    )

    assert there(module.use)() == [0, 5]


def test_classes_of_given_and_granted_modules_are_known_too():
    from http import HTTPStatus

    def status():
        return HTTPStatus.OK

    shipped = ship(status)

    assert shipped.modules == ("http",)
    assert shipped.classes == {"http:HTTPStatus": HTTPStatus}


CELLS = [
    "from dataclasses import dataclass\nLIMIT = 4",
    "@dataclass\nclass Cell:\n    x: int = 1",
    "@dataclass\nclass Cell:\n    x: int = LIMIT",
    "def made(): return Cell().x",
]


def test_classes_that_were_typed_into_a_notebook_are_found_the_latest_of_a_name(monkeypatch):
    names = {"__name__": "__main__"}
    for number, text in enumerate(CELLS):
        name = f"<ipython-input-classes-{number}>"
        lines = text.splitlines(keepends=True)
        monkeypatch.setitem(linecache.cache, name, (len(text), None, lines, name))
        exec(compile(text, name, "exec"), names)
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(**names))

    assert there(names["made"])() == 4


class Failed(Exception):
    pass


def test_exceptions_of_the_user_s_are_known_to_both_sides():
    def fails(x):
        raise Failed(x)

    shipped = ship(fails)
    made = make(shipped)

    with pytest.raises(made.classes[f"{__name__}:Failed"]) as caught:
        made.function([1])
    back = unpack(pack(caught.value, made.classes), shipped.classes)
    assert type(back) is Failed
    assert back.args == ([1],)


def test_classes_of_exceptions_and_in_them_are_found():
    others = [ValueError(3), json.JSONDecodeError("", "", 0)]
    error = ExceptionGroup("some", [Failed(Point(1, 2)), *others])

    assert classes_in({"failed": error}) == [Failed, Point]


def test_classes_have_the_names_there_that_they_have_here(library):
    text = "from dataclasses import dataclass\n@dataclass\nclass Named:\n    {}\n"
    library("one", text.format("x: int = 1"))
    library("other", text.format("y: str = 'y'"))
    import one
    import other

    class Local(enum.Enum):
        A = 1

    def names():
        both = one.Named, other.Named
        return [str(each()) for each in both], str(both[1]), Local.__name__, str(Local), Point(3)

    *named, point = there(names)()

    assert repr((*named, point)) == repr(names())
    assert str(type(point)) == str(Point)


def test_a_class_that_is_imported_there_keeps_its_names():
    made = make(ship(lambda x: json.JSONDecodeError and Counted(x)))

    assert str(made.classes[f"{__name__}:Counted"]) == str(Counted)
    assert json.JSONDecodeError.__module__ == "json.decoder"


class Counted(collections.Counter):
    pass


def test_a_class_reads_the_names_that_its_methods_read():
    text = "K = 3\nclass Reads:\n    def k(self): return K\ndef reads(): return Reads().k()\n"
    linecache.cache["<program>"] = (len(text), None, text.splitlines(keepends=True), "<program>")
    program = {"__name__": "__main__"}  # as a profiler runs it: `__main__` is the profiler's
    exec(compile(text, "<program>", "exec"), program)

    assert "K" not in vars(sys.modules["__main__"])
    assert there(program["reads"])() == 3
