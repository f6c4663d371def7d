"""Takes one plugin through the phases of loading; what fails costs only that plugin.

metadata → enabled? → compatible? → unique? → import → register → validate. pluggy's own loader is
not used: one ImportError stops it, it silently skips the second of two equal names, and a plugin
that it rejects stays registered in part.
"""

from __future__ import annotations

import functools
import importlib
import logging
import re
import reprlib
import sys
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy
from attrs import Attribute, define, field, frozen

from pye2core import __version__, hookspecs
from pye2core.descriptors import (
    CliCommandDescriptor,
    FormatterDescriptor,
    PresetDescriptor,
    SerializerDescriptor,
    SignatureDescriptor,
    TransportDescriptor,
)
from pye2core.plugins.interrupts import CtrlC
from pye2core.plugins.mistakes import mistaken_hooks
from pye2core.plugins.records import Phase, PluginRecord, PluginState
from pye2core.plugins.remedies import remedy
from pye2core.plugins.requirements import unmet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

_REQUIRES_KERNEL = re.compile(r"\s*pye2core(?![\w.-])", re.IGNORECASE)
_PLAIN_REQUIREMENT = re.compile(r"\s*pye2core\s*((?:[<>=!~][^;@\[\]()]*)?)", re.IGNORECASE)


class _PhaseFailed(Exception):
    """Loading stops here; the message is for the plugin's record.

    Attributes:
        phase: the phase that failed.
        advice: what to do; None where there is nothing better than what helps against any defect.
    """

    def __init__(self, phase: Phase, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self.phase = phase
        self.advice = advice


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
    """Loads plugins one after the other into one ``pluggy.PluginManager``.

    Attributes:
        policy: what is disabled and traced.
        on_phase: told each phase of each plugin before it begins.
        manager: has the plugins that passed.
        loaded: the plugins that passed, with what they offer.
    """

    policy: LoadPolicy
    on_phase: Callable[[Candidate, Phase], None] | None = None
    manager: pluggy.PluginManager = field(factory=_new_manager)
    loaded: list[LoadedPlugin] = field(factory=list)
    _trial: pluggy.PluginManager | None = None
    _interrupted: CtrlC = field(factory=CtrlC)

    def load_all(self, candidates: Iterable[Candidate]) -> list[PluginRecord]:
        """Load every candidate; the outcome of each, in the same order."""
        everything = list(candidates)
        rivals: dict[str, list[Candidate]] = {}
        for candidate in everything:
            rivals.setdefault(candidate.name, []).append(candidate)
        with self._interrupted:
            return [self._load(candidate, rivals[candidate.name]) for candidate in everything]

    def _load(self, candidate: Candidate, rivals: list[Candidate]) -> PluginRecord:
        if self.policy.disables(candidate.name):
            return self._noted(_record(candidate, PluginState.DISABLED, Phase.ENABLED, _ENABLE))
        try:
            self._through_phases(candidate, rivals)
        except _PhaseFailed as failure:
            if self._interrupted.was_pressed and isinstance(failure.__cause__, KeyboardInterrupt):
                raise failure.__cause__ from None
            advice = failure.advice or against_a_defect(candidate)
            return self._noted(
                _record(candidate, PluginState.BROKEN, failure.phase, advice, str(failure))
            )
        return self._noted(_record(candidate, PluginState.LOADED, Phase.LOADED))

    def _through_phases(self, candidate: Candidate, rivals: list[Candidate]) -> None:
        self._enter(Phase.METADATA, candidate)
        if candidate.problem is not None:
            raise _PhaseFailed(
                Phase.METADATA,
                candidate.problem,
                f"`pip install --force-reinstall {candidate.distribution}`, or remove what is left"
                " of it",
            )
        self._enter(Phase.COMPATIBLE, candidate)
        _check_compatible(candidate)
        self._enter(Phase.UNIQUE, candidate)
        _check_unique(candidate, rivals)
        self._enter(Phase.IMPORT, candidate)
        plugin = _imported(candidate)
        self._enter(Phase.REGISTER, candidate)
        offers = self._offers_of(candidate, plugin)
        self._enter(Phase.VALIDATE, candidate)
        descriptors = tuple(_validated(offers))
        self._register(candidate, plugin)
        self.loaded.append(LoadedPlugin(candidate, descriptors))

    def _offers_of(self, candidate: Candidate, plugin: Any) -> list[tuple[str, Any]]:
        """What the plugin's registration hooks give, each with its hook."""
        # A plugin that pluggy rejects may stay registered in part, so it is tried on a manager
        # apart, which is used again only after one that passed; the real one sees only those.
        trial, self._trial = self._trial or _new_manager(), None
        try:
            trial.register(plugin, candidate.name)
            trial.check_pending()
        except BaseException as error:
            mistakes = "; ".join(mistaken_hooks(plugin))
            what = mistakes or told(error, candidate.package)
            raise _PhaseFailed(Phase.REGISTER, what) from error
        offers = [
            (hook, item)
            for hook in REGISTRATION_HOOKS
            for item in _given_by(hook, trial, candidate.package)
        ]
        trial.unregister(plugin)
        self._trial = trial
        return offers

    def _register(self, candidate: Candidate, plugin: Any) -> None:
        try:
            self.manager.register(plugin, candidate.name)
        except ValueError as error:  # two entry points name the same object
            raise _PhaseFailed(Phase.REGISTER, told(error)) from error

    def _enter(self, phase: Phase, candidate: Candidate) -> None:
        self._trace(f"{candidate.name}: {phase.value}")
        if self.on_phase is not None:
            self.on_phase(candidate, phase)

    def _trace(self, line: str) -> None:
        # Straight to standard error: a log that nobody has configured shows no such lines.
        if self.policy.trace:
            sys.stderr.write(f"pye2 plugins: {line}\n")

    def _noted(self, record: PluginRecord) -> PluginRecord:
        origin = f"{record.distribution} {record.version}"
        outcome = f"{record.state.value} in phase {record.phase.value}"
        if record.state is PluginState.BROKEN:
            outcome += f": {record.trouble}"
            _log.info("plugin %s (%s): %s", record.name, origin, outcome)
        else:
            _log.debug("plugin %s (%s): %s", record.name, origin, outcome)
        self._trace(f"{record.name} ({origin}): {outcome}")
        return record


_ENABLE = "take its name out of PYE2_DISABLE_PLUGINS to use it"


def _record(
    candidate: Candidate,
    state: PluginState,
    phase: Phase,
    advice: str | None = None,
    error: str | None = None,
) -> PluginRecord:
    return PluginRecord(
        name=candidate.name,
        distribution=candidate.distribution,
        version=candidate.version,
        target=candidate.entry_point.value,
        state=state,
        phase=phase,
        error=error,
        advice=advice,
    )


def against_a_defect(candidate: Candidate | PluginRecord) -> str:
    """What to do about a plugin that does what none may do."""
    return (
        f"this is a defect of {candidate.distribution} {candidate.version}:"
        f" {remedy(candidate.distribution)}; until then"
        f" PYE2_DISABLE_PLUGINS={candidate.name} switches it off"
    )


def _check_compatible(candidate: Candidate) -> None:
    try:
        wanted = kernel_range(candidate.requires)
    except ValueError as error:
        raise _PhaseFailed(
            Phase.METADATA,
            f"the range of pye2core that it requires cannot be read: {error}",
            f"install a {candidate.distribution} that states one like 'pye2core>={PLUGIN_API}'",
        ) from error
    if wanted is None or wanted.contains(__version__, prereleases=True):
        return
    raise _PhaseFailed(
        Phase.COMPATIBLE,
        f"it needs pye2core{wanted}, and {__version__} is installed",
        f"install a {candidate.distribution} that works with pye2core {PLUGIN_API}, or"
        f" `pip install 'pye2core{wanted}'`",
    )


def _check_unique(candidate: Candidate, rivals: list[Candidate]) -> None:
    if len(rivals) == 1:
        return
    distributions = [rival.distribution for rival in rivals]
    raise _PhaseFailed(
        Phase.UNIQUE,
        f"{' and '.join(distributions)} both install a plugin named {candidate.name!r}, so neither"
        " is used",
        "keep one of them: "
        + " or ".join(f"`pip uninstall {each}`" for each in dict.fromkeys(distributions)),
    )


def _imported(candidate: Candidate) -> Any:
    try:
        plugin = candidate.entry_point.load()
        return plugin() if isinstance(plugin, type) else plugin
    except BaseException as error:
        if isinstance(error, ModuleNotFoundError) and error.name:
            what = f"it needs the module {error.name!r}, which is not installed"
            advice = against_a_missing_module(candidate, error.name)
            raise _PhaseFailed(Phase.IMPORT, what, advice) from error
        raise _PhaseFailed(Phase.IMPORT, told(error, candidate.package)) from error


def against_a_missing_module(candidate: Candidate, module: str) -> str:
    """What to do about a module that a plugin imports and that is not there."""
    if module.partition(".")[0] == candidate.package:
        return (
            f"`pip install --force-reinstall {candidate.distribution}` brings back what is missing"
            " of it; if that does not help, tell its makers"
        )
    missing = unmet(candidate.requires)
    if missing:
        return "`pip install " + " ".join(f"'{each}'" for each in missing) + "`"
    return f"{candidate.distribution} does not declare it: {against_a_defect(candidate)}"


def _given_by(hook: str, trial: pluggy.PluginManager, package: str) -> list[Any]:
    caller = getattr(trial.hook, hook)
    try:
        # pluggy leaves out None, which is what a function gives whose return was forgotten.
        results = caller() or [None] * len(caller.get_hookimpls())
        return [item for given in results for item in _items(given, hook)]
    except _PhaseFailed:
        raise
    except BaseException as error:
        raise _PhaseFailed(Phase.REGISTER, f"{hook}: {told(error, package)}") from error


def _items(given: Any, hook: str) -> Iterable[Any]:
    if isinstance(given, Iterable) and not isinstance(given, str):
        return given
    kind = REGISTRATION_HOOKS[hook].__name__
    message = f"{hook} gave {reprlib.repr(given)}, which is not a list of {kind}"
    raise _PhaseFailed(Phase.VALIDATE, message)


def _validated(offers: Iterable[tuple[str, Any]]) -> list[Descriptor]:
    descriptors: list[Descriptor] = []
    taken: set[tuple[str, str]] = set()
    for hook, item in offers:
        kind = REGISTRATION_HOOKS[hook]
        if not isinstance(item, kind):
            message = f"{hook} gave {reprlib.repr(item)}, which is not a {kind.__name__}"
            raise _PhaseFailed(Phase.VALIDATE, message)
        for name in names_of(item):
            if (hook, name) in taken:
                raise _PhaseFailed(Phase.VALIDATE, f"{hook} gave {name!r} twice")
            taken.add((hook, name))
        descriptors.append(item)
    return descriptors


def names_of(descriptor: Descriptor) -> tuple[str, ...]:
    """The names under which it is asked for; among descriptors of its kind each has one owner."""
    if isinstance(descriptor, TransportDescriptor):
        return tuple(scheme.lower() for scheme in descriptor.schemes)
    if isinstance(descriptor, SignatureDescriptor | PresetDescriptor):
        return (descriptor.name.upper(),)
    if isinstance(descriptor, FormatterDescriptor):
        return (f"{descriptor.dialect}/{descriptor.name}",)
    return (descriptor.name,)


def kernel_range(requires: Iterable[str]) -> Any:
    """The range of pye2core versions that these requirements allow; None if they name none.

    Raises:
        ValueError: a requirement on pye2core cannot be read; others are not looked at.
    """
    return _range_stated_by(tuple(line for line in requires if _REQUIRES_KERNEL.match(line)))


@functools.cache  # most plugins state the same
def _range_stated_by(requirements: tuple[str, ...]) -> Any:
    from packaging.specifiers import SpecifierSet

    ranges = [each for each in map(_range_of, requirements) if each is not None]
    return SpecifierSet(",".join(ranges)) if ranges else None


def _range_of(requirement: str) -> str | None:
    """The versions that a requirement allows; None if it is for another system or an extra."""
    plain = _PLAIN_REQUIREMENT.fullmatch(requirement)
    if plain is not None:
        return plain[1]
    from packaging.requirements import Requirement  # half a megabyte that hardly anybody needs

    read = Requirement(requirement)
    applies = read.marker is None or read.marker.evaluate({"extra": ""})
    return str(read.specifier) if applies else None


def import_object(import_string: str) -> Any:
    """Import what ``"module:object"`` names.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: the module has no such object.
    """
    module, _, name = import_string.partition(":")
    return getattr(importlib.import_module(module), name)


def told(error: BaseException, package: str = "") -> str:
    """What an error of a plugin says, with the place where it was raised.

    An error whose own text cannot be made is told as well.

    Args:
        error: what was raised.
        package: whose code is the place to name, where it was running; the innermost one otherwise.
    """
    frames = [
        (frame.f_globals.get("__name__", ""), f"{frame.f_code.co_filename}:{line}")
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [place for name, place in frames if package and name.partition(".")[0] == package]
    # Where Python's own import machinery was, or ours, tells nobody anything.
    others = [place for _, place in frames if not place.startswith("<frozen ")]
    told_by_name = not others or others[-1].startswith((f"{importlib.__file__}:", f"{__file__}:"))
    where = own[-1:] or ([] if told_by_name else others[-1:])
    return f"{type(error).__name__}: {_text_of(error)}" + "".join(f" ({each})" for each in where)


def _text_of(error: BaseException) -> str:
    # attrs's validators say all in the first argument, and then give the field and more as objects.
    if len(error.args) > 1 and isinstance(error.args[1], Attribute):
        return str(error.args[0])
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - a plugin's own class can do anything here
        return f"(its text cannot be made: {type(failure).__name__})"
