"""The wire dialects of this process, and which of them each peer is known to speak."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pye2core.abc import Serializer
from pye2core.errors import MessageRejected, PluginBroken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pye2core.abc import SealedMessage
    from pye2core.descriptors import SerializerDescriptor
    from pye2core.plugins import PluginRegistry

_log = logging.getLogger("pye2core.connection")


class Dialects:
    """Chooses the serializer for what comes in and for what goes out.

    Args:
        serializers: the dialects, the weakest first; that one is used where nothing is known.
        missing: those that are installed and cannot be used, by name, each with its plugin.
    """

    def __init__(
        self, serializers: Sequence[Serializer], missing: Mapping[str, str] | None = None
    ) -> None:
        self._serializers = tuple(serializers)
        self._missing = missing or {}
        self._spoken: dict[str, int] = {}
        self._reported: set[int] = set()

    @classmethod
    def installed(
        cls,
        registry: PluginRegistry,
        *,
        node_name: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Dialects:
        """All that plugins offer and that can be used; what cannot be is a warning.

        Args:
            registry: the plugins.
            node_name: the name of the node that speaks; None for a client.
            environment: what the dialects' settings are read from; None for the variables of this
                process and of ``.env``.

        Raises:
            NotProvided: none is offered.
            PluginBroken: of those that are, none can be used; of several the first is told.
            PluginConflict: none is offered by one plugin alone.
            SettingsError: a setting cannot be used.
        """
        made: list[Serializer] = []
        broken: dict[str, PluginBroken] = {}
        for descriptor in registry.serializers():
            try:
                made.append(made_serializer(registry, descriptor, node_name, environment))
            except PluginBroken as error:
                broken[descriptor.name] = error
        if not made:
            raise next(iter(broken.values()))
        for name, why in broken.items():
            _log.warning("the wire dialect %r is neither spoken nor understood: %s", name, why)
        return cls(made, {name: why.plugin for name, why in broken.items()})

    def for_peer(self, address: str | None) -> Serializer:
        """The strongest dialect that this peer is known to speak."""
        return self._serializers[self._spoken.get(address or "", 0)]

    def recognise(self, data: bytes) -> bool:
        """Whether any dialect takes these bytes for a message of its own."""
        return any(each.recognises(data) for each in self._serializers)

    def parse(self, data: bytes) -> tuple[int, SealedMessage]:
        """Read the shape of a message with the dialect that recognises it.

        Returns:
            The dialect's place among the dialects, for :meth:`heard`, and the sealed message.

        Raises:
            MessageRejected: no dialect recognises it, or the one that does cannot read it.
        """
        for place, serializer in enumerate(self._serializers):
            if self._is_recognised(place, serializer, data):
                return place, serializer.parse(data)
        raise MessageRejected(
            f"no wire dialect that is in use here recognises it{self._suspects()}", reason="shape"
        )

    def _is_recognised(self, place: int, serializer: Serializer, data: bytes) -> bool:
        try:
            return serializer.recognises(data)
        except MessageRejected:
            raise
        except Exception as error:  # noqa: BLE001 - the dialects after it may well know these bytes
            if place not in self._reported:
                self._reported.add(place)
                _log.exception(
                    "%s raised %s in recognises(), which must not be: what it would have read may"
                    " be lost (reported once)",
                    type(serializer).__qualname__,
                    type(error).__name__,
                )
            return False

    def _suspects(self) -> str:
        if not self._missing:
            return ""
        told = ", ".join(f"{name!r} of the plugin {self._missing[name]}" for name in self._missing)
        return f"; what cannot be used here is {told}: see `pye2 plugins doctor`"

    def heard(self, sender: str, place: int) -> None:
        """Remember that a verified message of ``sender`` came in this dialect."""
        if place > self._spoken.get(sender, 0):
            self._spoken[sender] = place


def made_serializer(
    registry: PluginRegistry,
    descriptor: SerializerDescriptor,
    node_name: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Serializer:
    """One dialect, as a node or a client uses it.

    Args:
        registry: the plugins.
        descriptor: which dialect.
        node_name: the name of the node that speaks; None for a client.
        environment: what its settings are read from; None for the variables of this process and of
            ``.env``.

    Raises:
        PluginBroken: it cannot be imported, or not be made; names the plugin and what to do.
        SettingsError: a setting cannot be used.
    """
    settings = registry.settings_of(descriptor, environment)
    own = {"node_name": node_name, "settings": settings}
    given = {name: each for name, each in own.items() if each is not None}
    made: Serializer = registry.make(Serializer, descriptor, descriptor.implementation, **given)
    return made
