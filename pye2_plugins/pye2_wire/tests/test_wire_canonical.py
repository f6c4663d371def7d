"""The text that is hashed is PyE2's, byte for byte, and what it cannot hold is named."""

import datetime as dt
import enum
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pye2_wire.canonical import canonical, compact, mended, spaced
from pye2_wire.plain import NESTING_LIMIT, as_plain
from pye2_wire.signing import signed_part
from pye2_wire.unsendable import UnsendableValue

DATA = Path(__file__).parents[3] / "tests/data/vectors"
VECTORS = json.loads((DATA / "hash_sign_verify.json").read_text("utf-8"))["vectors"]

# Where we do right and PyE2 does not, what we make instead.
OURS = {
    "np.float64": '{"a":1.5}',
    "int keys (9,10)": '{"a":{"10":"y","9":"x"}}',
    "mixed keys": '{"a":{"1":1,"b":2}}',
}


def evaluated(expression: str) -> dict[str, Any]:
    names = {"np": np, "datetime": dt, "nan": float("nan"), "inf": float("inf")}
    value: dict[str, Any] = eval(expression, names)  # the project's own vectors
    return value


def hashed_text(message: dict[Any, Any]) -> bytes:
    return mended(compact(as_plain(signed_part(message))))


@pytest.mark.parametrize(
    "vector", [each for each in VECTORS if "error" not in each], ids=lambda vector: vector["name"]
)
def test_canonical_text_is_pye2s(vector: dict[str, Any]) -> None:
    expected = OURS.get(vector["name"], vector["canonical_json"])

    made = hashed_text(evaluated(vector["python_expr"]))

    assert made == expected.encode()
    if vector["name"] not in OURS:
        assert made.hex() == vector["canonical_utf8_hex"]
        assert hashlib.sha256(made).hexdigest() == vector["sha256_hex"]


@pytest.mark.parametrize(
    "vector",
    [each for each in VECTORS if "error" in each and each["name"] not in OURS],
    ids=lambda vector: vector["name"],
)
def test_what_pye2_cannot_hash_is_refused_and_its_place_named(vector: dict[str, Any]) -> None:
    with pytest.raises(UnsendableValue) as refusal:
        hashed_text(evaluated(vector["python_expr"]))

    assert refusal.value.path == "a"


def test_mixed_keys_become_text_before_they_are_sorted() -> None:
    mixed = {"b": 1, 10: 2, 9: 3, None: 4, True: 5, 1.5: 6, np.int64(7): 7}

    assert hashed_text(mixed) == b'{"1.5":6,"10":2,"7":7,"9":3,"b":1,"null":4,"true":5}'


def test_two_keys_of_the_same_text_are_refused() -> None:
    with pytest.raises(UnsendableValue, match="same text"):
        as_plain({"a": {1: "x", "1": "y"}})


@pytest.mark.parametrize("key", [(1, 2), b"x", pytest.param(10**5000, id="5001 digits")])
def test_a_key_that_is_no_text_and_cannot_become_one_is_refused(key: object) -> None:
    with pytest.raises(UnsendableValue, match="one of its keys is a") as refusal:
        as_plain({"a": {7: [{"b": 1, key: "x"}]}})

    assert refusal.value.path == "a.7[0]"


class Colour(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    YES = "yes"


def test_subclasses_of_what_json_has_become_plain() -> None:
    plain = as_plain({"a": Colour.RED, "b": Word.YES, "c": np.float64(1.0), "d": (1, (2,))})

    assert plain == {"a": 1, "b": "yes", "c": 1.0, "d": [1, [2]]}
    assert [type(value) for value in plain.values()] == [int, str, float, list]


def test_moments_lose_their_microseconds() -> None:
    moment = dt.datetime(2024, 11, 1, 12, 30, 5, 999999, tzinfo=dt.UTC)

    assert as_plain({"a": moment}) == {"a": "2024-11-01 12:30:05"}


def test_numpy_arrays_of_any_depth_become_lists() -> None:
    array = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)

    assert as_plain({"a": array}) == {"a": [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]}


@pytest.mark.parametrize(
    "value", [b"x", {1}, object(), 1j, np.complex64(1), np.datetime64("2024-01-01"), range(3)]
)
def test_what_json_does_not_have_is_refused_with_the_way_to_it(value: object) -> None:
    with pytest.raises(UnsendableValue) as refusal:
        as_plain({"EXEC_RESULT": [0, {"x": [value]}]})

    assert refusal.value.path == "EXEC_RESULT[1].x[0]"
    assert str(refusal.value).startswith("EXEC_RESULT[1].x[0] cannot be sent: ")


@pytest.mark.parametrize("write", [compact, spaced])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param("\ud800", "no Unicode", id="lone surrogate"),
        pytest.param(10**5000, "too many digits", id="5001 digits"),
    ],
)
def test_a_scalar_that_cannot_be_written_is_refused_with_the_way_to_it(
    write: Any, value: object, problem: str
) -> None:
    with pytest.raises(UnsendableValue, match=problem) as refusal:
        write(as_plain({"x": [[1]], "a": [{"b": value}]}))

    assert refusal.value.path == "a[0].b"


def test_a_key_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(UnsendableValue) as refusal:
        compact({"a": {"\udfff": 1}})

    assert refusal.value.path == "a"


def test_emoji_are_no_lone_surrogates() -> None:
    assert json.loads(spaced({"a": "🚀"})) == {"a": "🚀"}


def nested(levels: int) -> dict[str, Any]:
    inner: Any = 1
    for _ in range(levels - 1):
        inner = [inner]
    return {"a": inner}


def test_nesting_is_possible_up_to_the_limit() -> None:
    assert canonical(as_plain(nested(NESTING_LIMIT))).count(b"[") == NESTING_LIMIT - 1
    with pytest.raises(UnsendableValue, match="levels"):
        as_plain(nested(NESTING_LIMIT + 1))


def test_what_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop

    with pytest.raises(UnsendableValue, match="contains itself"):
        as_plain(loop)
