"""Answers who offers what, and lends a plugin's name to whatever goes wrong in it.

You are at the front of the loading of plugins, after it: what is asked here is answered from
``offers``, and what nobody offers is explained in ``absences``.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from pye2core import abc
from pye2core.descriptors import (
    CliCommandDescriptor,
    FormatterDescriptor,
    PresetDescriptor,
    SerializerDescriptor,
    SignatureDescriptor,
    TransportDescriptor,
)
from pye2core.errors import PluginBroken, Pye2Error
from pye2core.plugins.absences import broken_at_loading, names_in, suspects
from pye2core.plugins.discovery import LoadPolicy, installed_candidates, policy_from
from pye2core.plugins.known import distribution_for
from pye2core.plugins.loader import (
    Loader,
    against_a_defect,
    against_a_missing_module,
    import_object,
    told,
)
from pye2core.plugins.offers import Offers
from pye2core.plugins.records import PluginRecord, PluginState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pye2core.descriptors import Descriptor, Role
    from pye2core.errors import PluginConflict
    from pye2core.plugins.discovery import Candidate
    from pye2core.plugins.records import Phase

_log = logging.getLogger("pye2core.plugins")


class PluginRegistry:
    """The plugins of this process and what they offer.

    Asking for what only a broken plugin offers raises ``PluginBroken`` where it is known which one
    that is; otherwise the error that says that nobody offers it names the broken plugins.

    Args:
        candidates: plugins to load.
        policy: what is disabled, and whether a broken plugin is an error at once.
        on_phase: told each phase of loading each plugin before it begins.

    Attributes:
        records: what became of each candidate, in their order.

    Raises:
        PluginBroken: a plugin cannot be loaded and the policy is strict.
    """

    def __init__(
        self,
        candidates: Iterable[Candidate],
        policy: LoadPolicy | None = None,
        on_phase: Callable[[Candidate, Phase], None] | None = None,
    ) -> None:
        loader = Loader(policy or LoadPolicy(), on_phase)
        self.records: tuple[PluginRecord, ...] = tuple(loader.load_all(candidates))
        self._manager = loader.manager
        self._candidates = {each.candidate.name: each.candidate for each in loader.loaded}
        self._offers = Offers(
            {each.candidate.name: each.descriptors for each in loader.loaded}, self.records
        )
        self._silenced: set[tuple[str, str]] = set()
        self._warn()
        if loader.policy.strict:
            self._refuse_broken()

    def _warn(self) -> None:
        """One line for all that are broken: what is wrong with each is the doctor's to say."""
        broken = names_in(self.records, PluginState.BROKEN)
        if broken:
            counted = "1 plugin is" if len(broken) == 1 else f"{len(broken)} plugins are"
            _log.warning("%s broken (%s): `pye2 plugins doctor`", counted, ", ".join(broken))
        for conflict in self.conflicts():
            _log.warning("%s", conflict)

    def _refuse_broken(self) -> None:
        for record in self.records:
            if record.state is PluginState.BROKEN:
                raise broken_at_loading(record, "PYE2_STRICT_PLUGINS is set, and ")

    # --- who offers what --------------------------------------------------------------------------

    def transport(self, scheme: str) -> TransportDescriptor:
        """The transport for a URL scheme.

        Raises:
            UnknownTransport: none serves it; says what to install.
            PluginBroken: the plugin that does is broken.
            PluginConflict: two do.
        """
        return self._offers.one(TransportDescriptor, scheme.lower())

    def transports(self) -> Mapping[str, TransportDescriptor]:
        """All transports by URL scheme, without those that two plugins offer."""
        return self._offers.undisputed(TransportDescriptor)

    def secured_schemes(self) -> Mapping[str, str]:
        """For each plain URL scheme of all transports, the one that is the same over TLS."""
        every = self.transports().values()
        return {plain: secured for each in every for plain, secured in each.secured_schemes.items()}

    def serializer(self, name: str) -> SerializerDescriptor:
        """The wire dialect of that name.

        Raises:
            NotProvided: no plugin offers it; says what to install.
            PluginBroken: the plugin that does is broken.
            PluginConflict: two do.
        """
        return self._offers.one(SerializerDescriptor, name)

    def serializers(self) -> tuple[SerializerDescriptor, ...]:
        """All wire dialects, the strongest last, without those that two plugins offer.

        Raises:
            NotProvided: none is installed.
            PluginBroken: the only one is broken.
            PluginConflict: there is none that only one plugin offers.
        """
        alone = self._offers.undisputed(SerializerDescriptor)
        names = alone or self._offers.every(SerializerDescriptor) or ("pye2",)
        found = [self._offers.one(SerializerDescriptor, name) for name in names]
        return tuple(sorted(found, key=lambda each: each.strength))

    def formatters(self, dialect: str) -> Mapping[str, FormatterDescriptor]:
        """The formatters of a dialect by name, without those that two plugins offer."""
        every = self._offers.undisputed(FormatterDescriptor).values()
        return {found.name: found for found in every if found.dialect == dialect}

    def signature(self, name: str) -> SignatureDescriptor:
        """The signature of that name, in any case.

        Raises:
            UnknownSignature: no plugin offers it; says what to install.
            PluginBroken: the plugin that does is broken.
            PluginConflict: two do.
        """
        return self._offers.one(SignatureDescriptor, name.upper())

    def signatures(self) -> Mapping[str, SignatureDescriptor]:
        """All signatures by upper-case name, without those that two plugins offer."""
        return self._offers.undisputed(SignatureDescriptor)

    def signature_for(self, role: Role) -> SignatureDescriptor:
        """The signature that serves a role of the kernel's convenience methods.

        Raises:
            UnknownSignature: none does; says what to install.
            PluginBroken: the plugin that does is broken.
            PluginConflict: two do.
        """
        every = self._offers.every(SignatureDescriptor).values()
        found = [each for rivals in every for each in rivals if each.role is role]
        return self._offers.sole(found, "role", role.value)

    def preset(self, name: str) -> PresetDescriptor:
        """The preset of that name, in any case.

        Raises:
            UnknownPreset: no plugin offers it; says what to install.
            PluginBroken: the plugin that does is broken.
            PluginConflict: two do.
        """
        return self._offers.one(PresetDescriptor, name.upper())

    def presets(self) -> Mapping[str, PresetDescriptor]:
        """All presets by upper-case name, without those that two plugins offer."""
        return self._offers.undisputed(PresetDescriptor)

    def command(self, name: str) -> CliCommandDescriptor:
        """The subcommand of ``pye2`` of that name.

        Raises:
            NotProvided: no plugin offers it; says what to install.
            PluginBroken: the plugin that does is broken.
            PluginConflict: two do.
        """
        return self._offers.one(CliCommandDescriptor, name)

    def commands(self) -> Mapping[str, CliCommandDescriptor]:
        """All subcommands of ``pye2`` by name, without those that two plugins offer."""
        return self._offers.undisputed(CliCommandDescriptor)

    def offers(self, plugin: str) -> list[tuple[str, str]]:
        """All that a plugin offers, as kind and name: ``("transport", "mqtt")``."""
        return self._offers.of(plugin)

    def descriptors_of(self, plugin: str) -> tuple[Descriptor, ...]:
        """What a plugin offers, what others offer as well included; nothing if it is not loaded."""
        return self._offers.descriptors_of(plugin)

    def conflicts(self) -> list[PluginConflict]:
        """The names that two plugins offer, each as the error that asking for it raises."""
        return self._offers.conflicts()

    def distribution_offering(self, kind: str, name: str) -> str | None:
        """The distribution that offers a name here, or is known to; None if neither.

        Args:
            kind: "transport", "signature", … as :meth:`offers` gives it.
            name: as :meth:`offers` gives it.
        """
        for record in self.records:
            if (kind, name) in self.offers(record.name):
                return record.distribution
        return distribution_for(kind, name)

    def plugin_of(self, descriptor: Descriptor) -> str:
        """The name of the plugin that offers it."""
        return self._offers.plugin_of(descriptor)

    def load(self, descriptor: Descriptor, import_string: str) -> Any:
        """Import what a descriptor names.

        Raises:
            PluginBroken: that fails; names the plugin and what to do.
        """
        try:
            return import_object(import_string)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            what = f"offers {import_string}, but importing it failed: {told(error)}"
            raise self.broken_in_use(descriptor, what, self._against(error, descriptor)) from error

    def _against(self, failed_import: BaseException, descriptor: Descriptor) -> str | None:
        """What to do about it; None where nothing is better than what helps against any defect."""
        if not isinstance(failed_import, ModuleNotFoundError) or not failed_import.name:
            return None
        candidate = self._candidates[self.plugin_of(descriptor)]
        return against_a_missing_module(candidate, failed_import.name)

    def load_class(self, kind: type, descriptor: Descriptor, import_string: str) -> Any:
        """Import a class of a kind, of which something can be made.

        Args:
            kind: what it has to be a subclass of: ``pye2core.abc.Transport``.
            descriptor: what names it.
            import_string: the field of that descriptor.

        Raises:
            PluginBroken: it cannot be imported, is no such class, or lacks what such a class has
                to have; names the plugin, what was expected and what to do.
        """
        found = self.load(descriptor, import_string)
        if not (isinstance(found, type) and issubclass(found, kind)):
            what = f"offers {import_string}, which is no {_public_name(kind)}"
            raise self.broken_in_use(descriptor, what)
        lacking = sorted(getattr(found, "__abstractmethods__", ()))
        if lacking:
            what = (
                f"offers {import_string}, which lacks what a {_public_name(kind)} has to have:"
                f" {', '.join(lacking)}"
            )
            raise self.broken_in_use(descriptor, what)
        return found

    def make(
        self, kind: type, descriptor: Descriptor, import_string: str, *given: Any, **named: Any
    ) -> Any:
        """Import a class of a kind and call it with these arguments.

        Args:
            kind: as for :meth:`load_class`.
            descriptor: as for :meth:`load_class`.
            import_string: as for :meth:`load_class`.
            *given: what it is called with.
            **named: what it is called with.

        Raises:
            PluginBroken: either fails; names the plugin and what to do.
            Pye2Error: what it raises itself, such as that a setting cannot be used.
        """
        implementation = self.load_class(kind, descriptor, import_string)
        try:
            return implementation(*given, **named)
        except (KeyboardInterrupt, Pye2Error):
            raise
        except BaseException as error:
            what = f"offers {import_string}, but making one failed: {told(error)}"
            raise self.broken_in_use(descriptor, what) from error

    def broken_in_use(
        self, descriptor: Descriptor, what: str, advice: str | None = None
    ) -> PluginBroken:
        """The error that says what is wrong with what a plugin offers.

        Args:
            descriptor: what it is about.
            what: what the plugin did: "offers …, but …".
            advice: what to do; None where nothing is better than what helps against any defect.
        """
        record = self._record_of(descriptor)
        return PluginBroken(
            f"the plugin {record.name!r} {what}",
            advice=advice or against_a_defect(record),
            plugin=record.name,
            phase="use",
        )

    def _record_of(self, descriptor: Descriptor) -> PluginRecord:
        plugin = self.plugin_of(descriptor)
        return next(each for each in self.records if each.name == plugin)

    def settings_of(
        self,
        descriptor: TransportDescriptor | SerializerDescriptor,
        environment: Mapping[str, str] | None = None,
    ) -> Any:
        """The settings of a transport or of a dialect, from ``PYE2_<PLUGIN>_<FIELD>``.

        Args:
            descriptor: whose settings they are.
            environment: the variables to read; None for those of this process and of ``.env``.

        Returns:
            An object of the class that the descriptor names; None if it names none.

        Raises:
            PluginBroken: the class cannot be imported, or is none that settings can be read into.
            SettingsError: a value is missing or cannot be used, or there is a variable with this
                plugin's prefix that means nothing; names the variable.
        """
        if descriptor.settings is None:
            return None
        from pye2core.settings.dotenv_files import read_environment
        from pye2core.settings.plugin import load_plugin_settings

        settings_class = self.load(descriptor, descriptor.settings)
        name = self.plugin_of(descriptor)
        variables = read_environment() if environment is None else environment
        try:
            self._refuse_unknown(name, variables)
            return load_plugin_settings(name, settings_class, environment=variables)
        except (KeyboardInterrupt, Pye2Error):
            raise
        except BaseException as error:
            what = f"offers the settings {descriptor.settings}, which cannot be made: {told(error)}"
            raise self.broken_in_use(descriptor, what) from error

    def _refuse_unknown(self, plugin: str, variables: Mapping[str, str]) -> None:
        from pye2core.settings.plugin import plugin_settings, prefix_of
        from pye2core.settings.unknown import refuse_unknown_variables

        prefix = prefix_of(plugin)
        if not any(name.startswith(prefix) for name in variables):
            return  # so that usually no further class is imported
        speakers: list[TransportDescriptor | SerializerDescriptor] = []
        for transports in self._offers.every(TransportDescriptor).values():
            speakers += transports
        for dialects in self._offers.every(SerializerDescriptor).values():
            speakers += dialects
        known = [
            setting
            for each in speakers
            if each.settings is not None and self.plugin_of(each) == plugin
            for setting in plugin_settings(plugin, self.load(each, each.settings))
        ]
        names = [each.name for each in self.records]
        refuse_unknown_variables(plugin, known, variables, plugins=names)

    def suspects(self, name: str) -> str:
        """Whose a name may be that nobody offers: broken plugins, and those switched off.

        Args:
            name: what was asked for; a plugin that is called so is named first.

        Returns:
            What an error's text goes on with; nothing if all plugins are well.
        """
        return suspects(self.records, name)

    # --- observers --------------------------------------------------------------------------------

    def observe(self, hook: str, **arguments: Any) -> None:
        """Tell the observers of ``hook``; one that raises is reported once and changes nothing."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            given = [arguments[name] for name in implementation.argnames]
            try:
                implementation.function(*given)
            except Exception:  # noqa: BLE001 - an observer changes nothing of what it watches
                self._report(implementation.plugin_name, hook)

    def _report(self, plugin: str, hook: str) -> None:
        if (plugin, hook) in self._silenced:
            return
        self._silenced.add((plugin, hook))
        _log.exception("the plugin %s raised in %s (reported once)", plugin, hook)


def _public_name(kind: type) -> str:
    """The name by which a plugin's author knows a class that is asked for."""
    if getattr(abc, kind.__name__, None) is kind:
        return f"pye2core.abc.{kind.__name__}"
    is_ours = kind.__module__.startswith("pye2core.")
    return f"{'pye2core' if is_ours else kind.__module__}.{kind.__name__}"


@functools.cache
def installed_plugins() -> PluginRegistry:
    """The plugins that are installed in this environment, loaded once in a process.

    Raises:
        PluginBroken: one cannot be loaded and ``PYE2_STRICT_PLUGINS=1``.
    """
    return PluginRegistry(installed_candidates(), policy_from())
