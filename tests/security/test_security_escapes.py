"""Every way out that is known, tried through a client, a broker and a node: none leads anywhere.

A snippet is contained if it ran, or was refused by a check that lets its harmless twin through, and
no witness has seen anything. The same with each layer turned off.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from escape_arena import Arena
from escape_corpus import Snippet, attacks, snippets, twins
from escape_layers import CHECK, LAYERS
from escape_table import TOLD, summary, table
from escape_trials import FAILED, RAN, REFUSED, Outcome, Trials

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("cell"),
]

SEED = 5
SELECTED = 12
"""Snippets for each layer that is turned off, where not all are tried."""

SHOWING_LIFE = ("dunder", "numpy-modules", "plugin-api")
"""The families whose twins say that a node runs code at all, where no check refuses any."""

BY_NUMBER = ("210", "211", "212", "213", "214", "217", "233")
"""The attacks on other processes by their numbers."""

SYSTEMS = [layer for layer in LAYERS if layer != CHECK]


def run(without: frozenset[str], chosen: Sequence[Snippet], *, as_user: bool) -> list[Outcome]:
    """The twins' outcomes, then those of the chosen, all on one node."""
    with Arena(without, as_user) as arena:
        return Trials(arena).run([*twins_for(without), *in_good_company(chosen)])


def twins_for(without: frozenset[str]) -> list[Snippet]:
    """All of them where the check may refuse, otherwise some."""
    known = twins()
    return [known[name] for name in (SHOWING_LIFE if CHECK in without else known)]


def in_good_company(chosen: Sequence[Snippet]) -> list[Snippet]:
    """Those that only a limit ends next to each other, so that they wait at the same time."""
    return sorted(chosen, key=lambda each: each.is_slow)


def assert_contained(outcomes: Sequence[Outcome]) -> None:
    """Nothing failed, nothing reached anything, and what was refused has a twin that ran."""
    told = "\n".join([*table(outcomes), summary(outcomes)])
    returned = {each.name: each.value for each in outcomes if each.result == RAN}
    needed = {each.family for each in outcomes if each.result == REFUSED} | set(SHOWING_LIFE)
    for family in needed:
        twin = twins()[family]
        assert returned.get(twin.name) == twin.value, f"the twin of {family}:\n{told}"
    assert [each for each in outcomes if each.result == FAILED] == [], told
    assert [each for each in outcomes if each.evidence] == [], told


def selection(layer: str) -> list[Snippet]:
    """Some of the attacks, other ones for each layer; none that only its time limit ends."""
    quick = [each for each in attacks() if not each.is_slow]
    return random.Random(f"{SEED} {layer}").sample(quick, SELECTED)


def test_all_layers_together_let_nothing_through() -> None:
    outcomes = run(frozenset(), attacks(), as_user=False)

    assert_contained(outcomes)
    assert sum(each.result == REFUSED for each in outcomes) > 0


@pytest.mark.parametrize("layer", SYSTEMS)
def test_no_layer_is_the_only_one_that_holds(layer: str) -> None:
    assert_contained(run(frozenset({CHECK, layer}), selection(layer), as_user=False))


def test_an_ordinary_users_node_holds_too() -> None:
    assert_contained(run(frozenset({CHECK}), selection("user"), as_user=True))


def test_one_users_workers_reach_nobody_by_number_where_seccomp_is_missing() -> None:
    by_number = [each for each in attacks() if each.name[:3] in BY_NUMBER]

    outcomes = run(frozenset({CHECK, "seccomp"}), by_number, as_user=True)

    assert len(by_number) == len(BY_NUMBER)
    assert_contained(outcomes)


def test_the_systems_layers_hold_without_the_check_and_answer_no_call_that_leads_out() -> None:
    (surface,) = snippets("surface")

    outcomes = run(frozenset({CHECK}), [*selection(CHECK), surface], as_user=False)

    assert_contained(outcomes)
    (answered,) = (each.value for each in outcomes if each.name == surface.name)
    assert answered == "[]"


@pytest.mark.long
@pytest.mark.parametrize("as_user", [False, True], ids=["root", "user"])
@pytest.mark.parametrize("with_check", [True, False], ids=["check", "no-check"])
@pytest.mark.parametrize("layer", ["none", *SYSTEMS])
def test_every_snippet_without_each_layer(
    layer: str, *, with_check: bool, as_user: bool, record_property
) -> None:
    """How many ran, were refused and failed is shown at the end of the run."""
    off = ({layer} - {"none"}) | (set() if with_check else {CHECK})

    outcomes = run(frozenset(off), attacks(), as_user=as_user)

    record_property(TOLD, [*table(outcomes), summary(outcomes)])
    assert_contained(outcomes)


@pytest.mark.long
@pytest.mark.parametrize("layer", LAYERS)
def test_what_each_layer_stops_alone(layer: str, record_property) -> None:
    """Asserts no more than that all was tried: what it shows is for people."""
    with Arena(frozenset(LAYERS) - {layer}) as arena:
        outcomes = Trials(arena).run(attacks())

    record_property(TOLD, [*table(outcomes), summary(outcomes)])
    assert len(outcomes) == len(attacks())
