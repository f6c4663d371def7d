"""The sealed connection: used by sessions and nodes alike.

``connection`` seals and publishes, receives and opens, dispatches; ``outbox`` keeps what the broker
has not confirmed; ``rejections`` counts and logs what is not acted on; ``dialects`` knows the wire
dialects and who speaks which.
"""

from pye2core.connection.connection import Connection, ConnectionSettings
from pye2core.connection.dialects import Dialects

__all__ = ["Connection", "ConnectionSettings", "Dialects"]
