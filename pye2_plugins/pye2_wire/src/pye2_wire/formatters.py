"""Formatters: shapings of a message's body within this dialect.

You are in the PyE2 serializer (PyE2 wire protocol, section 11). ``raw`` leaves the body as it is;
PyE2 calls it ``default``. The others, ours too, are found where plugins offer them: by a
``FormatterDescriptor`` of the dialect ``pye2`` whose implementation is a class that is a
:class:`Formatter`, made without arguments.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol, runtime_checkable

from pye2core.errors import NotProvided

DIALECT = "pye2"

_NAMES_OF_RAW = frozenset({"", "default", "raw"})


def name_on_the_wire(name: str | None) -> str | None:
    """How messages name a formatter; None for the one that changes nothing.

    PyE2 drops messages whose formatter it does not know by name, and it does not know ``raw``.
    """
    return None if name is None or name in _NAMES_OF_RAW else name


@runtime_checkable
class Formatter(Protocol):
    """A shaping of the messages that nodes send."""

    def encode(self, message: dict[str, Any]) -> dict[str, Any]:
        """Shape a message, which is made of what JSON has.

        What surrounds it (``pye2_wire.envelope.ENVELOPE``, the path, the signature) is laid over
        the outcome, so that it need not be in it.

        Raises:
            UnsendableValue: the message has no such shape.
        """

    def decode(self, message: dict[str, Any]) -> dict[str, Any]:
        """Restore a message that was received, with what surrounds it.

        Raises:
            MessageRejected: reason "shape": it is not what :meth:`encode` makes.
        """


class Raw:
    """The formatter that changes nothing."""

    def encode(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message itself."""
        return message

    def decode(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message itself."""
        return message


_RAW = Raw()


def formatter_named(name: str | None) -> Formatter:
    """The formatter that messages name.

    Raises:
        NotProvided: no installed plugin offers it.
        PluginBroken: a plugin offers it and fails to load.
    """
    wire_name = name_on_the_wire(name)
    return _RAW if wire_name is None else _installed(wire_name)


@cache
def _installed(name: str) -> Formatter:
    from pye2core import installed_plugins

    registry = installed_plugins()
    offered = registry.formatters(DIALECT)
    if name not in offered:
        raise NotProvided(
            f"No installed plugin offers the formatter {name[:64]!r} of the dialect {DIALECT};"
            f" installed are: {', '.join(sorted(offered)) or 'none'}. Install the one that does, or"
            " have the messages sent without a formatter.",
            kind="formatter",
            name=name,
        )
    found = offered[name]
    made: Formatter = registry.make(Formatter, found, found.implementation)
    return made
