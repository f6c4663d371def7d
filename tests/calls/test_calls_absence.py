"""What is said where no node takes a call: who is there, why they do not, and what to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pye2_calls.client.absence import why_gone, why_none
from pye2_calls.client.doors import CallsInstance
from pye2core import Identity
from pye2core.client.network import NetworkView
from pye2core.clock import ManualClock
from pye2core.messages import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Sequence

CLIENT = Identity.generate().address
CALLS = CallsInstance.SIGNATURE


@pytest.fixture
def peers() -> NetworkView:
    return NetworkView(ManualClock(), CLIENT)


def is_online(
    peers: NetworkView, name: str, *, allowed: bool, can: Sequence[str] = (CALLS,)
) -> str:
    address = Identity.generate().address
    peers.hear(
        Heartbeat(
            name,
            address,
            allowed=(CLIENT,) if allowed else (),
            secured=True,
            pipelines=(),
            signatures=dict.fromkeys(can, "1.0"),
        )
    )
    return address


def why(peers: NetworkView, *named: str) -> str:
    session: Any = SimpleNamespace(peers=peers)
    return why_none(session, CALLS, named)


def test_where_nobody_is_heard_it_says_what_to_check(peers: NetworkView) -> None:
    assert "no node was heard from; check that one runs on this broker" in why(peers)


def test_of_a_node_that_does_not_allow_this_client_its_owner_is_told_what_to_run(
    peers: NetworkView,
) -> None:
    is_online(peers, "attic", allowed=False)

    told = why(peers)

    assert told.startswith("attic does not allow this client")
    assert f"pye2 node allow {CLIENT}" in told


def test_a_node_without_the_plugin_is_told_from_one_that_does_not_allow_this_client(
    peers: NetworkView,
) -> None:
    is_online(peers, "attic", allowed=True, can=["CUSTOM_EXEC_01"])

    assert why(peers, "attic").startswith("attic takes no calls; install pye2-calls")


def test_of_a_name_that_nobody_has_it_tells_the_names_that_there_are(peers: NetworkView) -> None:
    is_online(peers, "attic", allowed=True)

    told = why(peers, "atic")

    assert told.startswith("atic has not been heard from")
    assert told.endswith("online are attic")


def test_a_node_may_be_named_by_its_address(peers: NetworkView) -> None:
    address = is_online(peers, "attic", allowed=False)

    assert why(peers, address).startswith("attic does not allow this client")


def test_each_node_that_was_named_has_its_own_reason(peers: NetworkView) -> None:
    is_online(peers, "attic", allowed=False)

    first, second = why(peers, "attic", "cellar").split("\n  ")

    assert first.startswith("attic does not allow")
    assert second.startswith("cellar has not been heard from")


def test_what_nodes_are_called_tells_a_terminal_nothing(peers: NetworkView) -> None:
    is_online(peers, "attic\x1b[2J", allowed=False)

    assert why(peers).startswith("attic?[2J does not allow this client")
    assert why(peers, "atic").endswith("online are attic?[2J")


def test_of_a_hundred_nodes_some_are_told(peers: NetworkView) -> None:
    for number in range(100):
        is_online(peers, f"n{number:02}", allowed=False)

    told = why(peers).split("\n  ")

    assert len(told) == 6
    assert told[-1] == "and 95 more of this kind"


# --- what became of one that took calls -----------------------------------------------------------


def became(peers: NetworkView, address: str) -> str:
    session: Any = SimpleNamespace(peers=peers)
    return why_gone(session, CALLS, address)


def test_a_node_that_is_online_and_does_not_allow_this_client_any_more_did_not_go_away(
    peers: NetworkView,
) -> None:
    address = is_online(peers, "attic", allowed=False)

    assert became(peers, address).startswith("attic does not allow this client")


def test_a_node_that_is_not_heard_went_away(peers: NetworkView) -> None:
    assert became(peers, Identity.generate().address) == "it went away"


def test_a_node_that_is_back_had_gone_away(peers: NetworkView) -> None:
    address = is_online(peers, "attic", allowed=True)

    assert became(peers, address) == "it went away"
