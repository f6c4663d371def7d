import datetime as dt
import json
import traceback
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pye2_node.sandbox.functions import Functions, Refused
from pye2core.code import decode

CODE_FILE = Path(__file__).parents[3] / "tests/data/vectors/code_transfer.json"
CODE_VECTORS = json.loads(CODE_FILE.read_text("utf-8"))["vectors"]
printed = []
plugin = SimpleNamespace(np=np, datetime=dt.datetime)


@pytest.fixture
def functions():
    printed.clear()
    return Functions(lambda *values: printed.append(values))


def define(functions, source, parameters=("plugin",)):
    functions.define({"code": (source, parameters)})
    return functions.by_name["code"]


def test_a_source_with_a_return_of_its_own_is_a_function(functions):
    add = define(functions, "if b:\n  return a + b\nreturn 0", ("plugin", "a", "b"))

    assert add(plugin, 1, 2) == 3
    assert add(plugin, 1, 0) == 0


@pytest.mark.parametrize("name", ["lambda", "class", "two words", ""])
def test_a_function_may_be_called_what_python_would_not_call_it(functions, name):
    made = functions.make(name, "return plugin + 1", ("plugin",))

    assert made(1) == 2


@pytest.mark.parametrize("name", ["__result", "_result", "result"])
def test_a_source_without_return_is_a_script_whose_result_is_a_variable(functions, name):
    script = define(functions, f"{name} = [plugin.np.abs(x) for x in data]", ("plugin", "data"))

    assert script(plugin, [-1, 2]) == [1, 2]


def test_of_several_result_variables_the_most_private_wins(functions):
    assert define(functions, "result = 1\n_result = 2\n__result = 3")(plugin) == 3


def test_a_return_in_a_nested_function_or_in_a_text_makes_no_function(functions):
    source = 'def double(x):\n  return 2 * x\ntext = """\nreturn 1\n"""\nresult = double(4)'

    assert define(functions, source)(plugin) == 8


def test_a_script_without_a_result_gives_none(functions):
    assert define(functions, "x = 1")(plugin) is None


def test_a_script_starts_without_what_its_last_call_left(functions):
    script = define(functions, "if x:\n  result = x", ("plugin", "x"))

    assert script(plugin, 1) == 1
    assert script(plugin, 0) is None


def test_texts_over_several_lines_keep_their_indentation(functions):
    assert define(functions, 'return """a\n  b\n c"""')(plugin) == "a\n  b\n c"


def test_loops_that_pye2_corrupts_run(functions):
    sources = {
        "x = [i\n  for i in range(3)]\nreturn x": [0, 1, 2],
        "format_s = 'a:b'\nreturn format_s": "a:b",
        "y = ()\nfor i in [1]: y[i:2] = 3\nreturn 1": TypeError,
        "n = 0\nwhile n < 3:\n\n  n += 1\nreturn n": 3,
    }
    for source, expected in sources.items():
        function = define(functions, source)
        if expected is TypeError:
            with pytest.raises(TypeError):
                function(plugin)
        else:
            assert function(plugin) == expected


def test_tracebacks_have_the_lines_of_the_source_that_was_sent(functions):
    source = '\n\ntext = """\n\n"""\nif text:\n    return 1 / 0'
    function = define(functions, source)

    with pytest.raises(ZeroDivisionError) as raised:
        function(plugin)

    last = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert (last.filename, last.lineno, last.line) == ("<code>", 7, "return 1 / 0")


def test_a_function_defines_classes_and_nested_functions(functions):
    source = (
        "class Point:\n  def __init__(self, x):\n    self.x = x\n"
        "def shift(point):\n  nonlocal_x = point.x\n  return Point(nonlocal_x + 1)\n"
        "return shift(Point(1)).x"
    )

    assert define(functions, source)(plugin) == 2


def test_a_global_lives_from_call_to_call(functions):
    source = "global calls\ntry:\n  calls += 1\nexcept NameError:\n  calls = 1\nreturn calls"
    function = define(functions, source)

    assert [function(plugin) for _ in range(3)] == [1, 2, 3]


def test_print_goes_where_it_was_told_to_go(functions):
    define(functions, "print('a', 1)\nreturn 1")(plugin)

    assert printed == [("a", 1)]


@pytest.mark.parametrize(
    "source",
    [
        "return plugin.datetime.strptime('2026', '%Y').year",
        "return plugin.np.array([1.5]).mean() + len(repr(plugin.np.arange(3)))",
        "return plugin.np.array([b'a']).astype(str)[0]",
    ],
)
def test_c_functions_that_import_on_their_own_work(functions, source):
    assert define(functions, source)(plugin)


@pytest.mark.parametrize("name", ["open", "exec", "eval", "compile", "input", "globals", "exit"])
def test_builtins_that_nodes_do_not_have_are_refused_with_a_way_out(functions, name):
    with pytest.raises(Refused) as raised:
        define(functions, f"x = 1\nreturn {name}")

    [(function, problem)] = raised.value.problems
    assert function == "code"
    assert problem.line == 2
    assert name in problem.message


def test_builtins_that_nodes_do_not_have_are_not_there_even_if_the_check_misses_them(functions):
    define(functions, "return 1")
    visible = functions.by_name["code"].__globals__["__builtins__"]

    assert not {"open", "exec", "eval", "compile", "input", "globals"} & set(visible)
    with pytest.raises(ImportError, match="not available on nodes"):
        visible["__import__"]("os")


def test_all_problems_of_all_functions_are_reported_and_none_is_defined(functions):
    define(functions, "return 'old'")

    with pytest.raises(Refused) as raised:
        functions.define(
            {
                "code": ("return 'new'", ("plugin",)),
                "a": ("import os\nreturn missing", ("plugin",)),
                "b": ("return (", ("plugin",)),
            }
        )

    assert [(name, problem.line) for name, problem in raised.value.problems] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]
    assert functions.by_name["code"](plugin) == "old"
    assert set(functions.by_name) == {"code"}


def test_an_empty_source_does_nothing(functions):
    assert define(functions, "# nothing yet")(plugin) is None


@pytest.mark.parametrize(
    "vector",
    [each for each in CODE_VECTORS if "node_exec_code" in each],
    ids=lambda vector: vector["name"],
)
def test_what_pye2_ships_gives_what_it_gives_on_a_node_of_pye2s_section_12(functions, vector):
    shipped = define(functions, decode(vector["base64"]))

    assert shipped(plugin) == vector["node_exec_code"]["result"]
