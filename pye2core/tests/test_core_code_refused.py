"""What PyE2 refuses to ship is refused here too (PyE2 wire protocol, section 12)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pye2core.code import capture, check_function
from pye2core.code.check import check_source
from pye2core.errors import CodeRefused

VECTORS_FILE = Path(__file__).parents[2] / "tests/data/vectors/code_transfer.json"
VECTORS = json.loads(VECTORS_FILE.read_text("utf-8"))["vectors"]
NOT_SHIPPED = [each for each in VECTORS if each.get("base64", "") is None]


@pytest.mark.parametrize("vector", NOT_SHIPPED, ids=lambda vector: vector["name"])
def test_code_that_pye2s_check_refuses_is_not_sent(vector):
    text = vector["body_sent"] if "body_sent" in vector else vector["input"]
    captured = capture(text, parameters=("plugin",))
    assert captured is not None

    with pytest.raises(CodeRefused):
        check_function(captured)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("match plugin:\n  case object(__class__=kind):\n    return kind", "__class__"),
        ("match plugin:\n  case [object(gi_frame=kind)]:\n    return kind", "gi_frame"),
        ("return plugin.np.load(plugin.BytesIO(b''), allow_pickle=True)", "allow_pickle"),
        ("return (x for x in 'a').gi_frame", "gi_frame"),
        ("return plugin.error.tb_frame", "tb_frame"),
        ("return '{0.__class__}'.format(1)", "__class__"),
        ("return '{x[0].gi_code:>{0.__init__.__globals__}}'.format(1)", "gi_code"),
        ("return '{x.__class__!r}'.format_map({'x': 1})", "__class__"),
        ("return plugin.random._os", "_os"),
        ("return plugin.np.random._pickle.loads", "_pickle"),
    ],
)
def test_what_leads_out_of_the_code_is_refused_where_it_can_be_seen(source, name):
    assert name in [problem.name for problem in check_source(source, parameters=("plugin",))]


@pytest.mark.parametrize(
    "source",
    [
        "match plugin:\n  case object(x=1, real=part):\n    return part\nreturn 0",
        "return plugin.np.load(plugin.BytesIO(b''), allow_pickle=False)",
        "class A:\n  _kept = 1\nreturn A._kept + A()._kept",
        "return '{0.real:.2f} {{0}} {x[a.b]}'.format(1, x={'a.b': 2})",
        "p = plugin.collections.namedtuple('P', 'x')(1)\nreturn p._asdict()",
    ],
)
def test_what_looks_like_it_and_does_not_is_let_through(source):
    assert check_source(source, parameters=("plugin",)) == []


def test_more_functions_than_python_can_compile_in_time_are_refused():
    source = "\n".join(["x = lambda: 0"] * 5_000) + "\nreturn 1"

    (problem,) = check_source(source, parameters=("plugin",))

    assert problem.line == 2001
    assert "2000 functions" in problem.message


def test_more_data_than_can_be_checked_in_time_is_refused():
    (problem,) = check_source("x = [" + "0," * 200_000 + "]", parameters=("plugin",))

    assert "plugin.cfg_" in problem.message
