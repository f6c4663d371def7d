"""What became of snippets, as lines that people read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from escape_trials import Outcome

TOLD: Final = "what became of the snippets"
"""Under this name a test hands its table and summary to the end of the run."""


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """One line a snippet: its name, its kind, what became of it, by what, what it reached."""
    for each in outcomes:
        reached = f"REACHED {'; '.join(each.evidence)}" if each.evidence else "contained"
        reached = " ".join(reached.split())[:160]
        detail = " ".join(each.detail.split())[:90]
        begin = f"{each.name:<34} {each.kind:<7} {each.result:<8} {each.layer:<11}"
        yield f"{begin} {reached}  | {detail}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """One line about all of them."""
    results = Counter(each.result for each in outcomes)
    reached = sum(bool(each.evidence) for each in outcomes)
    counted = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
    return f"{len(outcomes)} snippets: {counted}; {reached} reached something"
