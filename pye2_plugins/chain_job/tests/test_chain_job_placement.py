"""Which node gets a piece of the work."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_chain_job.placement import (
    SHARE_SECONDS,
    Candidates,
    Requirements,
    choose_node,
    why_not,
    will_not,
)
from pye2core.abc import Peer

ME = "0xai_me"


def peer(name: str, **more: Any) -> Peer:
    return Peer(f"0xai_{name}", name, **{"allows_me": True, **more})


def choose(
    *peers: Peer, named: tuple[str, ...] = (), waited: float = 0.0, seed: int = 0, **more: Any
) -> str | None:
    requirements = Requirements("CUSTOM_EXEC_01", named, ME)
    candidates = Candidates(peers, more.pop("pieces", {}), **more)
    return choose_node(requirements, candidates, waited=waited, rng=Random(seed))


def test_the_least_loaded_node_is_chosen() -> None:
    assert choose(peer("a", load=90), peer("b", load=10), peer("c", load=60)) == "0xai_b"


def test_of_nodes_with_about_the_same_load_the_one_with_fewer_pipelines_is_chosen() -> None:
    assert choose(peer("a", load=12, pipelines=3), peer("b", load=9, pipelines=1)) == "0xai_b"


def test_between_equals_chance_decides() -> None:
    peers = [peer(name) for name in "abc"]
    assert {choose(*peers, seed=seed) for seed in range(30)} == {"0xai_a", "0xai_b", "0xai_c"}


def test_named_nodes_come_first_in_the_order_of_their_names() -> None:
    peers = [peer("idle"), peer("second", load=90), peer("first", load=99)]
    named = ("first", "0xai_second")
    assert choose(*peers, named=named) == "0xai_first"
    assert choose(*peers, named=named, pieces={"0xai_first": 1}) == "0xai_second"
    assert choose(peers[0], named=named) == "0xai_idle"


@pytest.mark.parametrize("prefix", ["0xai_", "aixp_", ""])
def test_a_node_may_be_named_by_its_address_with_either_prefix_or_none(prefix: str) -> None:
    peers = [peer("idle"), peer("wanted", load=99)]
    assert choose(*peers, named=(f"{prefix}wanted",)) == "0xai_wanted"


def test_a_node_that_does_not_allow_this_one_is_not_chosen() -> None:
    assert choose(peer("a", allows_me=False), waited=100) is None


def test_a_node_that_cannot_run_the_signature_is_not_chosen() -> None:
    unable = peer("a", signatures=frozenset({"OTHER_01"}))
    able = peer("b", load=99, signatures=frozenset({"CUSTOM_EXEC_01"}))
    assert choose(unable, able) == "0xai_b"


def test_a_node_that_does_not_say_what_it_can_run_counts_as_able() -> None:
    assert choose(peer("a", signatures=None)) == "0xai_a"


def test_a_node_that_failed_with_the_piece_is_chosen_only_if_no_other_is_free() -> None:
    bad, good = peer("bad"), peer("good", load=99)
    assert choose(bad, good, avoided={"0xai_bad"}) == "0xai_good"
    assert choose(bad, avoided={"0xai_bad"}) == "0xai_bad"


def test_no_node_gets_a_second_piece_before_there_was_time_for_another_to_appear() -> None:
    busy = {"0xai_a": 1}
    assert choose(peer("a"), pieces=busy, waited=SHARE_SECONDS - 1) is None
    assert choose(peer("a"), pieces=busy, waited=SHARE_SECONDS) == "0xai_a"


def test_the_second_piece_goes_where_there_are_fewest() -> None:
    pieces = {"0xai_a": 2, "0xai_b": 1}
    assert choose(peer("a"), peer("b", load=99), pieces=pieces, waited=100) == "0xai_b"


def test_the_main_node_takes_a_piece_only_where_it_is_alone() -> None:
    assert choose(waited=SHARE_SECONDS - 1) is None
    assert choose(waited=SHARE_SECONDS) == ME
    assert choose(peer("a", allows_me=False), waited=SHARE_SECONDS) is None


def test_a_node_that_does_not_answer_is_as_good_as_none() -> None:
    assert choose(peer("a"), silent={"0xai_a"}, waited=SHARE_SECONDS) == ME
    assert choose(peer("a"), peer("b", load=99), silent={"0xai_a"}) == "0xai_b"


def test_it_is_told_why_a_node_is_not_used_and_what_to_do() -> None:
    requirements = Requirements("CUSTOM_EXEC_01", (), ME)
    assert why_not(peer("a"), requirements, ()) is None
    assert f"--allow {ME}" in str(why_not(peer("a", allows_me=False), requirements, ()))
    unable = peer("a", signatures=frozenset())
    assert "install the plugin" in str(why_not(unable, requirements, ()))
    assert "does not answer" in str(why_not(peer("a"), requirements, {"0xai_a"}))


@pytest.mark.parametrize(
    ("client", "more", "command"),
    [
        (None, {"allows_me": True}, None),
        ("0xai_you", {"allows_me": True}, None),
        ("0xai_you", {"allows_me": False}, f"pye2 node allow {ME} --name a"),
        ("0xai_you", {"lets_me_delegate": False, "allowed": frozenset({"0xai_you"})}, None),
        ("0xai_you", {"lets_me_delegate": True, "allows_me": True}, None),
        (None, {"lets_me_delegate": True, "allows_me": True}, None),
        ("0xai_you", {"lets_me_delegate": False}, "pye2 node allow 0xai_you --name a"),
        (None, {"lets_me_delegate": False}, f"pye2 node allow {ME} --may-delegate --name a"),
    ],
    ids=[
        "one of PyE2's that allows me",
        "the same, for somebody who has signed",
        "one of PyE2's that does not",
        "one of ours that allows the client",
        "one that trusts my word, though it does not",
        "one that trusts my word",
        "one that allows me and not the client",
        "one that allows me, and nobody has signed",
    ],
)
def test_whom_a_worker_would_have_to_allow_depends_on_what_it_knows_of_delegations(
    client: str | None, more: dict[str, Any], command: str | None
) -> None:
    requirements = Requirements("CUSTOM_EXEC_01", (), ME, client)
    there = peer("a", **{"allowed": frozenset({ME}), **more})

    told = why_not(there, requirements, ())

    assert told is None if command is None else f"`{command}`" in str(told)
    assert will_not(there, requirements) is (command is not None)


@pytest.mark.parametrize(
    ("more", "is_final"),
    [
        ({}, False),
        ({"is_lost": True}, False),
        ({"signatures": frozenset({"CUSTOM_EXEC_01"})}, False),
        ({"signatures": frozenset({"OTHER"})}, True),
        ({"allows_me": False}, True),
    ],
)
def test_who_says_that_it_cannot_is_told_from_who_may_yet(
    more: dict[str, Any],
    is_final: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert will_not(peer("a", **more), Requirements("CUSTOM_EXEC_01", (), ME)) is is_final


peers = st.lists(
    st.builds(
        peer,
        st.sampled_from("abcdef"),
        allows_me=st.booleans(),
        load=st.floats(0, 100),
        signatures=st.sampled_from([None, frozenset(), frozenset({"CUSTOM_EXEC_01"})]),
    ),
    unique_by=lambda each: each.name,
)


@given(peers, st.sets(st.sampled_from("abcdef")), st.floats(0, 100), st.integers())
def test_whoever_is_chosen_is_able_and_free_if_anybody_is(
    there: list[Peer], busy: set[str], waited: float, seed: int
) -> None:
    pieces = {f"0xai_{name}": 1 for name in busy}
    chosen = choose(*there, pieces=pieces, waited=waited, seed=seed)
    requirements = Requirements("CUSTOM_EXEC_01", (), ME)
    able = {each.address for each in there if why_not(each, requirements, ()) is None}
    if able - pieces.keys():
        assert chosen in able - pieces.keys()
    else:
        assert chosen is None or chosen in able or (chosen == ME and not there)
