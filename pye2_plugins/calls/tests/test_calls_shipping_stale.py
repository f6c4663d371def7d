"""Functions and classes whose files say something else by now are not sent as something else."""

import importlib
import subprocess
import sys

import pytest

from pye2_calls.shipping import ship
from pye2_calls.shipping.written import Unwritten, write_class
from pye2core.errors import CodeRefused


def refused(function):
    with pytest.raises(CodeRefused) as caught:
        ship(function)
    return str(caught.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):\n    return x + 1\n", "def f(x):\n    return x - 1\n"),
        ("def f(x):\n    return x + 1\n", "def f(x):\n    return x + 2\n"),
        ("def f(x):\n    return g(x)\n", "def f(x):\n    return h(x)\n"),
        ("f = lambda x: x + 1\n", "f = lambda x: x - 1\n"),
        (
            "def f():\n    return g()\ndef g(): return 1\n",
            "def f():\n    return g()\ndef g(): return\n",
        ),
        ("def f():\n    return C().m()\nclass C:\n    def m(self): return 1\n",) * 2,
    ],
)
def test_a_function_that_was_edited_on_its_very_lines_is_refused(library, tmp_path, before, after):
    module = library("edited", before)
    (tmp_path / "edited.py").write_text(after.replace("def m(self): return 1", "def m(self): pass"))

    message = refused(module.f)

    assert "is not to be found in" in message
    assert "if the file has changed since, start the program again" in message


def test_a_function_of_a_file_that_was_edited_elsewhere_is_sent(library, tmp_path):
    module = library("edited", "def f(x):\n    return x + 1\ndef g(): return 1\n")
    (tmp_path / "edited.py").write_text("def f(x):\n    return x + 1\ndef g(): return 2, 3\n")

    assert "return x + 1" in ship(module.f).source


CLASSES = """
import dataclasses, enum
class Colour(enum.Enum):
    RED, GREEN = "r", 2
    BLUE = 3
    ALSO = (1, 2)
class Planet(enum.Enum):
    EARTH = (6.0, 2)
    def __new__(cls, mass, size):
        made = object.__new__(cls)
        made._value_ = mass * size
        return made
class Doubled(enum.Enum):
    ONE = 1
    def __init__(self, value):
        self._value_ = 2 * value
class Level(enum.IntEnum):
    LOW = True
class Word(enum.StrEnum):
    A = "a"
    B = enum.auto()
@dataclasses.dataclass
class Limits:
    low: float = 1
    high: float = dataclasses.field(default=2)
    names: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(slots=True)
class More(Limits):
    low: float = 5
"""


def _classes(tmp_path):
    (tmp_path / "enums.py").write_text(CLASSES)
    return importlib.import_module("enums")


@pytest.mark.parametrize("name", ["Colour", "Planet", "Doubled", "Level", "Word", "Limits", "More"])
def test_enumerations_and_dataclasses_that_nobody_edited_are_sent(library, tmp_path, name):
    kind = getattr(_classes(tmp_path), name)

    assert f"class {name}" in write_class(kind, bool, bool).text


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("Colour", "BLUE = 3", "BLUE = 4"), ("More", "low: float = 5", "low: float = 6")],
)
def test_those_that_were_edited_are_refused(library, tmp_path, name, before, after):
    kind = getattr(_classes(tmp_path), name)
    (tmp_path / "enums.py").write_text(CLASSES.replace(before, after))

    with pytest.raises(Unwritten, match="if the file has changed since"):
        write_class(kind, bool, bool)


@pytest.mark.parametrize("more", ["break\n", "def g(:\n", "x = 'a\n"])
def test_a_file_that_is_no_python_by_now_is_refused(library, tmp_path, more):
    module = library("edited", "def f(x):\n    return x + 1\n")
    (tmp_path / "edited.py").write_text("def f(x):\n    return x + 1\n" + more)

    message = refused(module.f)

    assert "`f` is not to be found in" in message
    assert "if the file has changed since, start the program again" in message


UNUSUAL = '''
from __future__ import annotations
import re as regex, dataclasses, abc

class Plain(abc.ABC):
    """Has a text."""
    def __init__(self): self.__x = regex.compile("a")
    @property
    def x(self): return [self.__x for _ in range(3) if (n := 1) and n]
    @classmethod
    def made(cls, *, key=lambda v: -v): return cls
    def with_super(self): return super().__init__()

@dataclasses.dataclass(slots=True)
class Data:
    x: int = 1
    def m(self): return __class__, f"{self.x!r:>{3}}"

def around(n):
    """Has a text."""
    def inner(y, *rest, z=n, **more):
        try:
            return n + y
        except* ValueError:
            pass
    async def other():
        async with n as m: yield m
    return inner, other

def matches(x):
    match x:
        case {"a": [first, *_], **rest}: return first, rest
    assert x, "no"
    return 1.0e300 * 1j, -0.0, ..., (1, (2, b"3")), regex.sub("a", "b", x)

def generates(x): yield x

pair = lambda a: a + 1, lambda a: a + 1
'''


def test_what_nobody_edited_is_never_taken_for_edited(library, tmp_path):
    (tmp_path / "unusual.py").write_text(UNUSUAL)
    program = (
        "import unusual\n"
        "from pye2_calls.shipping.written import write_class, write_function\n"
        "from unusual import *\n"
        "functions = [around, around(1)[0], matches, generates, *pair]\n"
        "for each in [*functions, Plain.x.fget, Plain.made.__func__, Plain.with_super]:\n"
        "    print(write_function(each, bool, bool).own)\n"
        "for each in (Plain, Data):\n"
        "    print(write_class(each, bool, bool).own)\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [
        *("around", "inner", "matches", "generates", "x", "made", "with_super", "Plain", "Data")
    ]


def test_python_s_warnings_of_a_text_are_heard_once_and_refuse_nothing(library):
    with pytest.warns(Warning, match="invalid escape sequence"):
        module = library("warned", 'def f(s):\n    return "\\d" + s\n')

    assert '"\\d"' in ship(module.f).source  # where warnings are errors
