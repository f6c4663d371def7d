"""What the loaded plugins offer, by kind and name; what two offer is a conflict of both.

You are behind ``registry``, which answers from here in its callers' words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pye2core.descriptors import (
    CliCommandDescriptor,
    FormatterDescriptor,
    PresetDescriptor,
    SerializerDescriptor,
    SignatureDescriptor,
    TransportDescriptor,
)
from pye2core.errors import PluginConflict
from pye2core.plugins.absences import nobody_offers
from pye2core.plugins.loader import names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pye2core.descriptors import Descriptor
    from pye2core.plugins.records import PluginRecord

_D = TypeVar("_D", bound="Descriptor")

_WORDS: Mapping[type, str] = {
    TransportDescriptor: "transport",
    SerializerDescriptor: "serializer",
    FormatterDescriptor: "formatter",
    SignatureDescriptor: "signature",
    PresetDescriptor: "preset",
    CliCommandDescriptor: "command",
}


class Offers:
    """All that plugins offer.

    Args:
        loaded: the descriptors of each loaded plugin, by its name.
        records: what became of all plugins, for the errors.
    """

    def __init__(
        self, loaded: Mapping[str, Sequence[Descriptor]], records: Sequence[PluginRecord]
    ) -> None:
        self._loaded = loaded
        self._records = records
        self._plugin_of: dict[int, str] = {}
        self._offers: dict[type, dict[str, list[Descriptor]]] = {}
        for plugin, descriptors in loaded.items():
            for descriptor in descriptors:
                self._add(descriptor, plugin)

    def _add(self, descriptor: Descriptor, plugin: str) -> None:
        self._plugin_of[id(descriptor)] = plugin
        kind = next(each for each in _WORDS if isinstance(descriptor, each))
        by_name = self._offers.setdefault(kind, {})
        for name in names_of(descriptor):
            by_name.setdefault(name, []).append(descriptor)

    # --- by plugin --------------------------------------------------------------------------------

    def plugin_of(self, descriptor: Descriptor) -> str:
        """The name of the plugin that offers it."""
        return self._plugin_of[id(descriptor)]

    def descriptors_of(self, plugin: str) -> tuple[Descriptor, ...]:
        """What a plugin offers, what others offer as well included; nothing if it is not loaded."""
        return tuple(self._loaded.get(plugin, ()))

    def of(self, plugin: str) -> list[tuple[str, str]]:
        """All that a plugin offers, as kind and name: ``("transport", "mqtt")``."""
        return [
            (_WORDS[kind], name)
            for kind, by_name in self._offers.items()
            for name, found in by_name.items()
            if any(self.plugin_of(each) == plugin for each in found)
        ]

    # --- by kind and name -------------------------------------------------------------------------

    def every(self, kind: type[_D]) -> dict[str, list[_D]]:
        """All of a kind by name, what several plugins offer included."""
        return self._offers.get(kind, {})  # type: ignore[return-value]  # keyed by their type

    def undisputed(self, kind: type[_D]) -> dict[str, _D]:
        """All of a kind by name, without those that two plugins offer."""
        return {name: found[0] for name, found in self.every(kind).items() if len(found) == 1}

    def one(self, kind: type[_D], name: str) -> _D:
        """The one of that kind and name.

        Raises:
            NotProvided, PluginBroken, PluginConflict: as :meth:`sole`.
        """
        offered = self.every(kind)
        return self.sole(offered.get(name, []), _WORDS[kind], name, offered)

    def sole(self, found: Sequence[_D], what: str, name: str, known: Iterable[str] = ()) -> _D:
        """The only one of those that were found.

        Args:
            found: all that answer to the name.
            what: what was asked for, in a word: "transport", "role", …
            name: its name.
            known: the names that there are, of which one may have been meant.

        Raises:
            NotProvided: there is none; says what to install.
            PluginBroken: the plugin that is known to offer it is broken.
            PluginConflict: there are two.
        """
        if not found:
            raise nobody_offers(self._records, what, name, known)
        if len(found) > 1:
            raise self._conflict(what, name, found)
        return found[0]

    def conflicts(self) -> list[PluginConflict]:
        """The names that two plugins offer, each as the error that asking for it raises."""
        return [
            self._conflict(_WORDS[kind], name, rivals)
            for kind, by_name in self._offers.items()
            for name, rivals in by_name.items()
            if len(rivals) > 1
        ]

    def _conflict(self, what: str, name: str, rivals: Sequence[Descriptor]) -> PluginConflict:
        plugins = [self.plugin_of(each) for each in rivals]
        return PluginConflict(
            f"the {what} {name!r} is offered by the plugins {' and '.join(plugins)}, so neither is"
            " used",
            advice="uninstall one, or disable it with PYE2_DISABLE_PLUGINS",
            name=name,
            plugins=plugins,
        )
