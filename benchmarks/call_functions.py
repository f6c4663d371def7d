"""What is called, by ours and by the others."""

from __future__ import annotations

from typing import Any


def noop() -> None:
    """Nothing."""


def work(number: int) -> int:
    """Some milliseconds of nothing but arithmetic."""
    value = number + 1
    for _ in range(75_000):
        value = (value * 1_103_515_245 + 12_345) % 2_147_483_648
    return value


def same(value: Any) -> Any:
    """What it is given."""
    return value
