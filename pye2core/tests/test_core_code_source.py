"""Functions read back as the text that a node runs: as PyE2 does it, and right where it is not."""

from __future__ import annotations

import ast
import functools
import itertools
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.code.check import as_function, has_own_return
from pye2core.code.source import CapturedCode, capture
from pye2core.errors import CodeError

VECTORS = json.loads(
    (Path(__file__).parents[2] / "tests/data/vectors/code_transfer.json").read_text("utf-8")
)["vectors"]
PLUGIN = ("plugin",)
PROCESS = ("plugin", "job_id", "collected_data", "data")


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Write a module, load it, and hand out a name of it."""
    folder = tmp_path_factory.mktemp("user")
    numbers = itertools.count()

    def load(text: str, name: str = "job"):
        path = folder / f"user_module_{next(numbers)}.py"
        path.write_text(text, "utf-8")
        namespace = {"__name__": path.stem}
        exec(compile(text, str(path), "exec", dont_inherit=True), namespace)
        return namespace[name]

    return load


@pytest.fixture(scope="module")
def captured(load):
    """Capture ``job`` of a module with this text."""

    def captured(text: str, parameters: tuple[str, ...] = PLUGIN, name: str = "job"):
        return capture(load(text, name), parameters=parameters)

    return captured


def run(code: CapturedCode, *arguments: object) -> object:
    """Run captured code as a node does."""
    tree = ast.parse(code.source)
    assert has_own_return(tree)
    namespace: dict = {}
    exec(compile(as_function(tree, parameters=code.parameters), "<node>", "exec"), namespace)
    return namespace["custom_code"](*arguments)


# --- as PyE2 ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if vector.get("round_trip")],
    ids=lambda vector: vector["name"],
)
def test_a_body_is_cut_out_as_by_pye2(load, vector):
    text = "CustomPluginTemplate = deco = lambda x: x\n" + vector["source"]
    expected = "return 3" if vector["name"] == "decorated" else vector["round_trip"]

    code = capture(load(text, vector["name"]), parameters=PLUGIN)

    assert code.source == expected


def test_blank_lines_before_the_body_are_kept_and_blanks_at_the_end_of_lines_are_not(captured):
    code = captured("def job(plugin):\n\n    # first  \n    x = 1   \n\n    return x\n    # last\n")

    assert code.source == "\n# first\nx = 1\n\nreturn x\n# last"


# --- right where PyE2 is wrong ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("def job(plugin): return 1", "return 1"),
        ("def job(plugin): x = 1; return x  # one", "x = 1; return x  # one"),
        ("def job(plugin): return [1,\n    2]", "return [1,\n    2]"),
        ("def job(\n    plugin: int,\n) -> dict[str, int]:\n    return 1", "return 1"),
        ("def job(plugin):  # a: comment\n    return 1", "return 1"),
        ("def job(plugin=(lambda x: x)):\n    return 1", "return 1"),
        ("def job(plugin) -> lambda: {1: 2}:\n    return 1", "return 1"),
        ("def deco(f):\n    return f\n@deco\n@deco\ndef job(plugin):\n    return 1", "return 1"),
        ("def job(plugin):\n\treturn (1,\n2)", "return (1,\n2)"),
        ("def job(plugin):\n# at the margin\n    return 1", "# at the margin\nreturn 1"),
        (
            "def job(plugin):\n    def twice(x):\n        return 2 * x\n    return twice(1)",
            "def twice(x):\n    return 2 * x\nreturn twice(1)",
        ),
        (
            "def job(plugin):\n    @staticmethod\n    def one(): return 1\n    return one",
            "@staticmethod\ndef one(): return 1\nreturn one",
        ),
        (
            "class A:\n    @staticmethod\n    def f(plugin):\n        return 1\njob = A.f",
            "return 1",
        ),
        (
            "def outer():\n    def job(plugin):\n        return 1\n    return job\njob = outer()",
            "return 1",
        ),
    ],
)
def test_the_body_begins_where_the_signature_ends(captured, text, source):
    assert captured(text).source == source


def test_the_text_of_strings_is_left_alone(captured):
    lines = [
        "def job(plugin):",
        '    """Docstring,',
        "    cut as by PyE2.   ",
        '    """',
        "    if plugin:",
        '        text = """first   ',
        "second",
        '                third""" + f"""{',
        "            plugin}",
        '          fourth"""',
        "        return text",
    ]

    code = captured("\n".join(lines))

    assert code.source.startswith('"""Docstring,\ncut as by PyE2.\n"""\nif plugin:\n')
    assert run(code, 5) == "first   \nsecond\n                third5\n          fourth"


def test_a_string_that_begins_on_the_last_line_of_the_docstring_is_left_alone(captured):
    code = captured('def job(plugin):\n    """Doc\n    string"""; x = """a\n    b"""\n    return x')

    assert run(code, None) == "a\n    b"


def test_a_function_that_never_returns_is_not_sent_as_a_script(captured):
    code = captured("def job(plugin):\n    result = 3\n    def inner(): return 1")

    assert code.source == "result = 3\ndef inner(): return 1\nreturn None"
    assert run(code, None) is None


def test_a_body_that_cannot_be_unindented_is_refused(captured):
    with pytest.raises(CodeError, match=r"function `job` cannot be cut out"):
        captured("def job(plugin):\n    x = 1\n\f    return x")


# --- where it came from -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "def job(plugin):\n    return 1 / 0",
        "\n\ndef job(plugin): return 1 / 0",
        "def job(\n    plugin\n):\n    # why\n\n    return 1 / 0",
        "def deco(f): return f\n@deco\ndef job(plugin):\n    return 1 / 0",
        "class A:\n    def job(plugin):\n        return 1 / 0\njob = A.job",
        "def job(p):\n    return 1 / 0",
        "def job(p): return 1 / 0",
        "def job(p):\n    for i in range(1):\n        return 1 / 0",
        "x = 1\njob = lambda plugin: 1 / 0",
        "x = 1\njob = (lambda p:\n  1 / 0)",
        "job = dict(a=1,\n  f=lambda p: (2 +\n 1 / 0))['f']",
    ],
)
def test_every_line_can_be_told_in_the_users_own_file(captured, text):
    code = captured(text)

    line = text[: text.index("1 / 0")].count("\n") + 1
    sent = code.source[: code.source.index("1 / 0")].count("\n") + 1
    assert code.first_line + sent - 1 == line
    assert Path(code.file).read_text("utf-8") == text


def test_what_was_captured_knows_its_name_and_its_parameters(captured):
    code = captured("def job(plugin):\n    return 1")

    assert (code.name, code.parameters) == ("job", PLUGIN)


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "def job(p):\n    return [p]",
        "def job(p): return [p]",
        "def job(p):\n    '''Doc.'''\n    return [p]",
        "def job(p):\n    for x in [p]:\n        return [x]",
        "def job(p):\n    @staticmethod\n    def f(): return p\n    return [f()]",
        "job = lambda p: [p]",
        "job = lambda p: (\n  # why\n  [p])",
        "job = lambda p: (p := [p])",
    ],
)
def test_a_parameter_may_have_another_name(captured, text):
    assert run(captured(text), 7) == [7]


def test_parameters_may_be_called_as_other_ones(captured):
    code = captured(
        "def job(data, plugin, x, job_id):\n    return data, plugin, x, job_id", PROCESS
    )

    assert run(code, 1, 2, 3, 4) == (1, 2, 3, 4)


def test_an_outside_name_that_would_become_a_parameter_is_refused(captured):
    with pytest.raises(CodeError, match="reads `data` from outside"):
        captured("data = {}\ndef job(a, b, c, d):\n    return data[d]", PROCESS)


@pytest.mark.parametrize(
    "signature", ["()", "(plugin, data)", "(*plugin)", "(plugin, **kw)", "(*, plugin)", "(p, q=1)"]
)
def test_other_parameters_are_refused_with_both_signatures(captured, signature):
    with pytest.raises(CodeError) as raised:
        captured(f"def job{signature}:\n    return 1")

    assert f"takes {signature}" in str(raised.value)
    assert "call it with (plugin)" in str(raised.value)


# --- lambdas ------------------------------------------------------------------------------------


def test_a_lambda_becomes_a_body_that_returns_its_value(captured):
    code = captured("job = lambda plugin: plugin.np.sqrt(2)")

    assert (code.source, code.name) == ("return plugin.np.sqrt(2)", "lambda")


def test_a_lambda_among_others_is_told_by_its_place(captured):
    text = (
        "jobs = lambda plugin: 1, lambda plugin: 2, lambda plugin: lambda plugin: 3\njob = jobs[1]"
    )

    assert captured(text).source == "return 2"


def test_a_conditional_lambda_among_others_is_told_by_its_place(captured):
    text = (
        "jobs = lambda plugin: 1 if plugin else 2, lambda plugin: 1 if plugin else 3\njob = jobs[1]"
    )

    assert captured(text).source == "return 1 if plugin else 3"


def test_a_lambda_that_cannot_be_told_from_others_is_refused(load, monkeypatch):
    job, _ = load("job = lambda plugin: 1, lambda plugin: 1")
    job.__code__ = job.__code__.replace(co_linetable=b"")  # as Python does with -X no_debug_ranges

    with pytest.raises(CodeError, match="cannot be told from others on its line"):
        capture(job, parameters=PLUGIN)


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["return plugin.e2_addr", "result = 1 + 1", "", "import os", "a\0b", "x" * 10_000, "x\n"],
)
def test_text_is_taken_as_it_is(text):
    assert capture(text, parameters=PLUGIN) == CapturedCode(text, "custom code", None, 1, PLUGIN)


def test_the_path_of_a_file_stands_for_its_content(tmp_path):
    path = tmp_path / "job.py"
    path.write_text("# coding: iso8859-2\nreturn 'ž'\n", "iso8859-2")

    code = capture(str(path), parameters=PLUGIN)

    assert code.source == "# coding: iso8859-2\nreturn 'ž'\n"
    assert (code.file, code.first_line) == (str(path), 1)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"# coding: no-such\n", b"#" * (1 << 20) + b"#"])
def test_a_file_that_cannot_be_sent_is_refused(tmp_path, content):
    path = tmp_path / "job.py"
    path.write_bytes(content)

    with pytest.raises(CodeError, match=r"job\.py"):
        capture(str(path), parameters=PLUGIN)


def test_the_path_of_a_file_that_is_not_there_is_refused():
    with pytest.raises(CodeError, match=r"no file 'jobs/find\.py'"):
        capture("jobs/find.py", parameters=PLUGIN)


def test_nothing_is_nothing():
    assert capture(None, parameters=PLUGIN) is None


# --- what cannot be sent ------------------------------------------------------------------------


class Worker:
    def work(self, plugin):
        return plugin

    def __call__(self, plugin):
        return plugin


def wrapped(function):
    @functools.wraps(function)
    def wrapper(plugin):
        return function(plugin) + 1

    return wrapper


@wrapped
def decorated(plugin):
    return 1


@functools.cache
def cached(plugin):
    return 1


async def asynchronous(plugin):
    return 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (len, ["built-in `len`", "function of your own"]),
        (math.sqrt, ["built-in `sqrt`"]),
        (Worker, ["class `Worker`", "pass a function"]),
        (Worker().work, ["method `Worker.work`", "outside a class"]),
        (Worker(), ["`Worker`", "as text"]),
        (functools.partial(decorated, 1), ["functools.partial", "plugin.cfg_*"]),
        (decorated, ["`decorated`", "decorator", "__wrapped__"]),
        (cached, ["`cached`", "decorator"]),
        (asynchronous, ["function `asynchronous`", "`async`", "use `def`"]),
        (17, ["17", "`int`", "function, its source as text, or the path"]),
        (Path("job.py"), ["job.py", "the path of a file as text"]),
        (eval("lambda plugin: 1"), ["this lambda", "<string>", "as a `def`", "as text"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_read_back_is_named_with_a_way_out(code, words):
    with pytest.raises(CodeError) as raised:
        capture(code, parameters=PLUGIN)

    for word in words:
        assert word in str(raised.value)


def test_a_function_without_a_file_is_refused():
    namespace: dict = {}
    exec("def job(plugin):\n  return 1", namespace)

    with pytest.raises(CodeError, match="source of function `job` cannot be found"):
        capture(namespace["job"], parameters=PLUGIN)


@pytest.mark.parametrize("now", ["x = 1\ny = 2\n", "def other(plugin):\n    return 1\n"])
def test_a_function_whose_file_has_changed_is_refused(load, now):
    job = load("def job(plugin):\n    return 1\n")
    Path(job.__code__.co_filename).write_text(now, "utf-8")

    with pytest.raises(CodeError, match="function `job`"):
        capture(job, parameters=PLUGIN)


# --- generated functions ------------------------------------------------------------------------

INDENTS = st.sampled_from(["  ", "    ", "\t", "        "])
HEADERS = st.sampled_from(
    [
        "def job(a, b):",
        "def job(a, b):  # why: because",
        "def job(\n  a,\n  # second\n  b=lambda: {1: 2},\n) -> dict:",
        "@(lambda f: f)\ndef job(a, b):",
    ]
)
SIMPLE = st.sampled_from(
    [
        "log = [a]",
        "log.append(b)",
        "log += [a,\n(b)\n  ]",
        "log.append('''x  \ny\n      z''')",
        "log.append(f'''{a}  \n{b}\n   ''')",
        "log.append('a' \\\n  'b')",
        "# comment",
        "",
        "   ",
        "result = 7",
        "a, b = b, a",
        "del result",
        "'''not a docstring\n   any more'''",
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> list[str]:
    lines = draw(st.sampled_from([[], ["'''Doc\n  string.'''"], ["", "# why"]]))
    lines = [*lines, "log = []"]
    for statement in draw(st.lists(SIMPLE, max_size=5)):
        block = draw(st.sampled_from([None, "if a:", "for _ in [1, 2]:", "def inner():"]))
        if block is None:
            lines.append(statement)
        else:
            lines += [
                block,
                "\t" + statement.lstrip(),
                "\treturn log" if "def" in block else "\tpass",
            ]
    return lines + draw(st.sampled_from([[], ["return log, a, b"], ["return (log,", "a)"]]))


def outcome(function, *arguments: object) -> object:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever the original does, the copy must do
        return type(error), str(error).replace("job()", "custom_code()")


@given(HEADERS, INDENTS, bodies(), st.sampled_from([("a", "b"), ("b", "a"), ("p", "q")]))
def test_a_captured_function_does_what_the_function_does(load, header, indent, body, parameters):
    job = load("\n".join([header, *(indent + line for line in body), "after = 1"]))

    code = capture(job, parameters=parameters)

    assert outcome(functools.partial(run, code), 1, 2) == outcome(job, 1, 2)
