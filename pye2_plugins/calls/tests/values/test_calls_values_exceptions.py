"""Exceptions of known classes, and of modules that are everywhere, come back as what they were."""

import binascii
import csv
import dataclasses
import decimal
import graphlib
import io
import json
import queue
import re
import statistics
import struct
import sys
import zlib
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls.values import ValueNotCarried, ValueNotReadable, in_words, pack, unpack
from pye2_calls.values.exceptions import name_of


class Plain(Exception):
    """Calls ``super`` with something else than it was called with."""

    def __init__(self, sensor, *, code):
        super().__init__(f"{sensor} is silent")
        self.code = code


class OfSystem(OSError):
    def __init__(self, path):
        super().__init__(2, "gone", path)
        self.path = path


class Mixed(KeyError, AttributeError):
    pass


class OfUnicode(UnicodeDecodeError):
    pass


class Stops(StopIteration):
    pass


class Group(ExceptionGroup):
    def __new__(cls, number):
        return super().__new__(cls, "some", [ValueError(number)])

    def __init__(self, number):
        super().__init__("some", [ValueError(number)])


class Slotted(Exception):
    __slots__ = ("later", "place")

    def __init__(self, place):
        super().__init__()
        self.place = place


@dataclasses.dataclass
class Data(Exception):
    x: int
    y: str = "y"


@attrs.frozen
class Frozen(Exception):
    x: int


class Watched(Exception):
    run: list[str] = []

    def __init__(self, *args):
        self.run.append("__init__")
        super().__init__(*args)

    def __setattr__(self, name, value):
        self.run.append("__setattr__")
        super().__setattr__(name, value)

    def __setstate__(self, state):
        self.run.append("__setstate__")

    def __reduce__(self):
        self.run.append("__reduce__")
        return super().__reduce__()


OWN = (Plain, OfSystem, Mixed, OfUnicode, Stops, Group, Slotted, Data, Frozen, Watched)
CLASSES = {f"m:{each.__name__}": each for each in OWN}


def back_of(value):
    return unpack(pack(value, CLASSES), CLASSES)


@pytest.mark.parametrize(
    "error",
    [
        Plain("attic", code=7),
        OfSystem("/nowhere"),
        Mixed("k"),
        OfUnicode("utf-8", b"\xff", 0, 1, "bad"),
        Stops(3),
        Group(4),
        Slotted((1, 2)),
        Data(1),
        Frozen(2),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_exception_of_a_known_class_comes_back_as_it_was(error):
    error.add_note("noted")

    back = back_of(error)

    assert type(back) is type(error)
    assert repr((back.args, str(back), vars(back))) == repr((error.args, str(error), vars(error)))
    for name in ("errno", "filename", "value", "reason", "exceptions", "place", "x"):
        assert repr(getattr(back, name, None)) == repr(getattr(error, name, None))
    assert not hasattr(back, "later")


def test_nothing_of_an_exception_s_class_is_run():
    error = Watched("a")
    error.code = 3
    Watched.run.clear()

    back = back_of(error)

    assert (back.args, back.code, Watched.run) == (("a",), 3, [])


def test_exceptions_of_known_classes_may_be_anywhere():
    value = {"failed": [ExceptionGroup("two", [Plain("attic", code=1), OSError(2, "x")])]}

    (group,) = back_of(value)["failed"]

    assert group.exceptions[0].code == 1


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(), st.tuples(st.text()))), st.text())
def test_whatever_it_holds_comes_back(arguments, note):
    error = Watched(*arguments)
    error.add_note(note)

    back = back_of(error)

    assert (type(back), back.args, back.__notes__) == (Watched, tuple(arguments), [note])


def raised_by(function, *arguments):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the tests' subject
        function(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("json:JSONDecodeError", raised_by(json.loads, "{")),
        ("statistics:StatisticsError", raised_by(statistics.mean, [])),
        ("struct:error", raised_by(struct.pack, "i", "x")),
        ("zlib:error", raised_by(zlib.decompress, b"x")),
        ("binascii:Error", raised_by(binascii.unhexlify, "x")),
        ("queue:Empty", raised_by(queue.Queue().get_nowait)),
        ("zoneinfo:ZoneInfoNotFoundError", raised_by(ZoneInfo, "No/Such")),
        (f"re:{re.error.__name__}", raised_by(re.compile, "(")),
        ("csv:Error", raised_by(csv.Sniffer().sniff, "")),
        ("io:UnsupportedOperation", raised_by(io.BytesIO().fileno)),
        ("numpy.linalg:LinAlgError", raised_by(np.linalg.inv, np.zeros((2, 2)))),
        ("graphlib:CycleError", raised_by(graphlib.TopologicalSorter({1: [1]}).prepare)),
    ],
)
def test_exceptions_of_modules_that_are_everywhere_come_back_as_such(name, error):
    back = unpack(pack(error))

    assert name_of(type(error)) == name
    assert type(back) is type(error)
    assert (back.args, vars(back)) == (error.args, vars(error))


@pytest.mark.parametrize(
    "name",
    ["json:loads", "json:no", "os:error", "subprocess:TimeoutExpired", "json", ":", "m:Plain", ""],
)
def test_only_an_exception_of_such_a_module_can_be_named(name):
    data = pack(ValueError("x")).replace(pack("ValueError"), pack(name))

    with pytest.raises(ValueNotReadable):
        unpack(data)


def test_no_module_is_imported_because_bytes_name_it(monkeypatch):
    data = pack(raised_by(json.loads, "{"))
    monkeypatch.delitem(sys.modules, "json")

    with pytest.raises(ValueNotReadable):
        unpack(data)
    assert "json" not in sys.modules


@pytest.mark.parametrize("cls", [Data, ValueError, int, dict], ids=lambda each: each.__name__)
def test_only_an_exception_is_made_of_an_exception_s_parts(cls):
    data = pack(Plain("attic", code=7), CLASSES)

    if issubclass(cls, BaseException):
        assert type(unpack(data, {"m:Plain": cls})) is cls
    else:
        with pytest.raises(ValueNotReadable):
            unpack(data, {"m:Plain": cls})


@pytest.mark.parametrize("name", ["__class__", "__dict__", "__traceback__", "__cause__", "args"])
def test_what_nobody_sets_on_an_exception_is_not_set(name):
    error = Plain("attic", code=7)
    data = pack(error, CLASSES)

    with pytest.raises(ValueNotReadable):
        unpack(data.replace(pack("code"), pack(name)), CLASSES)


def test_an_exception_of_a_class_that_is_not_known_is_refused_with_the_way_out():
    told = r"the value\[0\] is an? .*Plain, a class that the other side does not know; name the"

    with pytest.raises(ValueNotCarried, match=told):
        pack([Plain("attic", code=7)])


def test_an_exception_that_holds_what_cannot_go_can_be_told_in_words():
    error = raised_by(decimal.Decimal(1).__truediv__, 0)

    with pytest.raises(ValueNotCarried, match=r"args\[0\]\[0\] is the class DivisionByZero"):
        pack(error)
    back = unpack(pack(in_words(error)))

    assert type(back) is decimal.DivisionByZero
    assert back.args == (str(error),)


@attrs.frozen(cache_hash=True)
class Hashed:
    name: str


def test_a_hash_that_attrs_keeps_stays_behind():
    key = Hashed("a")
    hash(key)
    classes = {"m:Hashed": Hashed}

    assert unpack(pack({key: 1}, classes), classes) == {Hashed("a"): 1}
