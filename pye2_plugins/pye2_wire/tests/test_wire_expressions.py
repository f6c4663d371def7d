"""Python values as vectors write them: made without running what is written."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_wire.vectors.expressions import UnknownExpression, value_of

literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers(), inner),
)


@given(literals)
def test_a_literal_is_its_value(value: object) -> None:
    assert value_of(repr(value)) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{'a': 0.1 + 0.2, **{'b': -inf}}", {"a": 0.1 + 0.2, "b": -float("inf")}),
        ("2 ** 200 - 1", 2**200 - 1),
        ("'x' * 3", "xxx"),
        ("[i * 0.5 for i in range(3)]", [0.0, 0.5, 1.0]),
        ("{f'k{i}': i for i in range(2)}", {"k0": 0, "k1": 1}),
        ("{(a, b) for a in range(2) for b in range(a)}", {(1, 0)}),
        ("datetime.date(2024, 11, 1)", dt.date(2024, 11, 1)),
        ("np.float32(1.5)", np.float32(1.5)),
    ],
)
def test_what_is_computed_and_made_is_known(expression: str, value: Any) -> None:
    assert value_of(expression) == value


def test_names_can_be_given() -> None:
    assert value_of("[x, x + 1]", {"x": 1}) == [1, 2]


@pytest.mark.parametrize(
    "expression",
    [
        "open('x')",
        "__import__('os')",
        "(1).__class__",
        "np.load('x')",
        "[x for x in (1).__class__.__mro__]",
        "f'{1!r:>99999999999}'",
        "2 ** 10 ** 9",
        "'x' * (1 << 40)",
        "'x' * 2 ** 40",
        "'%099999999999d' % 1",
        "list(range(10 ** 12))",
        "bytes(10 ** 12)",
        "np.zeros((10 ** 6, 10 ** 9))",
        "[0 for a in range(9999) for b in range(9999)]",
        "x",
    ],
)
def test_an_expression_runs_nothing_and_takes_no_end_of_memory(expression: str) -> None:
    with pytest.raises(UnknownExpression):
        value_of(expression)


@pytest.mark.parametrize("expression", ["f(", "", "{'a'"])
def test_what_is_no_python_is_not_taken_for_the_unknown(expression: str) -> None:
    with pytest.raises(SyntaxError):
        value_of(expression)
