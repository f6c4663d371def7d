"""Which names count as unknown: Python's scoping, compared with Python itself."""

from __future__ import annotations

import ast
import dis
import itertools
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.code.check import as_function
from pye2core.code.rules import ALLOWED_BUILTINS
from pye2core.code.scopes import unknown_reads


def unknown(source: str, *, script: bool = False, parameters: tuple[str, ...] = ()) -> set[str]:
    reads = unknown_reads(
        ast.parse(source), parameters=parameters, script=script, known=ALLOWED_BUILTINS
    )
    return {read.id for read in reads}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x", {"x"}),
        ("x = x_0", {"x_0"}),
        ("x = 1\nx", set()),
        ("x += 1", set()),
        ("global x\nx += 1", {"x"}),
        ("global x\nx = 1\ndef f():\n  return x", set()),
        ("def f():\n  global x\n  x = 1\nx", set()),
        ("x = 1\ndef f():\n  global x\n  return x", {"x"}),
        ("x = 1\ndef f():\n  global x\n  def g():\n    return x", {"x"}),
        ("x = 1\ndef f():\n  nonlocal x\n  x = x + 1", set()),
        ("def f(a, /, b, *c, d=e, **g):\n  return a, b, c, d, g", {"e"}),
        ("def f(a: b) -> c: pass", {"b", "c"}),
        ("def f(a=a): pass", {"a"}),
        ("@deco\ndef f(): return f", {"deco"}),
        ("f = lambda a, b=c: a + b + d", {"c", "d"}),
        ("[a for a in b if a if c]", {"b", "c"}),
        ("[a for a in a]", {"a"}),
        ("[b for a in () for b in a]", set()),
        ("[(y := a) for a in ()]\ny", set()),
        ("[a for a in ()]\na", {"a"}),
        ("{a: b for a, b in ()}\n{a for a in ()}\nsum(a for a in c)", {"c"}),
        ("x: a = 1", set()),
        ("x: int\nx", set()),
        ("class A:\n  x: a = 1", {"a"}),
        ("class A:\n  x = 1\n  y = x", set()),
        ("class A:\n  x = 1\n  def f(self):\n    return x", {"x"}),
        ("class A:\n  x = 1\n  y = [x for _ in (x,)]", {"x"}),
        ("class A:\n  x = 1\n  class B:\n    y = x", {"x"}),
        ("class A(B, metaclass=C): pass", {"B", "C"}),
        ("class A:\n  def f(self):\n    return __class__, super()", set()),
        ("class A:\n  x += 1", {"x"}),
        ("try:\n  pass\nexcept E as e:\n  e", {"E"}),
        ("with a as b, c as (d, e): b, d, e", {"a", "c"}),
        ("for a, *b in c: a, b", {"c"}),
        ("import a.b, c as d\nfrom e import f\na, d, f", set()),
        ("import a.b, c as d\nb, c", {"b", "c"}),
        (
            "match a:\n  case [b, *c]: b, c\n  case {'k': d, **e}: d, e\n  case f.g | h(): 1",
            {"a", "f", "h"},
        ),
        ("match 1:\n  case int() as x: x", set()),
        ("del x", set()),
        ("x[0] += y.z", {"x", "y"}),
        ("f'{a!r:{b}}'", {"a", "b"}),
        ("async def f():\n  async for a in b:\n    await a\n  async with c as d: d", {"b", "c"}),
        ("while (n := m): n", {"m"}),
        ("print(len([]), ValueError, True)", set()),
    ],
)
def test_a_functions_names_are_resolved_as_python_does(source, expected):
    assert unknown(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("result = x\nx = 1", set()),
        ("x += 1", {"x"}),
        ("x: a", {"a"}),
        ("x: int\nx", {"x"}),
        ("def f():\n  return x\nx = 1", set()),
        ("def f():\n  global y\n  y = 1\ny", set()),
    ],
)
def test_a_scripts_names_are_a_modules(source, expected):
    assert unknown(source, script=True) == expected


@pytest.mark.skipif(not hasattr(ast, "TypeAlias"), reason="type parameters came with Python 3.12")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f[T: a](x: T) -> b:\n  return T", {"a", "b"}),
        ("class A[T](B[T]):\n  x = T", {"B"}),
        ("type A[T] = list[T] | b\nA", {"b"}),
        ("class A:\n  x = int\n  def f[T](self, y: x): return T", set()),
    ],
)
def test_type_parameters_are_names_of_their_own(source, expected):
    assert unknown(source) == expected


def test_parameters_are_known():
    assert unknown("plugin, data", parameters=("plugin",)) == {"data"}


def test_the_first_read_of_each_name_is_given_in_the_order_of_the_text():
    reads = unknown_reads(ast.parse("f(b)\na = b\nreturn c"), parameters=(), script=False)

    assert [(read.id, read.lineno, read.col_offset) for read in reads] == [
        ("f", 1, 0),
        ("b", 1, 2),
        ("c", 3, 7),
    ]


# --- generated programs, compared with Python -----------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


EXPRESSIONS = [
    "{name}",
    "({name}, {inner})",
    "[{inner} for {name} in ({other},)]",
    "[{name} for {name} in ({inner},) if {other}]",
    "{{{name}: {other} for {name} in [{inner}] for {other} in [{name}]}}",
    "(lambda {name}: {inner})(1)",
    "(lambda {name}={other}: ({name}, {inner}))()",
    "f'{{{name}!r:{{{other}}}}}'",
]

STATEMENTS = [
    ["{name} = {value}"],
    ["{name}, _ = {value}, 1"],
    ["{name}: int = {value}"],
    ["_ = ({name} := {value})"],
    ["str({value})"],
    ["for {name} in ({value},): pass"],
    ["try:", "  1 / 0", "except Exception as {name}:", "  _ = {value}"],
    ["match {value}:", "  case [{name}, *_]: pass", "  case {name}: pass"],
    ["def {name}(_={value}):", "  global {other}", "  {other} = 1", "{name}()"],
]

COMPOUND_STATEMENTS = [
    (["if 1 == 1:"], []),
    (["def {name}({other}, *_):"], ["{name}(1)"]),
    (["class {name}:"], []),
    (["class {name}:", "  def _method(self):"], ["{name}()._method()"]),
]


@st.composite
def expressions(draw: st.DrawFn) -> str:
    expression = "1"
    for template in draw(st.lists(st.sampled_from(EXPRESSIONS), max_size=2)):
        expression = template.format(name=draw(NAMES), other=draw(NAMES), inner=expression)
    return expression


@st.composite
def statements(draw: st.DrawFn) -> list[str]:
    fill = {"name": draw(NAMES), "other": draw(NAMES), "value": draw(expressions())}
    return [line.format(**fill) for line in draw(st.sampled_from(STATEMENTS))]


@st.composite
def compound_statements(draw: st.DrawFn, block: st.SearchStrategy[list[str]]) -> list[str]:
    fill = {"name": draw(NAMES), "other": draw(NAMES)}
    before, after = draw(st.sampled_from(COMPOUND_STATEMENTS))
    inside = ["  " * len(before) + line for line in draw(block)]
    return (
        [line.format(**fill) for line in before] + inside + [line.format(**fill) for line in after]
    )


def joined(statement: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return st.lists(statement, min_size=1, max_size=3).map(lambda parts: [*itertools.chain(*parts)])


BLOCKS = joined(
    st.recursive(statements(), lambda inner: compound_statements(joined(inner)), max_leaves=6)
)


def compiled(source: str, *, script: bool) -> CodeType:
    tree = ast.parse(source)
    return compile(tree if script else as_function(tree, parameters=("plugin",)), "<code>", "exec")


def unknown_to_python(code: CodeType) -> set[str]:
    """What the compiled code looks for outside of itself and never puts there."""
    read: set[str] = set()
    defined = {"custom_code"}
    pending = [(code, True)]
    while pending:
        part, is_module = pending.pop()
        own = {step.argval for step in dis.get_instructions(part) if step.opname == "STORE_NAME"}
        for step in dis.get_instructions(part):
            if step.opname == "STORE_GLOBAL" or (is_module and step.opname == "STORE_NAME"):
                defined.add(step.argval)
            if step.opname == "LOAD_GLOBAL" or (
                step.opname == "LOAD_NAME" and step.argval not in own
            ):
                read.add(step.argval)
        pending += [(item, False) for item in part.co_consts if isinstance(item, CodeType)]
    return read - defined - ALLOWED_BUILTINS - {"__name__", "__annotations__"}


@given(BLOCKS, st.booleans())
def test_exactly_what_python_would_look_for_elsewhere_is_unknown(lines, script):
    source = "\n".join(lines)
    try:
        code = compiled(source, script=script)
    except SyntaxError:  # such as a global declaration of a parameter
        return

    assert unknown(source, script=script, parameters=("plugin",)) == unknown_to_python(code)


def bound_somewhere(source: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(source)))
    stored = {
        node.id for node in nodes if isinstance(node, ast.Name) and type(node.ctx) is ast.Store
    }
    named = {getattr(node, "name", None) for node in nodes if not isinstance(node, ast.alias)}
    return {name for name in stored | named if name is not None}


@given(BLOCKS, st.booleans())
def test_code_whose_unknown_names_are_supplied_misses_none_when_it_runs(lines, script):
    source = "\n".join(lines)
    supplied = unknown(source, script=script, parameters=("plugin",))
    namespace: dict = {"plugin": None, **dict.fromkeys(supplied, 1)}
    missed = None
    try:
        exec(compiled(source, script=script), namespace)
        if not script:
            namespace["custom_code"](None)
    except NameError as error:
        missed = error.name
    except Exception:  # noqa: BLE001 - the programs are nonsense; only their names matter
        missed = None

    # What the program itself defines can still be read too early; that is Python's affair.
    assert missed is None or missed in bound_somewhere(source)
