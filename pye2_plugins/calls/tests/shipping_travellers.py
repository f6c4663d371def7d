"""Functions and values that travel between different Pythons, and what is run on either side.

As a program, in whatever Python: ``shipping_travellers.py send FILE`` writes what it would send to
a node, ``run FILE`` runs what was sent, and writes what came of it in its place. Needs neither
numpy nor pytest.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import enum
import functools
import importlib
import json
import math
import re
import sys
from collections import Counter, OrderedDict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import attrs

from pye2_calls.shipping import classes_in, define, ship
from pye2_calls.values import pack, pack_arguments, unpack, unpack_arguments
from pye2_node.sandbox.functions import Functions, Refused, language_of
from pye2core.code.rules import Permitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RATE = Decimal("0.19")
TABLE = {"a": [1, 2], (3, None): {4}}
WORDS = {"word": re.compile(r"\w+", re.ASCII)}


class Colour(enum.Enum):
    RED = 1

    def lower(self) -> str:
        return self.name.lower()


class Wanted(enum.Flag):
    READ = 1
    WRITE = 2


Pair = namedtuple("Pair", "one other", defaults=[2])  # noqa: PYI024 - made at run time is meant


class Row(NamedTuple):
    number: int
    text: str = "t"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: float
    y: list[int] = dataclasses.field(default_factory=list)
    colour: Colour = Colour.RED

    def moved(self, by: float) -> Point:
        return dataclasses.replace(self, x=self.x + by)


@attrs.frozen
class Reading:
    at: datetime
    value: float = attrs.field(converter=float, default=0)


class Silent(Exception):
    def __init__(self, sensor: str, *, code: int) -> None:
        super().__init__(f"{sensor} is silent")
        self.code = code


class Base:
    factor = 2

    def of(self, x: int) -> int:
        return x * self.factor


class Derived(Base):
    def of(self, x: int) -> int:
        return super().of(x) + 1


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **more: Any) -> Any:
        return "logged", function(*args, **more)

    return wrapper


@logged
def decorated(x: int, *, key: Any = RATE) -> Any:
    return x * key


@functools.cache
def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@contextlib.contextmanager
def doubled(x: int) -> Iterator[int]:
    yield x * 2


def around(n: int) -> Callable[[int], Any]:
    def even(x: int) -> bool:
        return x == 0 or odd(x - 1)

    def odd(x: int) -> bool:
        return x != 0 and even(x - 1)

    return lambda x: (even(x), n)


def values() -> Any:
    return RATE, TABLE, WORDS["word"].findall("a b"), Colour.RED.lower(), Wanted.READ | Wanted.WRITE


def classes(point: Point, reading: Reading) -> Any:
    return point.moved(1.5), reading, Row(1), Pair(3), Derived().of(4), point.colour


def statements(xs: list[int]) -> Any:
    try:
        raise ExceptionGroup("some", [ValueError(1), KeyError("k")])
    except* ValueError as group:
        caught = len(group.exceptions)
    except* KeyError:
        pass
    with doubled(xs[0]) as twice:
        rest = [x for x in xs if (y := x) > 1 and y]
    match {"rows": xs, "more": twice}:
        case {"rows": [first, *others], **kwargs}:
            return caught, first, others, kwargs, rest, f"{xs[0]!r:>{4}} {'x'}"
    return None


def prints_text(name: str) -> str:
    return f"""of several
  lines, {name}
    """


def decorated_all(n: int) -> Any:
    return decorated(n), fibonacci(n), around(7)(n), *map(lambda x, k=Colour.RED: (x, k.value), [n])


def raises() -> Any:
    return Silent("attic", code=7), json.JSONDecodeError("no", "doc", 1)


MOMENT = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=timezone(timedelta(hours=1), "X"))
CALLS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (values, ()),
    (classes, (Point(x=1.0, y=[2]), Reading(MOMENT, 3))),
    (statements, ([3, 1, 2],)),
    (prints_text, ("é",)),
    (decorated_all, (6,)),
    (raises, ()),
    (around(5), (3,)),
    (functools.partial(pow, 2), (10,)),
    (math.hypot, (3, 4)),
]

SPECIMENS: list[Any] = [
    [
        None,
        True,
        -0.0,
        math.inf,
        2**63,
        -(10**5000),
        1e308,
        2j,
        "\ud800é",
        b"\x00",
        bytearray(b"x"),
    ],
    [(), {(1, None): [], frozenset({3}): {4}}, deque([1], 2), OrderedDict(a=1), Counter("aab")],
    [date.min, time(1, 2, fold=1), MOMENT, datetime(2026, 1, 1, tzinfo=UTC), timedelta.min],
    [Decimal("-0E-10"), Decimal("sNaN1"), Fraction(-1, 3), UUID(int=5), range(9, 0, -2)],
    [slice(1, None, 2), PurePosixPath("a/b"), ValueError("x", [1]), FileNotFoundError(2, "n", "f")],
    bytearray(5000),
]


# --- either side ----------------------------------------------------------------------------------


def sent(calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> dict[str, Any]:
    """All that would be sent to a node, and what comes of it here."""
    with numbers_of_any_length():
        return {
            "values": _text(pack(SPECIMENS)),
            "calls": [_call(function, args) for function, args in calls],
        }


@contextlib.contextmanager
def numbers_of_any_length() -> Iterator[None]:
    """Let whole numbers be shown that are longer than Python usually shows."""
    usual = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(usual)


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
    shipped = ship(function, also=classes_in(args))
    return {
        "name": shipped.name,
        "source": shipped.source,
        "parameters": shipped.parameters,
        "values": {name: _text(data) for name, data in shipped.values.items()},
        "arguments": _text(pack_arguments(args, {}, shipped.classes)),
        "result": _text(pack(function(*args), shipped.classes)),
        "told": {str(n): shipped.place_of(n) for n in range(1, shipped.source.count("\n") + 2)},
    }


def came(message: dict[str, Any]) -> dict[str, Any]:
    """What comes of it on this side."""
    with numbers_of_any_length():
        return {
            "values": [repr(SPECIMENS), repr(unpack(_data(message["values"])))],
            "calls": [result_of(call) for call in message["calls"]],
        }


def result_of(call: dict[str, Any]) -> list[str]:
    """What was expected of a call and what it gave, or why it may not run."""
    functions = Functions(print, language_of(Permitted()).with_given())
    try:
        maker = functions.make("shipped", call["source"], call["parameters"])
    except Refused as refusal:
        return ["refused", str(refusal)]
    made = define(maker, None, {name: _data(text) for name, text in call["values"].items()})
    args, kwargs = unpack_arguments(_data(call["arguments"]), made.classes)
    again = unpack(pack(made.function(*args, **kwargs), made.classes), made.classes)
    return [repr(unpack(_data(call["result"]), made.classes)), repr(again)]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _data(text: str) -> bytes:
    return base64.b64decode(text)


def main(what: str, file: str, *modules: str) -> None:
    """Send or run; ``modules`` have calls to send in place of those of this one."""
    calls = [(importlib.import_module(name).sent, (3,)) for name in modules] or CALLS
    message = json.loads(Path(file).read_text("utf-8"))
    done = sent(calls) if what == "send" else came(message)
    Path(file).write_text(json.dumps(done), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
