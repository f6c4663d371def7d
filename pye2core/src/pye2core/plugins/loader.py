"""Takes one plugin through the phases of loading; what fails costs only that plugin.

metadata → enabled? → compatible? → unique? → import → register → validate. pluggy's own loader is
not used: one ImportError stops it, it silently skips the second of two equal names, and a plugin
that it rejects stays registered in part.
"""

from __future__ import annotations

import importlib
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pluggy
from attrs import define, field, frozen

from pye2core import __version__, hookspecs
from pye2core.descriptors import (
    CliCommandDescriptor,
    FormatterDescriptor,
    PresetDescriptor,
    SerializerDescriptor,
    SignatureDescriptor,
    TransportDescriptor,
)
from pye2core.plugins.records import Phase, PluginRecord, PluginState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2core.descriptors import Descriptor
    from pye2core.plugins.discovery import Candidate, LoadPolicy

_log = logging.getLogger("pye2core.plugins")

PLUGIN_API = ".".join(__version__.split(".")[:2])
"""The version of the plugin interface. A plugin says which ones it works with by the range of
``pye2core`` that its distribution requires (``pye2core>=0.1,<0.2``), which is read before anything
of it is imported."""

REGISTRATION_HOOKS: Mapping[str, type[Descriptor]] = {
    "pye2_register_transports": TransportDescriptor,
    "pye2_register_serializers": SerializerDescriptor,
    "pye2_register_formatters": FormatterDescriptor,
    "pye2_register_signatures": SignatureDescriptor,
    "pye2_register_presets": PresetDescriptor,
    "pye2_register_commands": CliCommandDescriptor,
}


class _PhaseFailed(Exception):
    """Loading stops here; the message is for the plugin's record."""

    def __init__(self, phase: Phase, message: str) -> None:
        super().__init__(message)
        self.phase = phase


@frozen
class LoadedPlugin:
    """A plugin that was loaded, and what it offers."""

    candidate: Candidate
    descriptors: tuple[Descriptor, ...]


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


@define
class Loader:
    """Loads plugins one after the other into one ``pluggy.PluginManager``."""

    policy: LoadPolicy
    manager: pluggy.PluginManager = field(factory=_new_manager)
    loaded: list[LoadedPlugin] = field(factory=list)

    def load_all(self, candidates: Iterable[Candidate]) -> list[PluginRecord]:
        """Load every candidate; the outcome of each, in the same order."""
        everything = list(candidates)
        rivals: dict[str, list[Candidate]] = {}
        for candidate in everything:
            rivals.setdefault(candidate.name, []).append(candidate)
        return [self._load(candidate, rivals[candidate.name]) for candidate in everything]

    def _load(self, candidate: Candidate, rivals: list[Candidate]) -> PluginRecord:
        if self.policy.disables(candidate.name):
            return self._record(candidate, PluginState.DISABLED, Phase.ENABLED)
        try:
            self._check_compatible(candidate)
            self._check_unique(candidate, rivals)
            descriptors = self._register(candidate, self._import(candidate))
        except _PhaseFailed as failure:
            return self._record(candidate, PluginState.BROKEN, failure.phase, str(failure))
        self.loaded.append(LoadedPlugin(candidate, descriptors))
        return self._record(candidate, PluginState.LOADED, Phase.LOADED)

    def _record(
        self, candidate: Candidate, state: PluginState, phase: Phase, error: str | None = None
    ) -> PluginRecord:
        level = logging.WARNING if state is PluginState.BROKEN else logging.DEBUG
        level = max(level, logging.INFO) if self.policy.trace else level
        _log.log(
            level,
            "plugin %s (%s %s): %s in phase %s%s",
            candidate.name,
            candidate.distribution,
            candidate.version,
            state.value,
            phase.value,
            f": {error}" if error else "",
        )
        return PluginRecord(
            name=candidate.name,
            distribution=candidate.distribution,
            version=candidate.version,
            target=candidate.entry_point.value,
            state=state,
            phase=phase,
            error=error,
        )

    def _check_compatible(self, candidate: Candidate) -> None:
        wanted = kernel_range(candidate.requires)
        if wanted is None or wanted.contains(__version__, prereleases=True):
            return
        raise _PhaseFailed(
            Phase.COMPATIBLE,
            f"it needs pye2core{wanted}, and {__version__} is installed;"
            f" install a {candidate.distribution} that works with pye2core {PLUGIN_API}, or"
            f" `pip install 'pye2core{wanted}'`",
        )

    @staticmethod
    def _check_unique(candidate: Candidate, rivals: list[Candidate]) -> None:
        if len(rivals) == 1:
            return
        names = " and ".join(rival.distribution for rival in rivals)
        raise _PhaseFailed(
            Phase.UNIQUE,
            f"{names} both install a plugin named {candidate.name!r}, so neither is used;"
            " uninstall one of them",
        )

    @staticmethod
    def _import(candidate: Candidate) -> Any:
        try:
            return candidate.entry_point.load()
        except ModuleNotFoundError as error:
            raise _PhaseFailed(
                Phase.IMPORT,
                f"it needs the module {error.name!r}, which is not installed;"
                f" `pip install --force-reinstall {candidate.distribution}` brings what it needs",
            ) from error
        except Exception as error:  # whatever a plugin raises costs only itself
            raise _PhaseFailed(Phase.IMPORT, _told(error)) from error

    def _register(self, candidate: Candidate, plugin: Any) -> tuple[Descriptor, ...]:
        # A plugin that pluggy rejects may stay registered in part, so it is tried on a manager of
        # its own; the real one sees only what passed.
        trial = _new_manager()
        try:
            trial.register(plugin, candidate.name)
            trial.check_pending()
        except Exception as error:  # whatever a plugin raises costs only itself
            raise _PhaseFailed(Phase.REGISTER, _told(error)) from error
        descriptors = tuple(_descriptors_of(trial))
        self.manager.register(plugin, candidate.name)
        return descriptors


def _descriptors_of(trial: pluggy.PluginManager) -> list[Descriptor]:
    found: list[Descriptor] = []
    for hook, kind in REGISTRATION_HOOKS.items():
        try:
            results = [item for offered in getattr(trial.hook, hook)() for item in offered]
        except Exception as error:  # whatever a plugin raises costs only itself
            raise _PhaseFailed(Phase.REGISTER, f"{hook}: {_told(error)}") from error
        for item in results:
            if not isinstance(item, kind):
                message = f"{hook} gave {item!r}, which is not a {kind.__name__}"
                raise _PhaseFailed(Phase.VALIDATE, message)
            found.append(item)
    return found


def kernel_range(requires: Iterable[str]) -> Any:
    """The range of pye2core versions that these requirements allow; None if they name none."""
    from packaging.requirements import Requirement

    for line in requires:
        if not line.startswith("pye2core"):
            continue
        requirement = Requirement(line)
        if requirement.name == "pye2core" and requirement.marker is None:
            return requirement.specifier
    return None


def import_object(import_string: str) -> Any:
    """Import what ``"module:object"`` names.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: the module has no such object.
    """
    module, _, name = import_string.partition(":")
    return getattr(importlib.import_module(module), name)


def _told(error: BaseException) -> str:
    where = traceback.extract_tb(error.__traceback__)
    last = f" ({where[-1].filename}:{where[-1].lineno})" if where else ""
    return f"{type(error).__name__}: {error}{last}"
