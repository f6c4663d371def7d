"""Where the lines of what is shipped stand in the user's files; and what people are shown of it."""

import itertools
import linecache
import textwrap
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipping_support import NAME, make

from pye2_calls.shipping import ship

STEP = [2]


class Checker:
    def check(self, x):
        return 1 / x


def divide(x):
    # a comment
    text = """
  of several lines
"""
    return Checker().check(x), text


def work(x):
    if x > 5:
        return divide(
            x - x,
        )
    return STEP


def raised_by(made, *arguments):
    try:
        made.function(*arguments)
    except Exception as error:  # noqa: BLE001 - the traceback is what is looked at
        return error
    raise AssertionError("nothing was raised")


def frames_of(error, file):
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename == file]


def test_a_traceback_from_there_is_told_in_the_lines_of_the_user_s_file():
    shipped = ship(work)
    here = traceback.format_exception(
        raised_by(type("Here", (), {"function": staticmethod(work)}), 9)
    )
    there = traceback.format_exception(raised_by(make(shipped), 9))

    told = shipped.in_users_lines("".join(there))
    lines_here = [
        line.strip() for line in "".join(here).split("\n") if f'File "{__file__}"' in line
    ]
    lines_there = [line.strip() for line in told.split("\n") if f'File "{__file__}"' in line]
    assert lines_here[1:] == lines_there[1:] != []


def test_every_line_that_is_the_user_s_has_its_place_and_no_other_has():
    shipped = ship(work)
    own = Path(__file__).read_text("utf-8").split("\n")

    for number, line in enumerate(shipped.source.split("\n"), 1):
        place = shipped.place_of(number)
        if place is None:
            assert line.startswith(("global ", "STEP = ", "return work", "known_class("))
        else:
            assert place[0] == __file__
            assert own[place[1] - 1].strip() == line.strip()
    assert shipped.place_of(0) is None
    assert shipped.place_of(10_000) is None


def test_lines_of_indented_functions_and_of_those_with_decorators_are_right():
    def decorate(function):
        function.mark = 1
        return function

    @decorate
    @decorate
    def fails(
        x,
    ):
        raise ValueError(x)

    shipped = ship(fails)
    [frame] = frames_of(raised_by(make(shipped), 1), f"<{NAME}>")

    assert shipped.place_of(frame.lineno) == (
        __file__,
        fails.__code__.co_firstlineno + 5,
    )


def test_lines_of_a_function_that_had_to_be_enclosed_are_right():
    def make_one(n):
        def fail():
            raise ValueError(n)

        return fail

    one, two = make_one(1), make_one(2)

    def both(first):
        return one() if first else two()

    shipped = ship(both)
    places = []
    for first in (True, False):
        frame = frames_of(raised_by(make(shipped), first), f"<{NAME}>")[-1]
        places.append(shipped.place_of(frame.lineno))

    assert places[0] == places[1] == (__file__, one.__code__.co_firstlineno + 1)


def test_what_is_no_line_of_what_was_sent_stays_as_it_is():
    shipped = ship(work)

    for text in ('File "<work>", line 99999, in x', f'File "<work>", line {"9" * 5000}', "", "x"):
        assert shipped.in_users_lines(text) == text


def test_the_listing_tells_people_what_is_sent():
    listing = ship(work).listing().split("\n")

    first = work.__code__.co_firstlineno
    assert listing[0].startswith("work: ")
    assert listing[0].endswith(" characters, 1 packed values")
    assert f"  function work: {__file__}:{first}-{first + 5}" in listing
    assert "  value STEP: list" in listing
    assert any(line.startswith("  class Checker: ") for line in listing)


# --- whatever is written, it is the same there ----------------------------------------------------

TEXTS = "aé\u2028'\"\\\n\t{#\U0001d6fc\r"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(TEXTS, max_size=8)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(TEXTS, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=VALUES, default=VALUES, other=VALUES)
def test_any_value_arrives_wherever_it_stands(value, default, other):
    def first(x=default):
        return value, x

    def second(x=other, *, y=value):
        return first(), x, y

    assert repr(make(ship(second)).function()) == repr(second())


LINES = st.lists(
    st.sampled_from(
        [
            "x += 1",
            "x = (x,\n1)[0]",
            's = """a\n  b\n\\\n c"""',
            's = f"""{x}\n{\n  x\n} {s!r:>{3}}"""',
            "if x:\n  # comment\n\n    x -= 1\n",
            "y = [n for n in range(3)\n      if n]",
            "def g(a: 'A', b=x):\n\treturn a\nx = g(x)",
            "s = 'a\\\n  b'",
            "del_me = lambda a, b=(1,\n2): (a,\n b)\ns = str(del_me(x))",
            "é = x; x = é",
            "class C:\n  z: Undefined = 1\n  def m(self) -> Undefined: return self.z\nx = C().m()",
        ]
    ),
    min_size=1,
    max_size=5,
)


@given(lines=LINES, indentation=st.sampled_from(["", "  ", "\t", "        "]))
def test_any_text_means_the_same_there_at_whatever_indentation(lines, indentation):
    body = "\n".join(["x, s = 5, 'a'", *lines, "return x, s"])
    definition = "def f(p: Undefined = 1) -> Undefined:\n" + textwrap.indent(body, "  ")
    text = "if True:\n" + textwrap.indent(definition, indentation) if indentation else definition
    function = _loaded(text)
    other = _loaded(text)

    def both():
        return function(), other()

    assert make(ship(both)).function() == both()


_numbers = itertools.count()


def _loaded(text):
    """A function whose source is known, as that of a notebook's cell is."""
    name = f"<ipython-input-{next(_numbers)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names = {"__name__": __name__, "Undefined": int}
    exec(compile(text, name, "exec"), names)
    return names["f"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_files_of_either_kind_of_line_end(library, tmp_path, newline):
    (tmp_path / f"ended{len(newline)}.py").write_bytes(
        newline.join(["def f():", '    """A', '    text."""', "    return f.__doc__", ""]).encode()
    )
    module = __import__(f"ended{len(newline)}")

    assert make(ship(module.f)).function() == module.f()


def test_why_a_node_does_not_run_it_is_told_in_the_lines_of_the_user_s_file():
    shipped = ship(work)
    line = shipped.source.split("\n").index("def divide(x):") + 1
    row = divide.__code__.co_firstlineno

    told = shipped.problems_in_users_lines(f"bad: line {line}: no; line {line + 1}: in line 1: no")

    assert told == f"bad: {__file__}:{row}: no; {__file__}:{row + 1}: in line 1: no"
    assert shipped.problems_in_users_lines("line 0: no; line 99999: no") == (
        "line 0: no; line 99999: no"
    )
