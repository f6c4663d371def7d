"""Code that takes all it can get: it ends, its neighbours go on, the node is as it was before."""

from __future__ import annotations

import threading
from typing import Final

import pytest
from escape_arena import Arena
from escape_corpus import Snippet, snippets
from escape_layers import CHECK
from escape_table import table
from escape_trials import RAN, Outcome, Trials

from pye2core.clock import SYSTEM_CLOCK

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("cell"),
]

MOST_KEPT: Final = 16 * 1024 * 1024
"""Bytes that a node may have more after all of it."""

GIVEN_BACK_IN: Final = 20.0
"""Seconds that it may take until then: it gives back some at a time."""

FORBIDDEN: Final = "not permitted"
"""What the system says where a thing is not limited but refused."""

ABUSES: Final = snippets("abuse")


@pytest.fixture(scope="module")
def aftermath() -> tuple[dict[str, Outcome], int]:
    """What became of each, and how much more memory the node has in the end.

    Without the language check, which would refuse most of them.
    """
    with Arena(frozenset({CHECK})) as arena:
        trials = Trials(arena)
        before = arena.household.node_memory
        outcomes = trials.run(ABUSES, at_once=3)
        more = _more_than(before, arena)
    return {each.name: each for each in outcomes}, more


def _more_than(before: int, arena: Arena) -> int:
    """How much more memory the node has, once it has given back what it does."""
    pause = threading.Event()
    deadline = SYSTEM_CLOCK.monotonic() + GIVEN_BACK_IN
    while (more := arena.household.node_memory - before) >= MOST_KEPT:
        if SYSTEM_CLOCK.monotonic() > deadline:
            break
        pause.wait(0.05)
    return more


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda each: each.name)
def test_it_harms_nobody_else_and_leaves_nothing_behind(
    abuse: Snippet, aftermath: tuple[dict[str, Outcome], int]
) -> None:
    outcome = aftermath[0][abuse.name]

    assert outcome.result == RAN, "\n".join(table([outcome]))
    assert outcome.evidence == (), "\n".join(table([outcome]))


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda each: each.name)
def test_the_limit_that_it_hits_is_told_by_name_and_value(
    abuse: Snippet, aftermath: tuple[dict[str, Outcome], int]
) -> None:
    outcome = aftermath[0][abuse.name]
    names = abuse.headers["limit"].split()

    assert FORBIDDEN in outcome.detail or any(
        name in names and value > 0 for name, value in outcome.limits
    ), "\n".join(table([outcome]))


def test_the_nodes_memory_returns_to_where_it_was(
    aftermath: tuple[dict[str, Outcome], int],
) -> None:
    assert aftermath[1] < MOST_KEPT
