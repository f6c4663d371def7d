"""Definitions are found in their file, cut out whole, and looked at for what they read."""

import ast

import pytest

from pye2core.code import (
    Permitted,
    Uncuttable,
    check_source,
    cut_definition,
    every_unknown_read,
    find_class,
    find_function,
    find_lambda,
    first_row_of,
    indent_definition,
)
from pye2core.code.rules import GIVEN_MODULES

TEXT = '''\
def twice(x): return 2 * x
if True:
    @staticmethod
    def twice(x):
        """Of two
    rows."""
        return f"""{x}
  {x}"""
class Outer:
    class Inner:
        def run(self): return 1
def make():
    class Inner:
        def run(self): return 2
    return Inner
one, two = lambda: 1, lambda: 1 + 1
'''


@pytest.fixture
def loaded():
    names = {"__name__": __name__}
    exec(compile(TEXT, "<text>", "exec"), names)
    return names


TREE = ast.parse(TEXT)


def test_a_function_is_found_by_where_it_was_defined(loaded):
    found = find_function(TREE, loaded["twice"].__func__.__code__)

    assert found is not None
    assert (first_row_of(found), found.lineno) == (3, 4)
    assert find_function(ast.parse("\n" + TEXT), loaded["twice"].__func__.__code__) is None


def test_a_lambda_is_found_among_others_on_its_line(loaded):
    found = find_lambda(TREE, loaded["two"].__code__)

    assert found is not None
    assert ast.unparse(found) == "lambda: 1 + 1"


def test_a_class_is_found_by_all_of_its_name(loaded):
    outer, inner = loaded["Outer"], loaded["make"]()

    assert [find_class(TREE, each).lineno for each in (outer, outer.Inner, inner)] == [9, 10, 13]
    assert find_class(TREE, type("Other", (), {})) is None


def test_of_two_classes_of_one_name_it_is_the_one_with_the_methods():
    text = "class A:\n    def f(self): pass\nB = A\nclass A:\n    def f(self): pass\n"
    names = {"__name__": __name__}
    exec(compile(text, "<text>", "exec"), names)

    assert [find_class(ast.parse(text), names[name]).lineno for name in "BA"] == [1, 4]


def test_a_definition_is_cut_out_with_its_texts_as_they_are(loaded):
    definition = find_function(TREE, loaded["twice"].__func__.__code__)

    cut = cut_definition(TEXT, definition, definition.lineno)

    assert cut.first_row == 4
    assert cut.source == (
        'def twice(x):\n    """Of two\n    rows."""\n    return f"""{x}\n  {x}"""'
    )
    assert cut_definition(TEXT, definition, 3).source.startswith("@staticmethod\ndef twice")


def test_what_cannot_be_unindented_is_not_cut_out():
    text = "if True:\n    def f():\n\treturn 1\n"
    definition = ast.parse("if True:\n    def f():\n        return 1\n").body[0].body[0]

    with pytest.raises(Uncuttable):
        cut_definition(text, definition, 2)


def test_an_indented_definition_means_the_same():
    source = 'def f():\n    return """a\nb"""\n\nx = 1'

    assert indent_definition(source) == [" def f():", '     return """a', 'b"""', "", " x = 1"]


def test_every_read_of_what_is_not_defined_is_found_in_order():
    tree = ast.parse("y = x + z\ndef f(y):\n    return x, y\n")

    reads = every_unknown_read(tree, parameters=(), script=False)

    assert [(read.id, read.lineno) for read in reads] == [("x", 1), ("z", 1), ("x", 3)]


def problems(source, permitted):
    return check_source(source + "\nreturn 1", parameters=("plugin",), permitted=permitted)


def test_given_modules_are_open_by_their_own_names_only():
    given = Permitted().with_given()

    assert not problems("import numpy.linalg as la\nfrom datetime import date", given)
    assert not problems("from collections.abc import Mapping", given)
    assert problems("import numpy.f2py", given)
    assert problems("import os", given)
    assert problems("from . import math", given)
    assert problems("import math", Permitted())


def test_given_modules_are_open_besides_what_was_granted():
    both = Permitted(frozenset({"PIL"})).with_given()

    assert not problems("import PIL.Image, math", both)
    assert both.given == GIVEN_MODULES
