"""``docs/values.md`` lists every kind of value with its number, and its limits are the code's."""

from __future__ import annotations

import re
from pathlib import Path

from pye2_calls.values import (
    MOST_CONTAINERS,
    NESTING_LIMIT,
    arrays,
    classes,
    exceptions,
    frames,
    packing,
    plain,
    times,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "values.md").read_text(encoding="utf-8")
KINDS = (plain, times, exceptions, classes, arrays, frames)


def test_every_kind_is_listed_once_and_no_other() -> None:
    listed = re.findall(r"^\| [^|]+ \| ([\d, ]+) \|", PAGE, re.MULTILINE)

    numbers = [int(number) for cell in listed for number in cell.split(",")]
    assert sorted(numbers) == sorted(kind.number for each in KINDS for kind in each.KINDS)


def test_its_limits_are_those_of_the_code() -> None:
    assert f"more than {NESTING_LIMIT} levels" in PAGE
    assert f"at most {MOST_CONTAINERS:,} lists" in PAGE
    assert f"of more than {plain.LONGEST_FRACTION:,} bits" in PAGE
    assert f"of {packing.LARGE:,} bytes or more" in PAGE
    assert f"`{packing.NOT_MESSAGEPACK:X}`" in PAGE
