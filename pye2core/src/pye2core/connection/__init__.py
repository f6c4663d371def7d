"""The sealed connection: used by sessions and nodes alike.

``connection`` is its life: connects, comes back after a loss, closes. ``subscriptions`` knows which
channels the broker forbids, ``proofs`` whether what it grants arrives. ``outbound`` hands messages
to the transport in order, from the ``outbox`` of what the broker has not confirmed; ``inbound``
checks, opens and dispatches what arrives, ``rejections`` counts and logs what is not acted on.
``backoff`` says when to try again. ``dialects`` knows the wire dialects, ``speakers`` who speaks
which, ``dialect_memory`` and ``file_memory`` keep that.
"""

from pye2core.connection.connection import Connection, ConnectionSettings
from pye2core.connection.dialect_memory import VolatileMemory, memory_of
from pye2core.connection.dialects import Dialects, made_serializer

__all__ = [
    "Connection",
    "ConnectionSettings",
    "Dialects",
    "VolatileMemory",
    "made_serializer",
    "memory_of",
]
