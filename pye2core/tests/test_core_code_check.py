"""What the check of custom code finds, and that nothing it is given breaks it."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.code.check import CodeProblem, as_function, check_source, has_own_return
from pye2core.code.rules import MAX_PROBLEMS, MAX_SOURCE_BYTES, NAMES_REFUSED_BY_PYE2

PLUGIN = ("plugin",)

PYTHON_WORDS = """
    ( ) [ ] { } : , . = := + * ** @ if else for in def class lambda return yield await import from
    global nonlocal match case try except with as x y f'{ }' \'\'\'
"""
WORDS = PYTHON_WORDS.split()


def check(source: str, *, script: bool | None = None) -> list[CodeProblem]:
    return check_source(source, parameters=PLUGIN, script=script)


def names(source: str) -> list[str]:
    return [problem.name for problem in check(source)]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# nothing but a comment",
        "return 1",
        "result = plugin.np.sqrt(2)",
        "return plugin.np.log(10)",
        "return [str(error) for error in plugin.errors]",
        "import_count = 3\nreturn import_count",
        "return type(plugin).__name__",
        "class Point:\n  def __init__(self):\n    super().__init__()\nreturn Point()",
        "input = 3\nreturn input",
        "for half in (n / 2 for n in range(3)):\n  plugin.P(half)",
        "def numbers():\n  yield 1\nreturn list(numbers())",
    ],
)
def test_code_that_can_run_on_a_node_has_no_problems(source):
    assert check(source) == []


def test_all_unknown_names_are_found_at_once_each_with_its_way_out():
    source = "n = np.array([1])\nlimit = LIMIT\nreturn json.dumps(os.getcwd(), n)"

    problems = check(source)

    assert [(problem.line, problem.name) for problem in problems] == [
        (1, "np"),
        (2, "LIMIT"),
        (3, "json"),
        (3, "os"),
    ]
    assert "use plugin.np" in problems[0].message
    assert "move the definition of `LIMIT` into the function" in problems[1].message
    assert "use plugin.json" in problems[2].message
    assert "imports are not available on nodes" in problems[3].message


def test_a_name_is_told_once_where_it_is_first_read():
    assert check("x = [LIMIT,\n  LIMIT]\nreturn LIMIT") == [
        CodeProblem(1, 6, check("return LIMIT")[0].message, "LIMIT")
    ]


def test_columns_are_counted_in_characters():
    (problem,) = check("return 'žluťoučký', np")

    assert problem.column == len("return 'žluťoučký', ") + 1


def test_imports_are_refused_and_what_they_define_is_not_told_again():
    problems = check("import numpy as np\nfrom os.path import join\nreturn np.sqrt(join('a'))")

    assert [problem.name for problem in problems] == ["numpy", "os.path"]
    assert "use plugin.np" in problems[0].message


@pytest.mark.parametrize("name", sorted(NAMES_REFUSED_BY_PYE2))
def test_the_names_that_pye2_refuses_are_refused_once(name):
    assert names(f"f = {name}\nreturn f") == [name]


@pytest.mark.parametrize("name", ["compile", "__import__", "input", "breakpoint", "exit"])
def test_further_builtins_are_refused(name):
    (problem,) = check(f"return {name}('x')")

    assert problem.name == name
    assert "cannot be used on a node" in problem.message


@pytest.mark.parametrize(
    "attribute",
    [
        "global_shmem",
        "plugins_shmem",
        "config_data",
        "_default_config",
        "_upstream_config",
        "__traceback__",
        "__class__",
        "__globals__",
    ],
)
def test_inner_attributes_are_refused_on_whatever_object(attribute):
    assert names(f"return (plugin or 1).{attribute}") == [attribute]


def test_the_log_of_the_plugin_object_is_refused():
    (problem,) = check("plugin.log('x')\nreturn 1")

    assert problem.name == "log"
    assert "plugin.P" in problem.message


def test_a_syntax_error_is_a_problem_with_its_place():
    assert [(problem.line, problem.column) for problem in check("x = 1\nreturn (")] == [(2, 8)]


@pytest.mark.parametrize(
    "source",
    [
        "break",
        "nonlocal x\nreturn x",
        "await plugin.sleep(1)",
        "class A:\n  return 1",
        "def f(a, a): pass",
        "global plugin\nreturn 1",
    ],
)
def test_what_only_the_compiler_notices_is_a_problem(source):
    assert [problem for problem in check(source, script=False) if "syntax" in problem.message]


def test_a_return_is_a_problem_in_what_must_be_a_script():
    (problem,) = check("return 1", script=True)

    assert "'return' outside function" in problem.message


def test_a_generator_is_refused():
    (problem,) = check("for i in range(3):\n  yield i\nreturn")

    assert (problem.line, problem.name) == (2, "yield")
    assert "return a list" in problem.message


@pytest.mark.parametrize(
    "bomb",
    [
        "return " + "-" * 20_000 + "1",
        "return " + "1+" * 20_000 + "1",
        "return " + "x." * 20_000 + "y",
        "return f" + "()" * 20_000,
        "return " + "not " * 5_000 + "1",
        "return " + "lambda: " * 3_000 + "1",
        "return " + "[" * 3_000 + "]" * 3_000,
        "if plugin: pass\n" + "elif plugin: pass\n" * 3_000,
        "".join(" " * depth + "if plugin:\n" for depth in range(200)),
    ],
    ids=["minus", "plus", "dots", "calls", "not", "lambda", "brackets", "elif", "if"],
)
def test_code_that_is_nested_too_deeply_is_a_problem(bomb):
    (problem,) = check(bomb)

    assert "nested" in problem.message or "too many" in problem.message


def test_code_that_is_too_long_is_a_problem():
    (problem,) = check("#" * (MAX_SOURCE_BYTES + 1))

    assert "longer" not in problem.message
    assert str(MAX_SOURCE_BYTES) in problem.message


@pytest.mark.parametrize("text", ["a\0b", "'\ud800'"])
def test_what_is_no_text_is_a_problem(text):
    assert len(check(text)) == 1


def test_so_many_problems_are_told_and_the_rest_counted():
    problems = check("; ".join(f"unknown_{number}" for number in range(MAX_PROBLEMS + 7)))

    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].message == "and 7 more"


@given(st.text())
def test_any_text_is_answered(text):
    for problem in check(text):
        assert problem.line >= 1
        assert problem.column >= 1


@given(
    st.lists(
        st.sampled_from([*WORDS, "\n", "\n  ", "\n    "]),
        max_size=40,
    )
)
def test_any_heap_of_words_is_answered(words):
    check(" ".join(words))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return 1", True),
        ("if x:\n  for y in z:\n    try:\n      pass\n    finally:\n      return", True),
        ("match x:\n  case 1:\n    return 2", True),
        ("x = 'return'  # return", False),
        ("def f():\n  return 1\nresult = f()", False),
        ("class A:\n  def f(self):\n    return 1", False),
        ("result = lambda: 1", False),
        ("", False),
    ],
)
def test_a_body_is_a_functions_if_a_return_is_its_own(source, expected):
    assert has_own_return(ast.parse(source)) is expected


def test_a_body_made_a_function_keeps_its_lines():
    tree = as_function(ast.parse("x = 1\n\nreturn x / a"), parameters=("a", "b"))
    namespace: dict = {}
    exec(compile(tree, "<body>", "exec"), namespace)

    with pytest.raises(ZeroDivisionError) as raised:
        namespace["custom_code"](0, None)

    assert raised.tb.tb_next.tb_lineno == 3


def test_what_is_no_name_of_a_parameter_cannot_become_code():
    happened = []
    hostile = ("plugin", "*, other=happened.append(1)", "x): happened.append(2)\ndef g(y")

    tree = as_function(ast.parse("return 1"), parameters=hostile)
    exec(compile(tree, "<body>", "exec"), {"happened": happened})

    assert happened == []


def test_an_empty_body_made_a_function_returns_none():
    namespace: dict = {}
    exec(compile(as_function(ast.parse(""), parameters=PLUGIN), "<body>", "exec"), namespace)

    assert namespace["custom_code"](1) is None


def test_the_check_imports_nothing_beyond_the_standard_library():
    program = (
        "import sys, pye2core; before = set(sys.modules); import pye2core.code.check;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()

    assert set(loaded) <= {*sys.stdlib_module_names, "pye2core"}
