"""The sealed connection: used by sessions and nodes alike.

``connection`` is its life: connects, sends, listens, closes, as its ``settings`` say. ``lifeline``
knows whether the broker is there; ``reconnecting`` brings it back, ``backoff`` says when to try
again, ``forgetting`` what is lost where the broker kept nothing. ``subscriptions`` knows which
channels the broker forbids, ``proofs`` whether what it grants arrives. ``outbound`` hands messages
to the transport in order, from the ``outbox`` of what the broker has not confirmed; ``inbound``
checks, opens and dispatches what arrives, ``rejections`` counts and logs what is not acted on.
``dialects`` knows the wire dialects, ``speakers`` who speaks which, ``dialect_memory`` and
``file_memory`` keep that.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pye2core.connection.connection import Connection
from pye2core.connection.dialect_memory import VolatileMemory, memory_of
from pye2core.connection.dialects import Dialects, made_serializer
from pye2core.connection.settings import ConnectionSettings
from pye2core.connection.speakers import forget_speaker

if TYPE_CHECKING:
    from pye2core.connection.file_memory import FileMemory, memory_path

__all__ = [
    "Connection",
    "ConnectionSettings",
    "Dialects",
    "FileMemory",
    "VolatileMemory",
    "forget_speaker",
    "made_serializer",
    "memory_of",
    "memory_path",
]

_IN_FILES = frozenset({"FileMemory", "memory_path"})
"""They bring SQLite, which most processes never need."""

if not TYPE_CHECKING:  # or a misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in _IN_FILES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        return getattr(import_module(f"{__name__}.file_memory"), name)
