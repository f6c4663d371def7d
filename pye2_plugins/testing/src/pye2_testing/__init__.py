"""Brokers, networks and contracts for the tests of pye2 and of its plugins.

``memory_broker`` and ``memory_transport`` carry messages within one process, ``network`` is a whole
network in it, with nodes whose sandbox is ``inline_sandbox``; ``mosquitto``, ``rabbitmq`` and
``nats_server`` run the real programs. On the loop of ``jumping_time`` hours pass in no time.
``contracts`` are tests that authors subclass, ``fixtures`` offers brokers to pytest: these two are
the only ones that import it.

Example:
    ::

        with MemoryBroker("lab") as broker:
            session = Session(broker.url)
            ...
            broker.drop(client_id)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pye2_testing.memory_broker import MemoryBroker
    from pye2_testing.memory_transport import MemoryTransport
    from pye2_testing.mosquitto import Mosquitto
    from pye2_testing.nats_server import NatsServer
    from pye2_testing.network import MemoryNetwork
    from pye2_testing.rabbitmq import RabbitMq

__all__ = [
    "MemoryBroker",
    "MemoryNetwork",
    "MemoryTransport",
    "Mosquitto",
    "NatsServer",
    "RabbitMq",
]

_HOME_OF = {
    "MemoryBroker": "memory_broker",
    "MemoryNetwork": "network",
    "MemoryTransport": "memory_transport",
    "Mosquitto": "mosquitto",
    "NatsServer": "nats_server",
    "RabbitMq": "rabbitmq",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the plugin module, loaded at every start of pye2, stays light."""
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
