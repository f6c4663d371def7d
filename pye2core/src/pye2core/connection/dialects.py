"""The wire dialects of this process, and which of them each peer is known to speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors import MessageRejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pye2core.abc import SealedMessage, Serializer
    from pye2core.descriptors import SerializerDescriptor
    from pye2core.plugins import PluginRegistry


class Dialects:
    """Chooses the serializer for what comes in and for what goes out.

    Args:
        serializers: the dialects, the weakest first; that one is used where nothing is known.
    """

    def __init__(self, serializers: Sequence[Serializer]) -> None:
        self._serializers = tuple(serializers)
        self._spoken: dict[str, int] = {}

    @classmethod
    def installed(
        cls,
        registry: PluginRegistry,
        *,
        node_name: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Dialects:
        """All that plugins offer.

        Args:
            registry: the plugins.
            node_name: the name of the node that speaks; None for a client.
            environment: what the dialects' settings are read from; None for the variables of this
                process and of ``.env``.

        Raises:
            NotProvided: none is offered.
            PluginBroken: the only one, or what it names, is broken.
            PluginConflict: two plugins offer the same.
            SettingsError: a setting cannot be used.
        """
        given = {} if node_name is None else {"node_name": node_name}

        def make(descriptor: SerializerDescriptor) -> Serializer:
            settings = registry.settings_of(descriptor, environment)
            own = given if settings is None else {**given, "settings": settings}
            made: Serializer = registry.load(descriptor, descriptor.implementation)(**own)
            return made

        return cls([make(each) for each in registry.serializers()])

    def for_peer(self, address: str | None) -> Serializer:
        """The strongest dialect that this peer is known to speak."""
        return self._serializers[self._spoken.get(address or "", 0)]

    def parse(self, data: bytes) -> tuple[int, SealedMessage]:
        """Read the shape of a message with the dialect that recognises it.

        Returns:
            The dialect's place among the dialects, for :meth:`heard`, and the sealed message.

        Raises:
            MessageRejected: no dialect recognises it, or the one that does cannot read it.
        """
        for place, serializer in enumerate(self._serializers):
            if serializer.recognises(data):
                return place, serializer.parse(data)
        raise MessageRejected("no installed wire dialect recognises it", reason="shape")

    def heard(self, sender: str, place: int) -> None:
        """Remember that a verified message of ``sender`` came in this dialect."""
        if place > self._spoken.get(sender, 0):
            self._spoken[sender] = place
