"""Brokers and a transport for the tests of pye2 and of its plugins.

``memory_broker`` and ``memory_transport`` carry messages within one process, ``mosquitto`` runs the
real program, ``fixtures`` offers brokers to pytest (and is the only module that imports it).

Example:
    ::

        with MemoryBroker("lab") as broker:
            session = Session(broker.url)
            ...
            broker.drop(client_id)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pye2_testing.memory_broker import MemoryBroker
    from pye2_testing.memory_transport import MemoryTransport
    from pye2_testing.mosquitto import Mosquitto

__all__ = ["MemoryBroker", "MemoryTransport", "Mosquitto"]


def __getattr__(name: str) -> Any:
    """Import on first use: the plugin module, loaded at every start of pye2, stays light."""
    if name == "MemoryBroker":
        from pye2_testing.memory_broker import MemoryBroker

        return MemoryBroker
    if name == "MemoryTransport":
        from pye2_testing.memory_transport import MemoryTransport

        return MemoryTransport
    if name == "Mosquitto":
        from pye2_testing.mosquitto import Mosquitto

        return Mosquitto
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
