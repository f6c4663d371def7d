"""Instances of classes that both sides know come back, without anything of the class being run."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls.values import ValueNotCarried, ValueNotReadable, pack, unpack

T = TypeVar("T")


@dataclass
class Plain:
    x: Any
    y: Any = 2


@dataclass(frozen=True, slots=True)
class Frozen:
    x: Any
    y: tuple[Any, ...] = ()


@dataclass
class Child(Plain):
    z: list[Any] = field(default_factory=list)


@dataclass
class Watched:
    """Says what is run of it."""

    x: int
    run = []

    def __post_init__(self):
        self.run.append("post_init")

    def __setattr__(self, name, value):
        self.run.append(f"set {name}")
        object.__setattr__(self, name, value)


@dataclass
class Computed:
    side: int

    def __post_init__(self):
        self.area = self.side**2  # no field, but part of it


@dataclass
class Typed(Generic[T]):
    x: T


@attrs.define
class Slotted:
    x: Any
    _hidden: Any = None
    later: Any = attrs.field(init=False)


@attrs.frozen
class SlottedChild(Slotted):
    more: Any = 3


@attrs.define(slots=False)
class Loose:
    x: Any


class Point(NamedTuple):
    x: Any
    y: Any


class Colour(enum.Enum):
    RED = "r"
    CRIMSON = RED
    BLUE = object()


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


@dataclass(slots=True)
class Lean:
    x: Any


@dataclass
class AlsoList(list):
    x: int = 1


CLASSES = {
    f"m:{each.__qualname__}": each
    for each in (
        *(Plain, Frozen, Child, Watched, Computed, Typed, Slotted, SlottedChild, Loose, Point),
        *(Colour, Level, Right, Lean, AlsoList),
    )
}


def back_of(value):
    return unpack(pack(value, CLASSES), CLASSES)


INSTANCES = st.recursive(
    st.integers() | st.text() | st.sampled_from([Colour.RED, Colour.BLUE, Level.LOW, Right(3)]),
    lambda inner: st.one_of(
        st.builds(Plain, inner, inner),
        st.builds(Frozen, inner, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Child, inner, inner, st.lists(inner, max_size=3)),
        st.builds(Slotted, inner, inner),
        st.builds(SlottedChild, inner, inner, inner),
        st.builds(Loose, inner),
        st.builds(Point, inner, inner),
        st.builds(Typed[int], inner),
        st.dictionaries(st.text(), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(value=INSTANCES)
def test_instances_come_back_however_nested(value):
    assert repr(back_of(value)) == repr(value)


@pytest.mark.parametrize("member", [*Colour, *Level, *Right, Right(3), Right(0)], ids=str)
def test_members_are_the_same_members(member):
    assert back_of(member) is member


def test_instances_can_be_keys():
    value = {Frozen(1, (Colour.RED,)): Point(1, 2)}

    assert back_of(value) == value


def test_nothing_of_the_class_is_run():
    data = pack(Watched(1), CLASSES)
    Watched.run.clear()

    unpack(data, CLASSES)

    assert Watched.run == []


def test_what_an_instance_has_beside_its_fields_comes_along():
    assert back_of(Computed(3)).area == 9


def test_a_field_that_was_never_set_is_not_set_there():
    assert not hasattr(back_of(Slotted(1)), "later")


def test_a_class_is_known_by_the_name_under_which_it_travels():
    @dataclass
    class Theirs:
        x: int
        y: int

    back = unpack(pack(Plain(1), CLASSES), {"m:Plain": Theirs})

    assert back == Theirs(1, 2)


def test_an_instance_of_a_class_that_is_not_known_here_is_not_made():
    data = pack(Plain(1), CLASSES)

    with pytest.raises(ValueNotReadable, match="m:Plain, a class that is not known here"):
        unpack(data, {})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            Plain(1),
            "Plain, a class that the other side does not know; name the class in the function",
        ),
        (Point(1, 2), "Point, a class that the other side does not know"),
        (Colour.RED, "Colour, a class that the other side does not know"),
    ],
    ids=["dataclass", "named tuple", "enum"],
)
def test_an_instance_of_a_class_that_is_not_said_to_be_known_is_refused(value, told):
    with pytest.raises(ValueNotCarried, match=told):
        pack(value)


def test_a_dataclass_that_is_a_list_besides_is_refused():
    with pytest.raises(ValueNotCarried, match="AlsoList"):
        pack(AlsoList(), CLASSES)


@pytest.mark.parametrize(
    "fields", [{"__class__": 1}, {"__dict__": {}}, {"nothing": 1}, {3: 4}, [1]], ids=str
)
def test_fields_that_a_slotted_class_has_not_are_not_set(fields):
    data = pack(Lean(1), CLASSES)
    own = pack({"x": 1})

    with pytest.raises(ValueNotReadable):
        unpack(data.replace(own, pack(fields)), CLASSES)
    assert own in data


@pytest.mark.parametrize("cls", [Plain, Point, Colour, Level, Right, AlsoList, int, object])
@pytest.mark.parametrize(
    ("value", "sort"),
    [(Plain(1), Plain), (Point(1, 2), Point), (Colour.RED, enum.Enum), (Right(3), enum.Enum)],
    ids=repr,
)
def test_only_a_class_of_the_same_sort_makes_an_instance(value, sort, cls):
    if issubclass(cls, sort):
        cls = dict
    name = f"m:{type(value).__qualname__}"

    with pytest.raises(ValueNotReadable):
        unpack(pack(value, CLASSES), {name: cls})


def test_a_record_has_as_many_items_as_its_class_has_fields():
    class Three(NamedTuple):
        x: int
        y: int
        z: int

    with pytest.raises(ValueNotReadable, match="3 fields, not 2"):
        unpack(pack(Point(1, 2), CLASSES), {"m:Point": Three})


class Marked(Point):
    """Has room for attributes besides its fields."""


def test_a_named_tuple_with_more_than_its_fields_is_refused_instead_of_losing_it():
    known = {"m:Marked": Marked}
    value = Marked(1, 2)

    assert type(unpack(pack(value, known), known)) is Marked
    value.mark = "lost"
    with pytest.raises(ValueNotCarried, match=r"the value\[0\] is a named tuple with .*\(mark\)"):
        pack([value], known)
