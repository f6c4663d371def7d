"""What a connection is told about where to connect, and how.

You are beside ``connection``, which only reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.settings import BrokerAddress


@frozen
class ConnectionSettings:
    """How to connect.

    Attributes:
        broker: where the broker is.
        client_id: identifies this connection to the broker.
        persistent: whether the broker keeps subscriptions and messages while it is away.
        root: the root of all channel names.
        connect_timeout: seconds for connecting and for each subscription.
        environment: the variables that a transport's own settings are read from; None for those
            of this process and of ``.env``.
    """

    broker: BrokerAddress
    client_id: str
    persistent: bool = False
    root: str = "naeural"
    connect_timeout: float = 10.0
    environment: Mapping[str, str] | None = field(default=None, repr=False)
