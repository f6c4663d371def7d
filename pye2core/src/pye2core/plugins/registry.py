"""Answers who offers what, and lends a plugin's name to whatever goes wrong in it."""

from __future__ import annotations

import difflib
import functools
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from pye2core.descriptors import (
    CliCommandDescriptor,
    FormatterDescriptor,
    PresetDescriptor,
    SerializerDescriptor,
    SignatureDescriptor,
    TransportDescriptor,
)
from pye2core.errors import (
    NotProvided,
    PluginBroken,
    PluginConflict,
    UnknownPreset,
    UnknownSignature,
    UnknownTransport,
)
from pye2core.plugins.discovery import LoadPolicy, installed_candidates, policy_from
from pye2core.plugins.known import distribution_for
from pye2core.plugins.loader import Loader, import_object
from pye2core.plugins.records import PluginRecord, PluginState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2core.descriptors import Descriptor, Role
    from pye2core.plugins.discovery import Candidate

_log = logging.getLogger("pye2core.plugins")
_D = TypeVar("_D", bound="Descriptor")


class PluginRegistry:
    """The plugins of this process and what they offer.

    Args:
        candidates: plugins to load.
        policy: what is disabled, and whether a broken plugin is an error at once.

    Raises:
        PluginBroken: a plugin cannot be loaded and the policy is strict.
    """

    def __init__(self, candidates: Iterable[Candidate], policy: LoadPolicy | None = None) -> None:
        loader = Loader(policy or LoadPolicy())
        self.records: tuple[PluginRecord, ...] = tuple(loader.load_all(candidates))
        self._manager = loader.manager
        self._plugin_of: dict[int, str] = {}
        self._offers: dict[type, dict[str, list[Descriptor]]] = {}
        for plugin in loader.loaded:
            for descriptor in plugin.descriptors:
                self._add(descriptor, plugin.candidate.name)
        self._silenced: set[tuple[str, str]] = set()
        if loader.policy.strict:
            self._refuse_broken()

    def _add(self, descriptor: Descriptor, plugin: str) -> None:
        self._plugin_of[id(descriptor)] = plugin
        by_name = self._offers.setdefault(type(descriptor), {})
        for name in _names_of(descriptor):
            by_name.setdefault(name, []).append(descriptor)

    def _refuse_broken(self) -> None:
        for record in self.records:
            if record.state is PluginState.BROKEN:
                raise PluginBroken(
                    f"the plugin {record.name!r} of {record.distribution} is broken"
                    f" ({record.phase.value}): {record.error}",
                    plugin=record.name,
                    phase=record.phase.value,
                )

    # --- who offers what --------------------------------------------------------------------------

    def transport(self, scheme: str) -> TransportDescriptor:
        """The transport for a URL scheme.

        Raises:
            UnknownTransport: none serves it; says what to install.
            PluginConflict: two do.
        """
        return self._one(TransportDescriptor, scheme.lower(), "transport", UnknownTransport)

    def transports(self) -> Mapping[str, TransportDescriptor]:
        """All transports by URL scheme."""
        return self._all(TransportDescriptor)

    def serializers(self) -> tuple[SerializerDescriptor, ...]:
        """All wire dialects, the strongest last.

        Raises:
            NotProvided: none is installed.
        """
        found = sorted(self._all(SerializerDescriptor).values(), key=lambda each: each.strength)
        if not found:
            raise self._missing("serializer", "pye2", NotProvided, [])
        return tuple(found)

    def formatters(self, dialect: str) -> Mapping[str, FormatterDescriptor]:
        """The formatters of a dialect by name."""
        every = self._all(FormatterDescriptor)
        return {name: found for name, found in every.items() if found.dialect == dialect}

    def signature(self, name: str) -> SignatureDescriptor:
        """The signature of that name, in any case.

        Raises:
            UnknownSignature: no plugin offers it; says what to install.
            PluginConflict: two do.
        """
        return self._one(SignatureDescriptor, name.upper(), "signature", UnknownSignature)

    def signatures(self) -> Mapping[str, SignatureDescriptor]:
        """All signatures by upper-case name."""
        return self._all(SignatureDescriptor)

    def signature_for(self, role: Role) -> SignatureDescriptor:
        """The signature that serves a role of the kernel's convenience methods.

        Raises:
            UnknownSignature: none does; says what to install.
        """
        for descriptor in self.signatures().values():
            if descriptor.role is role:
                return descriptor
        raise self._missing("role", role.value, UnknownSignature, [])

    def preset(self, name: str) -> PresetDescriptor:
        """The preset of that name, in any case.

        Raises:
            UnknownPreset: no plugin offers it; says what to install.
            PluginConflict: two do.
        """
        return self._one(PresetDescriptor, name.upper(), "preset", UnknownPreset)

    def presets(self) -> Mapping[str, PresetDescriptor]:
        """All presets by upper-case name."""
        return self._all(PresetDescriptor)

    def commands(self) -> Mapping[str, CliCommandDescriptor]:
        """All subcommands of ``pye2`` by name."""
        return self._all(CliCommandDescriptor)

    def plugin_of(self, descriptor: Descriptor) -> str:
        """The name of the plugin that offers it."""
        return self._plugin_of[id(descriptor)]

    def load(self, descriptor: Descriptor, import_string: str) -> Any:
        """Import what a descriptor names.

        Raises:
            PluginBroken: that fails; names the plugin and what to do.
        """
        try:
            return import_object(import_string)
        except Exception as error:
            plugin = self.plugin_of(descriptor)
            record = next(each for each in self.records if each.name == plugin)
            message = (
                f"the plugin {plugin!r} offers {import_string}, but importing it failed:"
                f" {type(error).__name__}: {error};"
                f" `pip install --force-reinstall {record.distribution}` brings what it needs"
            )
            raise PluginBroken(message, plugin=plugin, phase="use") from error

    def _all(self, kind: type[_D]) -> dict[str, _D]:
        offers = self._offers.get(kind, {})
        return {name: found[0] for name, found in offers.items() if len(found) == 1}  # type: ignore[misc]  # keyed by their type

    def _one(self, kind: type[_D], name: str, what: str, unknown: type[NotProvided]) -> _D:
        found = self._offers.get(kind, {}).get(name, [])
        if not found:
            raise self._missing(what, name, unknown, self._offers.get(kind, {}))
        if len(found) > 1:
            plugins = [self.plugin_of(each) for each in found]
            raise PluginConflict(
                f"the {what} {name!r} is offered by the plugins {' and '.join(plugins)};"
                " uninstall one, or disable it with PYE2_DISABLE_PLUGINS",
                name=name,
                plugins=plugins,
            )
        return found[0]  # type: ignore[return-value]  # keyed by their type

    def _missing(
        self, kind: str, name: str, error: type[NotProvided], known: Iterable[str]
    ) -> NotProvided:
        message = f"no installed plugin offers the {kind} {name!r}"
        for record in self.records:
            if record.distribution == distribution_for(kind, name) and record.error:
                message += (
                    f": {record.distribution} does, but it is broken in phase"
                    f" {record.phase.value}: {record.error}"
                )
                return error(message, kind=kind, name=name)
            if (
                record.distribution == distribution_for(kind, name)
                and record.state is PluginState.DISABLED
            ):
                message += f": {record.distribution} does, but PYE2_DISABLE_PLUGINS switches it off"
                return error(message, kind=kind, name=name)
        return error(message + _advice(kind, name, list(known)), kind=kind, name=name)

    # --- observers --------------------------------------------------------------------------------

    def observe(self, hook: str, **arguments: Any) -> None:
        """Tell the observers of ``hook``; one that raises is reported once and changes nothing."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            given = {name: arguments[name] for name in implementation.argnames}
            try:
                implementation.function(**given)
            except Exception:  # noqa: BLE001 - an observer changes nothing of what it watches
                self._report(implementation.plugin_name, hook)

    def observed(self, hook: str) -> bool:
        """Whether any plugin observes ``hook``."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def _report(self, plugin: str, hook: str) -> None:
        if (plugin, hook) in self._silenced:
            return
        self._silenced.add((plugin, hook))
        _log.exception("the plugin %s raised in %s (reported once)", plugin, hook)


def _names_of(descriptor: Descriptor) -> tuple[str, ...]:
    if isinstance(descriptor, TransportDescriptor):
        return tuple(scheme.lower() for scheme in descriptor.schemes)
    if isinstance(descriptor, SignatureDescriptor | PresetDescriptor):
        return (descriptor.name.upper(),)
    return (descriptor.name,)


def _advice(kind: str, name: str, known: list[str]) -> str:
    distribution = distribution_for(kind, name)
    if distribution:
        return f"; `pip install {distribution}` brings it"
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; installed are: {', '.join(sorted(known)) or 'none'}"


@functools.cache
def installed_plugins() -> PluginRegistry:
    """The plugins that are installed in this environment, loaded once in a process.

    Raises:
        PluginBroken: one cannot be loaded and ``PYE2_STRICT_PLUGINS=1``.
    """
    return PluginRegistry(installed_candidates(), policy_from())
