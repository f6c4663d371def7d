"""What is known of a function that was shipped: its digest, and whether it has changed since."""

import functools
import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from shipping_support import there

from pye2_calls.shipping import ship
from pye2core.errors import CodeRefused

LIMIT = 3
TABLE = {"a": [1]}
WEIGHTS = np.ones(3)
STEPS = [len]


def helper():
    return LIMIT


def reads_globals():
    return helper(), TABLE, WEIGHTS.sum(), STEPS[0]("ab")


def test_a_function_that_has_not_changed_is_not_shipped_again():
    assert ship(reads_globals) is ship(reads_globals)


def test_a_constant_that_was_changed_is_noticed_also_where_a_helper_reads_it(monkeypatch):
    before = ship(reads_globals)
    monkeypatch.setattr(sys.modules[__name__], "LIMIT", 4)

    assert ship(reads_globals).digest != before.digest
    assert there(reads_globals)()[0] == 4

    monkeypatch.undo()
    assert ship(reads_globals).digest == before.digest


def test_values_that_were_changed_in_place_are_noticed():
    before = ship(reads_globals)
    TABLE["a"].append(2)
    WEIGHTS[0] = 5
    try:
        assert ship(reads_globals).digest != before.digest
        assert there(reads_globals)()[1:3] == ({"a": [1, 2]}, 7)
    finally:
        TABLE["a"].pop()
        WEIGHTS[0] = 1


def test_a_value_that_cannot_be_carried_any_more_is_refused_then():
    def reads():
        return rows

    rows = [1]
    ship(reads)
    rows.append(object())

    with pytest.raises(CodeRefused, match=r"`rows`\[1\] is an? object"):
        ship(reads)


def test_containers_of_functions_that_were_changed_are_noticed():
    before = ship(reads_globals).digest
    STEPS[0] = str
    try:
        assert ship(reads_globals).digest != before
        assert there(reads_globals)()[3] == "ab"
    finally:
        STEPS[0] = len


def test_helpers_that_were_replaced_are_noticed(monkeypatch):
    before = ship(reads_globals).digest
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda: 17)

    assert ship(reads_globals).digest != before
    assert there(reads_globals)()[0] == 17


def test_a_name_that_hides_a_built_in_since_is_noticed(monkeypatch):
    def longest(xs):
        return len(xs)

    before = ship(longest)
    monkeypatch.setattr(sys.modules[__name__], "len", lambda xs: -1, raising=False)

    assert ship(longest).digest != before.digest
    assert there(longest)([1]) == -1


def test_variables_around_a_function_that_were_changed_are_noticed():
    factor = 2

    def times(x):
        return x * factor

    before = ship(times)
    assert there(times)(4) == 8
    factor = 3

    assert ship(times).digest != before.digest
    assert there(times)(4) == 12


def test_default_values_that_were_changed_are_noticed():
    def remember(x, seen=[], *, last={}):  # noqa: B006 - this test's subject
        seen.append(x)
        last["x"] = x
        return seen

    before = ship(remember)
    remember(1)
    later = ship(remember)
    remember.__defaults__ = ([7],)

    assert len({before.digest, later.digest, ship(remember).digest}) == 3
    assert there(remember)(2) == [7, 2]


def test_what_a_partial_holds_is_watched():
    held = [1]
    function = functools.partial(max, held)
    before = ship(function)
    held.append(9)

    assert ship(function).digest != before.digest
    assert there(function)() == 9


def test_a_name_in_a_module_of_the_user_s_that_was_changed_is_noticed(library):
    module = library("settings_of_mine", "SPEED = 1")
    import settings_of_mine

    def speed():
        return settings_of_mine.SPEED

    before = ship(speed)
    module.SPEED = 2

    assert ship(speed).digest != before.digest
    assert there(speed)() == 2


def test_two_functions_of_one_text_and_equal_values_have_one_digest():
    def make(values):
        def read():
            return values

        return read

    assert ship(make([1, {2}])).digest == ship(make([1, {2}])).digest
    assert ship(make([1, {2}])).digest != ship(make([1, {3}])).digest
    assert ship(make([1])).digest != ship(make((1,))).digest


def test_what_is_kept_goes_with_the_function():
    data = [1]

    def short_lived(n, kept=LIMIT):
        return data, n and short_lived(n - 1), kept  # noqa: F821 - it is deleted below

    ship(short_lived)
    gone = weakref.ref(short_lived)
    del short_lived
    gc.collect()

    assert gone() is None


PROGRAM = """
from pathlib import Path
import sys
sys.path.insert(0, {folder!r})
from steady_module import work
from pye2_calls.shipping import ship
from pye2core.errors import CodeRefused
print(ship(work).digest)
"""
MODULE = """
import enum
class Kind(enum.Enum):
    A = 1
    B = 2
NAMES = {"ann", "bob", "cem", "dan", ("x", 1)}
NESTED = {"kinds": frozenset({Kind.A, Kind.B}), "sets": [frozenset("abcdef"), {1: {"y", "z"}}]}
TEXTS = ["a", {"b": "c"}]
def helper(x, which=NAMES): return x in which
def work(x, *, names=frozenset({"p", "q", "r"})):
    return helper(x), NESTED, TEXTS, names, Kind
"""


def test_digests_are_the_same_in_every_process(tmp_path):
    (tmp_path / "steady_module.py").write_text(MODULE)
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(folder=str(tmp_path))],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(digests) == 1
    assert digests.pop().startswith("sha256:")
