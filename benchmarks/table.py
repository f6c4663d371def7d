"""Rows of the table, and the medians they are made of."""

from __future__ import annotations

import os
import statistics
import sys
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RUNS = 9
"""Figures are medians of at least this many runs."""


@frozen
class Row:
    """One figure.

    Attributes:
        name: what was measured.
        ours: our figure, in ``unit``.
        reference: what it is held against, in the same unit; None where there is nothing.
        bound: the ratio of the two that must hold; None where the figure is only shown.
        at_least: whether the ratio must be at least ``bound`` instead of at most.
        unit: "ms", "s", "%", "MiB".
        note: what the reference is.
    """

    name: str
    ours: float
    unit: str
    note: str = ""
    reference: float | None = None
    bound: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return None if self.reference is None else self.ours / self.reference

    @property
    def verdict(self) -> str:
        """Whether the bound holds."""
        if self.bound is None or self.ratio is None:
            return ""
        holds = self.ratio >= self.bound if self.at_least else self.ratio <= self.bound
        return "ok" if holds else "MISSED"


def medians_in_turn(*measures: Callable[[], float], runs: int = RUNS) -> list[float]:
    """The median of each measure; they take turns, so that drift of the machine hits all alike."""
    values: list[list[float]] = [[] for _ in measures]
    for measure in measures:
        measure()
    for _ in range(runs):
        for index, measure in enumerate(measures):
            values[index].append(measure())
    return [statistics.median(each) for each in values]


def typical_pair(
    ours: Callable[[], float], reference: Callable[[], float], runs: int = RUNS
) -> tuple[float, float]:
    """Of pairs measured one right after the other, the typical one; a first one does not count."""
    ours()
    reference()
    return typical([(ours(), reference()) for _ in range(runs)])


def typical(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The pair whose ratio is the median.

    A processor that others share has a fast and a slow second, by a factor of two; what is held
    against each other must come from the same one.
    """
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(rows: list[Row]) -> None:
    """Print the table."""
    print(f"{'what':<58} {'ours':>11} {'reference':>11} {'ratio':>7} {'bound':>7}  ")
    for row in rows:
        reference = "" if row.reference is None else f"{row.reference:.2f} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        sign = ">=" if row.at_least else "<="
        bound = "" if row.bound is None else f"{sign}{row.bound:.2f}"
        ours = f"{row.ours:.2f} {row.unit}"
        print(f"{row.name:<58} {ours:>11} {reference:>11} {ratio:>7} {bound:>7}  {row.verdict}")
        if row.note:
            print(f"    {row.note}")


def with_bytecode() -> dict[str, str]:
    """The environment for programs whose start is measured: compiled modules are kept.

    What is installed by a package manager is compiled already, and users' interpreters keep what
    they compile; where an environment forbids that, our sources alone would be compiled each time.
    """
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def progress(text: str) -> None:
    """Say what is being measured, on standard error."""
    print(f"… {text}", file=sys.stderr, flush=True)
