"""What goes along with a function: each test ships one and makes it where nothing of it is."""

import contextlib
import functools
import math
import operator
import re
import statistics
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Literal, Optional

import numpy as an_alias  # noqa: ICN001 - this test's subject
import numpy as np
import pytest
from shipping_support import PLUGIN, make, there

from pye2_calls.shipping import ship
from pye2core.errors import CodeRefused

FACTOR = 3
NEGATIVE = -0.0
NAMES = ("a", ("b", None), b"c", True)
TABLE = {"a": [1, 2], 3: (4, {5})}
PRICE = Decimal("1.10")
MATRIX = np.arange(6, dtype="int16").reshape(2, 3)
WORD = re.compile(r"\w+", re.IGNORECASE)
LONG_TEXT = "x" * 5000
HUGE = 1 << 5000
NOT_A_NUMBER = float("nan")


def plain(x, y=2, *rest, z=3, **others):
    """Adds."""
    return x + y + sum(rest) + z + sum(others.values())


def test_a_function_goes_as_it_stands():
    assert there(plain)(1) == 6
    assert there(plain)(1, 1, 1, 1, z=0, w=5) == 9
    assert there(plain).__doc__ == "Adds."


def uses_constants(x):
    return x * FACTOR, NEGATIVE, NAMES


def test_literal_constants_are_written_into_the_text():
    shipped = ship(uses_constants)

    assert "FACTOR = 3" in shipped.source
    assert shipped.values == {}
    assert repr(make(shipped).function(2)) == repr((6, -0.0, NAMES))


def uses_values():
    return TABLE, PRICE, MATRIX, LONG_TEXT, HUGE, NOT_A_NUMBER


def test_other_constants_go_as_values():
    shipped = ship(uses_values)

    table, price, matrix, text, huge, nan = make(shipped).function()
    assert set(shipped.values) == {"TABLE", "PRICE", "MATRIX", "LONG_TEXT", "HUGE", "NOT_A_NUMBER"}
    assert (table, price, text, huge) == (TABLE, PRICE, LONG_TEXT, HUGE)
    assert matrix.dtype == "int16"
    assert matrix.tolist() == MATRIX.tolist()
    assert math.isnan(nan)


def helper(x):
    return other_helper(x) + 1


def other_helper(x):
    return x * FACTOR


def uses_helpers(x):
    return helper(x)


def test_functions_that_it_uses_go_along_and_what_they_use():
    assert there(uses_helpers)(2) == 7


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def is_even(n):
    return n == 0 or is_odd(n - 1)


def is_odd(n):
    return n != 0 and is_even(n - 1)


def test_recursion_works_and_mutual_recursion():
    assert there(fibonacci)(10) == 55
    assert there(is_even)(7) is False


def adder_of(n):
    def add(x):
        return x + n

    return add


def test_a_closure_takes_the_values_around_it():
    assert there(adder_of(5))(1) == 6


def test_functions_of_one_text_with_different_values_around_them_do_not_mix():
    one, ten = adder_of(1), adder_of(10)

    def both(x):
        return one(x), ten(x), one(ten(x))

    assert there(both)(0) == (1, 10, 11)


def test_a_function_around_it_that_it_calls_by_its_own_name_goes_along():
    def countdown(n):
        return [n, *countdown(n - 1)] if n else []

    assert there(countdown)(3) == [3, 2, 1]


def test_a_name_that_means_two_things_means_each_where_it_is_used():
    def reader_of(value):
        def read():
            return value

        return read

    text, number = reader_of("text"), reader_of(7)
    value = 1.5

    def all_of_them():
        return value, text(), number()

    assert there(all_of_them)() == (1.5, "text", 7)


def test_a_text_of_several_lines_stays_what_it_is_wherever_it_ends_up():
    def written_by(word):
        def write():
            """Of several
            lines."""
            return f"""{word}
  and
    {word}"""

        return write

    one, two = written_by("a"), written_by("b")

    def both():
        return one(), two(), one.__doc__

    assert there(both)() == both()


LAMBDA = lambda x, n=FACTOR: x * n  # noqa: E731 - the test is about lambdas


def test_lambdas_go_with_their_default_values():
    assert there(LAMBDA)(2) == 6
    assert there(lambda x: LAMBDA(x) + 1)(2) == 7
    assert [there(function)(1) for function in [lambda x, n=n: x + n for n in (1, 10)]] == [2, 11]


def test_a_lambda_over_several_lines():
    function = functools.partial(
        lambda x, y: (
            # twice
            x + y
        ),
        2,
    )

    assert there(function)(2) == 4


def with_defaults(x, scale=FACTOR * 2, *, table=MATRIX, key=len, letters="abc", kept=[]):  # noqa: B006 - this test's subject
    return x * scale, table.sum(), key(letters), kept


def test_default_values_are_those_that_it_has_and_not_evaluated_again():
    shipped = ship(with_defaults)

    assert 'letters="abc"' in shipped.source
    assert "FACTOR" not in shipped.source
    assert make(shipped).function(2) == (12, 15, 3, [])


def test_default_values_that_were_changed_go_as_they_are():
    def remembers(x, seen=[]):  # noqa: B006 - this test's subject
        seen.append(x)
        return seen

    remembers(1)

    assert there(remembers)(2) == [1, 2]


def logged_as(name):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            return name and function(*args)

        return wrapper

    return decorate


def counts_up(n):
    for number in range(n):
        yield number * FACTOR


def test_a_generator_function_gives_an_iterator_there():
    shipped = ship(counts_up)

    assert shipped.is_generator
    assert list(make(shipped).function(3)) == [0, 3, 6]
    assert not ship(plain).is_generator


@logged_as("items")
def counts_down(n):
    yield n


def test_a_decorated_generator_function_is_one_and_a_context_manager_is_none():
    assert ship(counts_down).is_generator
    assert ship(functools.partial(counts_down, 1)).is_generator
    assert not ship(doubled).is_generator


def greet(plugin, name):
    return f"{plugin.node_id} greets {name}"


class Greeter:
    @classmethod
    def greet(cls, plugin, name):
        return cls.__name__, greet(plugin, name)


def test_a_first_parameter_called_plugin_is_noted():
    shipped = ship(greet)

    assert shipped.takes_plugin
    assert make(shipped).function(PLUGIN, "ann") == "attic greets ann"
    assert ship(functools.partial(greet, name="x")).takes_plugin
    assert not ship(functools.partial(greet, PLUGIN.node_id)).takes_plugin
    assert not ship(plain).takes_plugin
    assert ship(Greeter.greet).takes_plugin
    assert make(ship(Greeter.greet)).function(PLUGIN, "x") == ("Greeter", "attic greets x")


def uses_given_modules(xs):
    import json
    from textwrap import dedent

    mean = statistics.mean(xs)
    counted = Counter(xs).most_common(1)
    return mean, counted, an_alias.linalg.norm(np.array(xs)), json.dumps(xs), dedent(" a")


def test_given_modules_are_imported_there_wherever_the_import_stands():
    shipped = ship(uses_given_modules)

    assert shipped.modules == ()
    assert make(shipped).function([3, 4, 4]) == uses_given_modules([3, 4, 4])


def test_numpy_is_the_one_that_the_node_has():
    def module():
        return np

    assert there(module)() is np


def uses_decimal_and_xml():
    import xml.dom.minidom

    return decimal_of("1"), xml.dom.minidom


def decimal_of(text):
    return Decimal(text)


def test_other_modules_have_to_be_granted():
    def parse(text):
        return sqlite3.connect(text)

    import sqlite3

    assert ship(parse).modules == ("sqlite3",)
    assert ship(uses_decimal_and_xml).modules == ("xml.dom.minidom",)


def test_modules_within_modules_are_imported_by_their_names():
    import xml.etree.ElementTree as Tree  # noqa: ICN001 - any name will do
    import xml.sax

    def parse(text):
        return Tree.fromstring(text).tag, xml.sax.handler.__name__

    shipped = ship(parse)

    assert shipped.modules == ("xml", "xml.etree.ElementTree", "xml.sax.handler")
    assert make(shipped).function("<a/>") == ("a", "xml.sax.handler")


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (pow, (2, 3)),
        (len, ("abc",)),
        (str, (5,)),
        (math.sqrt, (16,)),
        (np.sqrt, (16,)),
        (np.sum, ([1, 2],)),
        (np.linalg.norm, ([3, 4],)),
        (np.float32, (1.5,)),
        (operator.add, (1, 2)),
        (functools.reduce, (operator.add, [1, 2])),
        (statistics.median, ([1, 2, 9],)),
        (str.upper, ("abc",)),
        (dict.fromkeys, ("ab",)),
        (OrderedDict, ([(1, 2)],)),
        (Decimal, ("1.5",)),
        (LAMBDA, (1,)),
        (operator.itemgetter(1), ("abc",)),
        (operator.attrgetter("real", "imag"), (1j,)),
    ],
)
def test_python_s_own_functions_and_those_of_given_modules_go_by_reference(function, argument):
    assert there(function)(*argument) == function(*argument)


def test_functions_that_bear_no_module_are_found_in_it():
    from random import randint

    from numpy.random import rand

    shipped = ship(randint)

    assert shipped.source == "global randint\nfrom random import randint\nreturn randint"
    assert make(shipped).function(3, 3) == 3
    assert there(rand)(2).shape == (2,)


def test_partial_goes_with_what_it_holds():
    function = functools.partial(plain, 1, y=MATRIX[0])

    assert there(function)(z=1).tolist() == [2, 3, 4]
    assert ship(function).name == "plain"


def test_containers_of_functions_are_written_out():
    handlers = {"add": plain, 2: [math.sqrt, (helper,)], "limit": 9, "rows": MATRIX}

    def handle(x):
        return handlers["add"](x), handlers[2][0](x), handlers[2][1][0](x), handlers["rows"].sum()

    assert there(handle)(4) == (9, 2.0, 13, 15)


@functools.lru_cache(maxsize=4)
def cached(n):
    return n if n < 2 else cached(n - 1) + cached(n - 2)


@contextlib.contextmanager
def doubled(x):
    yield x * 2


def uses_decorated(x):
    with doubled(x) as twice:
        return cached(twice)


def test_python_s_own_cache_and_contextmanager_are_kept():
    made = there(cached)

    assert made(30) == 832040
    assert made.cache_info().maxsize == 4
    assert there(uses_decorated)(5) == 55


def names_itself():
    return __name__, __doc__


def test_the_name_and_the_text_of_the_module_are_constants():
    assert there(names_itself)() == (__name__, __doc__)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        return "logged", function(*args)

    return wrapper


@logged
def decorated(x):
    return x if x == 0 else decorated(x - 1)


def test_decorators_of_the_user_s_go_as_what_they_made_and_what_is_in_it():
    assert there(decorated)(1) == decorated(1) == ("logged", ("logged", 0))


def marked(**needs):
    def mark(function):
        function.needs = needs
        return function

    return mark


@marked(gpu=1)
def with_mark(x):
    return x + 1


def test_decorators_that_give_the_function_back_are_left_out():
    shipped = ship(with_mark)

    assert "gpu" not in shipped.source
    assert make(shipped).function(1) == 2


def patterns(text):
    return WORD.findall(text), WORD.flags


def test_compiled_patterns_are_compiled_again():
    assert there(patterns)("a b") == patterns("a b")


WORDS = {"all": [WORD], "split": WORD.split, "join": ", ".join}
NUMBER = int | float
ALIAS = list[int]
KINDS = {
    "alias": ALIAS,
    "empty": tuple[()],
    "number": NUMBER,
    "optional": Optional[Decimal],  # noqa: UP045 - another type than that of the other spelling
    "called": Callable[[NUMBER], str],
    "literal": Literal["a", 1],
    NUMBER: None,
}


def looks_up(text):
    found = WORDS["all"][0].findall(text), WORDS["split"](text), WORDS["join"](text)
    return *found, isinstance(1.5, NUMBER), ALIAS(text), KINDS


def test_what_a_short_expression_gives_again_may_be_anywhere():
    assert there(looks_up)("a b") == looks_up("a b")


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (", ".join, ["a", "b"]),
        ("{0}-{0}".format, 1),
        (WORD.sub, ("-", "a b")),
        ((1, 2).index, 2),
        (b"aab".count, b"a"),
        (Decimal("1.5").quantize, Decimal(1)),
        (operator.methodcaller("split", "a", maxsplit=1), "xaya"),
        (operator.itemgetter(slice(1, 3)), "abc"),
        (operator.itemgetter((1, PRICE), "b"), {(1, PRICE): 1, "b": 2}),
        (list[int], "12"),
    ],
)
def test_methods_of_what_never_changes_and_getters_of_anything_go(function, argument):
    arguments = argument if function == WORD.sub else (argument,)

    assert there(function)(*arguments) == function(*arguments)


def annotated(
    path: "os.PathLike",  # noqa: F821 - this test's subject
    session: contextlib.AbstractContextManager | None = None,
) -> "Session":  # noqa: F821 - this test's subject
    def inner(x: np.ndarray) -> LONG_TEXT:
        rows: undefined = x  # noqa: F821
        return rows

    return inner(path)


def test_annotations_of_functions_need_nothing_to_go_along():
    shipped = ship(annotated)

    assert set(shipped.values) == set()
    assert make(shipped).function(1) == 1


def shadows_a_builtin(xs):
    return sum(xs), max(xs)


def test_a_name_of_the_user_s_that_python_has_as_well_is_the_user_s(library):
    module = library(
        "shadowing", "def sum(xs): return max(xs) + 100\ndef total(xs): return sum(xs)"
    )

    def both(xs):
        return module.total(xs), shadows_a_builtin(xs)

    assert there(both)([1, 2]) == (102, (3, 2))


# --- other modules of the user's ------------------------------------------------------------------


def test_what_is_imported_from_another_module_of_the_user_s_goes_along(library):
    library("geometry", "import math\nSCALE = 10\ndef hypot(x, y): return SCALE * math.hypot(x, y)")
    from geometry import hypot as distance

    def measure(x, y):
        return distance(x, y)

    assert there(measure)(3, 4) == 50


def test_a_module_that_says_that_nodes_have_it_goes_by_its_name(library):
    library("settled", "__pye2_is_installed__ = True\ndef double(x): return 2 * x")
    import settled

    def quadruple(x):
        return settled.double(settled.double(x))

    for function in (settled.double, quadruple):
        shipped = ship(function)
        assert shipped.modules == ("settled",)
        assert "return 2 * x" not in shipped.source


def test_a_module_of_the_user_s_goes_with_what_is_used_of_it(library):
    library("tools/__init__", "")
    library("tools/shapes", "SIDES = {'square': 4}\ndef sides(name): return SIDES[name]\nX = 1")
    import tools.shapes

    def count(name):
        return tools.shapes.sides(name), tools.shapes.SIDES

    shipped = ship(count)

    assert "X = 1" not in shipped.source
    assert make(shipped).function("square") == (4, {"square": 4})


def test_a_package_of_the_user_s_without_a_file_of_its_own(library):
    library("spaced/shapes", "def sides(): return 4")
    import spaced.shapes

    def count():
        return spaced.shapes.sides()

    assert there(count)() == 4


def test_two_modules_that_use_each_other(library):
    library("ping", "import pong\ndef ping(n): return n and pong.pong(n - 1)")
    library("pong", "import ping\ndef pong(n): return n and ping.ping(n - 1)")
    import ping

    assert there(ping.ping)(4) == 0


def test_functions_of_one_name_in_two_modules(library):
    library("left", "def side(): return helper()\ndef helper(): return 'left'")
    library("right", "def side(): return helper()\ndef helper(): return 'right'")
    import left
    import right

    def both():
        return left.side(), right.side()

    assert there(both)() == ("left", "right")


def test_modules_that_are_imported_within_a_function_are_found_without_importing_them():
    def parse(text):
        from email import charset, message_from_string
        from xmlrpc.client import MAXINT

        from not_installed.at_all import something

        return charset, message_from_string(text), something, MAXINT

    before = {name for name in sys.modules if name.startswith("xmlrpc")}
    shipped = ship(parse)

    assert shipped.modules == ("email", "email.charset", "not_installed.at_all", "xmlrpc.client")
    assert {name for name in sys.modules if name.startswith("xmlrpc")} == before


def test_modules_of_the_user_s_that_are_not_loaded_are_known_as_such(library, tmp_path):
    (tmp_path / "unloaded").mkdir()
    (tmp_path / "unloaded" / "part.py").write_text("raise SystemExit")

    def imports():
        from unloaded.part import x

        return x

    with pytest.raises(CodeRefused, match=r"your module `unloaded\.part` is not on the node"):
        ship(imports)


def test_python_3_11_s_own_exceptions_go_by_name():
    def fail():
        raise ExceptionGroup("all", [ValueError("x"), ZeroDivisionError()])

    with pytest.raises(ExceptionGroup, match="all"):
        there(fail)()
