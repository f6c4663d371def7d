from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pye2_node.sandbox.failures import describe
from pye2_node.sandbox.functions import Functions
from pye2_node.sandbox.lengths import cut


def failure_of(source, *arguments, parameters=("plugin",)):
    functions = Functions(print)
    functions.define({"job": (source, parameters)})
    try:
        functions.by_name["job"](np, *arguments)
    except BaseException as error:  # noqa: BLE001 - every kind is under test
        return describe(error, "job", functions.files)
    pytest.fail("the source did not raise")


def test_type_text_line_and_function_of_the_users_own_source_are_told():
    failure = failure_of("a = 1\nb = 0\nreturn a / b")

    assert failure["type"] == "ZeroDivisionError"
    assert failure["message"] == "division by zero"
    assert (failure["line"], failure["source_line"]) == (3, "return a / b")
    assert failure["function"] == "job"


def test_the_innermost_of_the_users_lines_is_told():
    failure = failure_of("def deep(x):\n  return [][x]\nreturn deep(1)")

    assert (failure["line"], failure["source_line"]) == (2, "return [][x]")
    assert "line 3, in job" in failure["traceback"]
    assert "line 2, in deep" in failure["traceback"]


def test_only_the_users_frames_are_shown():
    failure = failure_of("return plugin.linalg.inv(plugin.zeros((2, 2)))")

    assert failure["type"] == "LinAlgError"
    assert failure["line"] == 1
    assert "linalg.py" not in failure["traceback"]
    assert __file__ not in failure["traceback"]


def test_frames_of_threads_and_causes_are_the_users_only():
    source = """\
def raises(x):
  try:
    return {}[x]
  except KeyError as error:
    raise ValueError('no such x') from error
return list(data.map(raises, [1]))"""
    with ThreadPoolExecutor(1) as pool:
        failure = failure_of(source, pool, parameters=("plugin", "data"))

    assert (failure["type"], failure["line"]) == ("ValueError", 5)
    assert "KeyError: 1" in failure["traceback"]
    assert "direct cause" in failure["traceback"]
    assert "concurrent" not in failure["traceback"]


def test_lines_of_functions_that_no_user_wrote_are_not_shown():
    functions = Functions(print)
    bodies = {"ours": ("return plugin['users']()", ("plugin",)), "users": ("return 1 / 0", ())}
    functions.define(bodies, not_users=["ours"])

    with pytest.raises(ZeroDivisionError) as raised:
        functions.by_name["ours"](functions.by_name)

    failure = describe(raised.value, "ours", functions.files)
    assert "users" in failure["traceback"]
    assert "ours" not in failure["traceback"]
    assert (failure["function"], failure["line"]) == ("users", 1)


@pytest.mark.parametrize("position", ["(1, 'x', 'text')", "(1, 5, 7)"])
def test_an_exception_that_cannot_be_shown_is_told_with_its_line(position):
    failure = failure_of(f"a = 1\nraise SyntaxError('odd', ('f', *{position}))\nreturn a")

    assert (failure["type"], failure["line"]) == ("SyntaxError", 2)
    assert "odd" in failure["message"]
    assert "line 2, in job" in failure["traceback"]
    assert "a SyntaxError that cannot be shown" in failure["traceback"]


def test_endless_recursion_is_told_in_short():
    failure = failure_of("def again(n):\n  return again(n + 1)\nreturn again(0)")

    assert failure["type"] == "RecursionError"
    assert "more times" in failure["traceback"]
    assert len(failure["traceback"]) < 2000


def test_an_exception_that_cannot_tell_its_text_is_told_all_the_same():
    source = "class Odd(Exception):\n  def __str__(self):\n    return 1 / 0\nraise Odd"

    failure = failure_of(source + "\nreturn 1")

    assert failure["type"] == "Odd"
    assert "ZeroDivisionError" in failure["message"]


def test_a_removed_builtin_is_explained_when_it_is_missed_at_run_time():
    failure = failure_of("if False:\n  global exit\n  exit = 1\nreturn exit()")

    assert failure["type"] == "NameError"
    assert "use return" in failure["message"]


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_exceptions_that_end_programs_are_told_like_others(name):
    failure = failure_of(f"raise {name}('x')\nreturn 1")

    assert (failure["type"], failure["message"]) == (name, "x")


def test_groups_of_exceptions_show_the_users_frames_only():
    failure = failure_of("raise ExceptionGroup('several', [ValueError(1), KeyError(2)])\nreturn 1")

    assert failure["type"] == "ExceptionGroup"
    assert "ValueError: 1" in failure["traceback"]


def test_an_error_from_outside_the_users_code_has_no_line():
    failure = describe(ValueError("x"), "job", {})

    assert (failure["line"], failure["source_line"], failure["function"]) == (None, None, "job")


def test_long_texts_lose_their_middle_and_half_characters_are_replaced():
    short = cut("a" * 50 + "b" * 1000 + "c" * 50, 100)

    assert short.startswith("a" * 50)
    assert short.endswith("c" * 50)
    assert "1000 characters left out" in short
    assert cut("\ud800", 100) == "?"
