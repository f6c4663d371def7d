"""Which node gets a piece of the work.

Sans-I/O. Nodes that the user named come first, then the least loaded; never a second piece on one
node while another is free, and the main node itself only where it is alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2core.identity import same_address

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from random import Random

    from pye2core.abc import Peer

SHARE_SECONDS: Final = 2.0
"""Seconds to wait for a free node before one gets two pieces.

Nodes of ours know each other within a second of meeting; waiting for the heartbeat of others would
make every job that has more pieces than there are nodes wait as long.
"""

_LOAD_STEP: Final = 10.0


@frozen
class Requirements:
    """What a node must be to become a worker, and which are preferred.

    Attributes:
        signature: what it must be able to run, where it says what it can.
        named: names or addresses of the nodes to be chosen first.
        self_address: the main node's own address.
        client: who has signed that the main node may have others do this; None if nobody has.
    """

    signature: str
    named: tuple[str, ...]
    self_address: str
    client: str | None = None


@frozen
class Candidates:
    """The nodes that could take a piece now.

    Attributes:
        peers: the nodes that are online, without the main node.
        pieces: how many pieces each node has already.
        silent: nodes that seem to be online but do not answer.
        avoided: nodes that failed with this piece before.
    """

    peers: Sequence[Peer]
    pieces: Mapping[str, int]
    silent: Collection[str] = ()
    avoided: Collection[str] = ()


def choose_node(
    requirements: Requirements, candidates: Candidates, *, waited: float, rng: Random
) -> str | None:
    """The address of the node to take; None to wait.

    Args:
        requirements: what it must be.
        candidates: what there is.
        waited: seconds for which the piece has waited for a node.
        rng: decides between equals.
    """
    able = [peer for peer in candidates.peers if _is_able(peer, requirements, candidates)]
    rng.shuffle(able)
    able.sort(key=lambda peer: _rank(peer, requirements, candidates))
    free = [peer for peer in able if not candidates.pieces.get(peer.address)]
    if free:
        return free[0].address
    if waited < SHARE_SECONDS:
        return None
    if able:
        return min(able, key=lambda peer: candidates.pieces.get(peer.address, 0)).address
    is_alone = all(peer.address in candidates.silent for peer in candidates.peers)
    return requirements.self_address if is_alone else None


def why_not(peer: Peer, requirements: Requirements, silent: Collection[str]) -> str | None:
    """Why a node cannot be a worker, with what to do about it; None if it can."""
    if not takes_work(peer, requirements):
        return _refusal(peer, requirements)
    if peer.signatures is not None and requirements.signature.upper() not in peer.signatures:
        return f"{peer.name} cannot run {requirements.signature}: install the plugin there"
    if peer.is_lost:
        return f"{peer.name} has lost its connection to the broker"
    if peer.address in silent:
        return f"{peer.name} does not answer"
    return None


def will_not(peer: Peer, requirements: Requirements) -> bool:
    """Whether a node says itself that it cannot be a worker: waiting does not change that."""
    stated = peer.signatures
    return not takes_work(peer, requirements) or (
        stated is not None and requirements.signature.upper() not in stated
    )


def takes_work(peer: Peer, requirements: Requirements) -> bool:
    """Whether a node takes the job's work from this one (PyE2 wire protocol, section 20).

    One that knows of delegations takes it if it allows the client who signed one, or trusts this
    node to bring work for others; another one if it allows this node.
    """
    if peer.lets_me_delegate is None:
        return peer.allows_me
    return peer.lets_me_delegate or requirements.client in peer.allowed


def _refusal(peer: Peer, requirements: Requirements) -> str:
    whom, option, who = requirements.self_address, "--allow", "commands from this node"
    if peer.lets_me_delegate is not None and requirements.client is not None:
        whom, who = requirements.client, f"work of {requirements.client}"
    elif peer.lets_me_delegate is not None:
        option, who = "--may-delegate", "work for others from this node"
    more = "" if option == "--allow" else f" {option}"
    return (
        f"{peer.name} does not take {who}: where it runs, `pye2 node allow {whom}{more} --name"
        f" {peer.name}` (or the --home that it was started with) lets it, without a restart; so"
        f" does starting it with {option} {whom}"
    )


def _is_able(peer: Peer, requirements: Requirements, candidates: Candidates) -> bool:
    return why_not(peer, requirements, candidates.silent) is None


def _is_meant(peer: Peer, node: str) -> bool:
    """Whether a node is meant by a name, or by an address with either prefix or none."""
    return node == peer.name or same_address(node, peer.address)


def _rank(
    peer: Peer, requirements: Requirements, candidates: Candidates
) -> tuple[bool, int, int, float]:
    """Sorts the best node first."""
    named = requirements.named
    places = [place for place, node in enumerate(named) if _is_meant(peer, node)]
    return (
        peer.address in candidates.avoided,
        min(places, default=len(named)),
        round(peer.load / _LOAD_STEP),
        peer.pipelines,
    )
