"""Why no answer to a command may have come: in sentences, with what to do.

You are in the client room. This looks at what is known of the own connection and of the node; it
sends nothing and waits for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.client.network import NetworkView
    from pye2core.client.transactions import Transaction
    from pye2core.connection import Connection


def why_silent(transaction: Transaction, connection: Connection, network: NetworkView) -> str:
    """What is known to keep a node from answering.

    Args:
        transaction: what was asked.
        connection: the session's.
        network: what is known of the node.
    """
    own = _of_the_connection(transaction, connection)
    return own or _of_the_node(transaction, network) or _of_both(transaction, connection, network)


def _of_the_connection(transaction: Transaction, connection: Connection) -> str:
    """What the session itself lacks; empty for nothing."""
    broker = connection.settings.broker.url
    away = connection.seconds_lost
    was_delivered = transaction.delivered_at is not None
    if away is None:
        return "" if was_delivered else f"The broker {broker} has not taken the command yet."
    kept = (
        "the broker has the command, and the answer is heard when the connection is back"
        if was_delivered
        else "the command is kept, and sent when it is back"
    )
    return f"This session lost its connection to the broker {broker} {away:.0f} s ago: {kept}."


def _of_the_node(transaction: Transaction, network: NetworkView) -> str:
    """Why the node cannot or will not do it; empty if it could."""
    heartbeat = network.heartbeat(transaction.node)
    if heartbeat is None:
        return f"It {network.absence_of(transaction.node)}: see that it runs and is connected."
    if not network.may_use(heartbeat):
        own = network.own_address
        return f"It does not allow this client; on the node run: pye2 node allow {own}"
    return ""


def _of_both(transaction: Transaction, connection: Connection, network: NetworkView) -> str:
    """Whether the command may have got lost between two that are there."""
    heard = network.life_of(transaction.node) == transaction.life
    stayed = not connection.was_made_since(transaction.delivered_at or 0.0)
    if transaction.confirmed or (heard and stayed):
        return "It is online: give it longer with timeout=…, or look into its log."
    who = "it has" if stayed else "this session has"
    return (
        f"It is online, but {who} connected anew since the command was sent, which may have been"
        " lost: do it again (deploy() again), and see that the broker keeps what waits for nodes."
    )
