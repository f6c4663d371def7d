"""``exec_code``: what is to be sent is tried out here, as a node would run it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pye2core.client.code_tools import CodeTools
from pye2core.code import encode
from pye2core.errors import CodeError


class Plugin(CodeTools):
    """What the code is given: in a program, the pipeline."""

    number = 21
    np: Any = None

    def __init__(self) -> None:
        self.gate = threading.Event()


def tried(source: str, **options: Any) -> tuple[Any, ...]:
    return Plugin().exec_code(encode(source), **options)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("return 2 * plugin.number", 42),
        ("result = 2 * plugin.number", 42),
        ("result = 1\n_result = 2\n__result = 3", 3),
        ("x = 1", None),
        ("def double(n):\n  return 2 * n\nresult = double(plugin.number)", 42),
        ("class A:\n  n = 5\nreturn A.n", 5),
        ("total = 0\nfor n in range(3): total += n; total += 1\nreturn total", 6),
    ],
)
def test_both_forms_of_code_give_their_result(source: str, result: Any) -> None:
    assert tried(source) == (result, None, [])


def test_the_object_can_have_another_name() -> None:
    assert tried("return me.number", self_var="me")[0] == 21


def test_a_script_can_leave_its_result_elsewhere() -> None:
    assert tried("answer = 42", result_vars=["answer"])[0] == 42


def test_what_it_prints_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = tried("print('a', 1, sep='-')\nprint('b', end='!')", return_printed=True)

    assert outcome == (None, None, [], "a-1\nb!")
    assert capsys.readouterr().out == ""


def test_an_exception_is_told_with_its_line() -> None:
    result, error, _ = tried("zero = 0\n\nreturn 1 / zero")

    assert result is None
    assert error == "ZeroDivisionError: division by zero (line 3: return 1 / zero)"


def test_an_exception_below_the_code_is_told_with_the_codes_line() -> None:
    assert "(line 2: plugin.base64_to_code(5))" in tried("x = 1\nplugin.base64_to_code(5)")[1]


def test_code_that_ends_the_program_ends_itself_only() -> None:
    assert tried("raise SystemExit(3)")[1].startswith("SystemExit: 3")


def test_code_that_a_node_would_refuse_is_not_run() -> None:
    plugin = Plugin()

    result, error, _ = plugin.exec_code(encode("plugin.number = 1\nimport os\nx = missing"))

    assert result is None
    assert "line 2: " in error
    assert "`missing`" in error
    assert plugin.number == 21


def test_code_that_takes_too_long_is_not_waited_for() -> None:
    plugin = Plugin()

    _, error, _ = plugin.exec_code(encode("plugin.gate.wait()"), timeout=0.05)
    plugin.gate.set()

    assert error == "the code took longer than 0.05 s"


def test_what_is_not_packed_code_is_an_error() -> None:
    with pytest.raises(CodeError, match="base64"):
        Plugin().exec_code("return 1")


def test_numpy_works_in_it() -> None:
    np = pytest.importorskip("numpy")
    plugin = Plugin()
    plugin.np = np

    assert plugin.exec_code(encode("return int(plugin.np.arange(4).astype(str).size)"))[0] == 4
