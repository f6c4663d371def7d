"""An embedded MQTT broker for laptops and demos.

It is a real nats-server in a process of its own. ``embedded`` is what programs use, ``cli`` the
command ``pye2 broker``; below them ``process`` starts and watches the server, ``configuration``
writes what it reads, ``retention`` bounds what it keeps, ``launch`` ties its life to ours. Nothing
outside this package knows which broker it is.

Example:
    ::

        with EmbeddedBroker(Path("broker")) as broker:
            session = Session(broker.url)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pye2_broker.embedded import EmbeddedBroker
    from pye2_broker.errors import BrokerFailed

__all__ = ["BrokerFailed", "EmbeddedBroker"]


def __getattr__(name: str) -> Any:
    """Import on first use: the plugin module, loaded at every start of pye2, stays light."""
    if name == "EmbeddedBroker":
        from pye2_broker.embedded import EmbeddedBroker

        return EmbeddedBroker
    if name == "BrokerFailed":
        from pye2_broker.errors import BrokerFailed

        return BrokerFailed
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
