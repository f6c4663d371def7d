"""Why no node takes a call: told to whoever waits for one, with what to do about it.

Only words are made here; who is there, the session knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pye2core import Session
    from pye2core.messages import Heartbeat

_TOLD: Final = 5
"""Nodes that are told of one by one."""


def why_none(session: Session, signature: str, named: Sequence[str] = ()) -> str:
    """Why none of the nodes that were named, or of all, takes calls of a session.

    Args:
        session: whose calls they are.
        signature: what a node that takes calls can run.
        named: nodes by name or address; empty for all.
    """
    peers = session.peers
    if named:
        return _one_a_line(_of_named(session, signature, each) for each in named)
    problems = [_of(session, signature, each) for each in peers.online().values()]
    return _one_a_line(sorted(problems)) or (
        "no node was heard from; check that one runs on this broker and under this root topic"
        " (`pye2 up` starts some on this machine)"
    )


def why_gone(session: Session, signature: str, address: str) -> str:
    """What became of a node that took calls of a session; "it" is the node."""
    heartbeat = session.peers.heartbeat(address)
    if heartbeat is None or address in session.peers.able(signature):
        return "it went away"
    return _of(session, signature, heartbeat)


def _of_named(session: Session, signature: str, node: str) -> str:
    heartbeat = session.peers.heartbeat(node)
    if heartbeat is not None:
        return _of(session, signature, heartbeat)
    others = sorted(printable(each.name) for each in session.peers.online().values())
    online = f"online are {', '.join(others[:_TOLD])}" if others else "nor is any other node online"
    more = " …" if len(others) > _TOLD else ""
    return f"{node} {session.peers.absence_of(node)}; {online}{more}"


def _of(session: Session, signature: str, node: Heartbeat) -> str:
    peers, name = session.peers, printable(node.name)
    if node.address not in peers.allowed():
        return (
            f"{name} does not allow this client; where it runs, its owner has to say:"
            f" pye2 node allow {peers.own_address} (with the --home or --name that the node was"
            " started with)"
        )
    if node.address not in peers.able(signature):
        return f"{name} takes no calls; install pye2-calls where it runs, and start it again"
    return f"{name} takes calls only now: try again"


def _one_a_line(told: Iterable[str]) -> str:
    lines = list(told)
    if len(lines) > _TOLD:
        lines = [*lines[:_TOLD], f"and {len(lines) - _TOLD} more of this kind"]
    return "\n  ".join(lines)
