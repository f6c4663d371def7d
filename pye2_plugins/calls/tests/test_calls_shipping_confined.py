"""What was shipped is made and called in a worker of a node's sandbox, with every layer on.

The worker's language check is off for the few lines that stand for the child's part; what was
shipped goes through the check of its own.
"""

import asyncio
import base64
import dataclasses
import datetime as dt
import enum
import functools
import linecache
import math
import uuid
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath

import attrs
import numpy as np
import pytest

from pye2_calls.shipping import classes_in, ship
from pye2_calls.values import pack, unpack
from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2_node.sandbox.functions import CHECKED, Functions, Refused
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2core.abc import FunctionSource
from pye2core.code.grants import Grants
from pye2core.code.rules import GIVEN_MODULES

TIMEOUT = 30
CHILD = """
import base64
from pye2_calls.shipping.making import define
from pye2_calls.values import pack, unpack
from pye2_node.sandbox.functions import CHECKED, Functions
functions = Functions(print, CHECKED.with_given())
maker = functions.make("shipped", source, parameters)
made = define(maker, plugin, {name: base64.b64decode(text) for name, text in values.items()})
arguments = unpack(base64.b64decode(packed), made.classes)
return base64.b64encode(pack(made.function(*arguments), made.classes)).decode()
"""
PRELOADED = Grants(modules=("pye2_calls.shipping.making", "pye2_calls.values.arrays"))
CHILD_S = FunctionSource(CHILD, ("plugin", "source", "parameters", "values", "packed"))


class Owner:
    """Hears nothing."""

    async def on_log(self, text):
        """Forget it."""

    async def on_limit(self, name, value):
        """Forget it."""


def in_workers(*calls):
    """What a function gives in one worker: each of ``calls`` is a function and its arguments."""

    async def run():
        layers = frozenset(ALL_LAYERS - {Layer.CHECK})
        pool = SandboxPool(SandboxLimits(layers=layers))
        try:
            worker = await pool.spawn(Owner(), grants=PRELOADED)
            await worker.define({"child": CHILD_S})
            return [
                await called(worker, ship(function, also=classes_in(arguments)), arguments)
                for function, *arguments in calls
            ]
        finally:
            await pool.stop()

    return asyncio.run(run())


async def called(worker, shipped, arguments):
    values = {name: base64.b64encode(data).decode() for name, data in shipped.values.items()}
    packed = base64.b64encode(pack(tuple(arguments), shipped.classes)).decode()
    result = await worker.call(
        "child", shipped.source, list(shipped.parameters), values, packed, timeout=TIMEOUT
    )
    if result.failure is not None:
        return f"{result.failure.type}: {result.failure.message}"
    return unpack(base64.b64decode(result.value), shipped.classes)


RATE = Decimal("0.1")
GRID = np.linspace(0, 1, 5)


class Colour(enum.Enum):
    RED = "r"


@dataclass
class Point:
    x: float
    colour: Colour = Colour.RED

    def length(self):
        return math.hypot(self.x, 1)


@attrs.frozen
class Reading:
    at: dt.date
    path: PurePosixPath = attrs.field(factory=lambda: PurePosixPath("a/b"))


@functools.cache
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def works(point, readings):
    found = [Reading(each.at + dt.timedelta(days=1)) for each in readings]
    doubled = dataclasses.replace(point, x=point.x * 2)
    inverse = np.linalg.inv(np.eye(2) * 2)
    counts = Counter("abca").most_common(1)
    return doubled, doubled.length(), found, RATE * 3, GRID.sum(), inverse, fibonacci(50), counts


def imports_all():
    return uuid.UUID(int=1), Fraction(1, 3), dt.datetime.strptime("2026", "%Y").year  # noqa: DTZ007


def imports_numpy_s_other_parts():
    from numpy import ma

    return ma.array([1]).sum()


def test_a_function_with_all_that_it_uses_runs_in_a_confined_worker():
    arguments = Point(1.5), [Reading(dt.date(2026, 1, 31))]
    for_given = _importing(sorted(GIVEN_MODULES))

    worked, imported, given, missing = in_workers(
        (works, *arguments), (imports_all,), (for_given,), (imports_numpy_s_other_parts,)
    )

    expected = works(*arguments)
    assert repr(worked) == repr(expected)
    assert type(worked[0]) is Point
    assert imported == imports_all()
    assert given == sorted(GIVEN_MODULES)
    assert ship(imports_numpy_s_other_parts).modules == ("numpy.ma",)
    assert missing.startswith("ModuleNotFoundError: plugin.np.ma is not there on nodes")


def _importing(modules):
    """A function that imports each of some modules, written as people write them."""
    rows = [f"    import {module} as m{number}" for number, module in enumerate(modules)]
    names = ", ".join(f"m{number}.__name__" for number in range(len(modules)))
    return _loaded("\n".join(["def f():", *rows, f"    return [{names}]"]))


def _loaded(text):
    name = "<ipython-input-confined>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names = {"__name__": __name__}
    exec(compile(text, name, "exec"), names)
    return names["f"]


@pytest.mark.parametrize("module", ["os", "sys", "subprocess", "socket", "pickle", "ctypes"])
def test_what_is_not_given_is_neither_let_through_nor_there(module):
    functions = Functions(print, CHECKED.with_given())

    with pytest.raises(Refused):
        functions.make("f", f"import {module}\nreturn 1", ("plugin",))
    names = functions.make("g", "return 1", ("plugin",)).__globals__["__builtins__"]
    with pytest.raises(ImportError, match="imports are not available on nodes"):
        names["__import__"](module)


@pytest.mark.parametrize("module", sorted(GIVEN_MODULES - {"numpy"}))
def test_code_that_was_not_called_has_no_given_modules(module):
    functions = Functions(print, CHECKED)

    with pytest.raises(Refused):
        functions.make("f", f"import {module}\nreturn 1", ("plugin",))
