"""The process in which the doctor tries plugins: it may be ended by any of them.

``python -m pye2_cli.doctor.child '{"left_out": [["NAME", "DISTRIBUTION"], …], "done": [["PLUGIN",
"SUBJECT"], …]}'`` writes a line of JSON to standard output before each step, so that the last one
tells what ended it, and one for whatever comes of it. What plugins write goes to standard error.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import attrs
from attrs import frozen

from pye2_cli.doctor.findings import Finding, Problem
from pye2_cli.main import command_of
from pye2core.descriptors import (
    CliCommandDescriptor,
    SerializerDescriptor,
    SignatureDescriptor,
    TransportDescriptor,
)
from pye2core.errors import PluginBroken, SettingsError
from pye2core.plugins import (
    PluginRegistry,
    PluginState,
    installed_candidates,
    policy_from,
    remedy,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2core.descriptors import Descriptor
    from pye2core.plugins import Candidate, Phase

_NAMING = ("implementation", "client", "runner", "settings", "progress")
"""The fields of descriptors that hold import strings."""

_NEEDS = "the requirements"


@frozen
class _Step:
    """One thing to try.

    Attributes:
        plugin: whose it is.
        subject: what is tried, in words.
        check: tries it; gives what is wrong.
    """

    plugin: str
    subject: str
    check: Callable[[], Iterator[Problem]]


class _Child:
    """One run through all plugins.

    Args:
        report: where to tell what happens.
        task: what to leave out.
    """

    def __init__(self, report: TextIO, task: dict[str, Any]) -> None:
        self._report = report
        self._done = {tuple(each) for each in task["done"]}
        left_out = {tuple(each) for each in task["left_out"]}
        self._candidates = [
            each
            for each in installed_candidates()
            if (each.name, each.distribution) not in left_out
        ]

    def run(self) -> None:
        policy = attrs.evolve(policy_from(), strict=False)
        registry = PluginRegistry(self._candidates, policy, self._tell_phase)
        for record in registry.records:
            self._tell("plugin", **_finding(record, registry).as_object())
        for conflict in registry.conflicts():
            for plugin in conflict.plugins:
                problem = Problem("conflict", conflict.name, conflict.what, conflict.advice)
                self._tell_problem(plugin, problem)
        for step in _steps(registry, self._candidates):
            if (step.plugin, step.subject) not in self._done:
                self._take(step)
        self._tell("end")

    def _take(self, step: _Step) -> None:
        self._tell("step", plugin=step.plugin, subject=step.subject)
        for problem in step.check():
            self._tell_problem(step.plugin, problem)

    def _tell_phase(self, candidate: Candidate, phase: Phase) -> None:
        self._tell(
            "loading",
            name=candidate.name,
            distribution=candidate.distribution,
            version=candidate.version,
            phase=phase.value,
        )

    def _tell_problem(self, plugin: str, problem: Problem) -> None:
        self._tell("problem", plugin=plugin, **attrs.asdict(problem))

    def _tell(self, what: str, **said: Any) -> None:
        self._report.write(json.dumps({"what": what, **said}) + "\n")
        self._report.flush()


def _finding(record: Any, registry: PluginRegistry) -> Finding:
    return Finding(
        name=record.name,
        distribution=record.distribution,
        version=record.version,
        state=record.state.value,
        phase=record.phase.value,
        error=record.error,
        advice=record.advice,
        offers=[f"{kind} {name}" for kind, name in registry.offers(record.name)],
    )


# --- what is tried --------------------------------------------------------------------------------


def _steps(registry: PluginRegistry, candidates: list[Candidate]) -> Iterator[_Step]:
    states = {each.name: each.state for each in registry.records}
    for candidate in candidates:
        if states[candidate.name] is not PluginState.DISABLED:
            yield _requirements_step(candidate)
        for descriptor in registry.descriptors_of(candidate.name):
            yield from _uses(descriptor, candidate, registry)


def _requirements_step(candidate: Candidate) -> _Step:
    return _Step(candidate.name, _NEEDS, lambda: _unmet(candidate))


def _unmet(candidate: Candidate) -> Iterator[Problem]:
    """What the plugin's distribution requires and is not there."""
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import InvalidRequirement, Requirement

    for line in candidate.requires:
        try:
            needed = Requirement(line)
            if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
                continue
            there = version(needed.name)
        except PackageNotFoundError:
            yield _lacking(f"it requires {line}, which is not installed", line)
            continue
        except (InvalidRequirement, ValueError) as error:
            told = f"{line!r} cannot be read: {error}"
            yield Problem("requirements", _NEEDS, told, remedy(candidate.distribution))
            continue
        if not needed.specifier.contains(there, prereleases=True):
            yield _lacking(f"it requires {line}, and {there} is installed", line)


def _lacking(error: str, requirement: str) -> Problem:
    bare = requirement.partition(";")[0].strip()
    return Problem("requirements", _NEEDS, error, f"`pip install '{bare}'`")


def _uses(
    descriptor: Descriptor, candidate: Candidate, registry: PluginRegistry
) -> Iterator[_Step]:
    kind, name = _kind_of(descriptor), candidate.name
    for field in _NAMING:
        import_string = getattr(descriptor, field, None)
        if import_string is not None:
            subject = f"{field} of {kind} {descriptor.name}: {import_string}"
            yield _Step(name, subject, _import_check(subject, descriptor, field, registry))
    if isinstance(descriptor, TransportDescriptor | SerializerDescriptor) and descriptor.settings:
        subject = f"settings of {kind} {descriptor.name}"
        yield _Step(name, subject, _settings_check(subject, descriptor, registry))
    if isinstance(descriptor, SerializerDescriptor):
        subject = f"making the {kind} {descriptor.name}"
        yield _Step(name, subject, _making_check(subject, descriptor, registry))


def _kind_of(descriptor: Descriptor) -> str:
    return type(descriptor).__name__.removesuffix("Descriptor").removeprefix("Cli").lower()


def _import_check(
    subject: str, descriptor: Descriptor, field: str, registry: PluginRegistry
) -> Callable[[], Iterator[Problem]]:
    def check() -> Iterator[Problem]:
        try:
            _import(descriptor, field, registry)
        except PluginBroken as error:
            yield Problem("use", subject, error.what, error.advice)

    return check


def _import(descriptor: Descriptor, field: str, registry: PluginRegistry) -> None:
    """Import what a descriptor names, as those do who use it.

    Raises:
        PluginBroken: it cannot be, or is something else than they can use.
    """
    kind = _classes().get((type(descriptor), field))
    if isinstance(descriptor, CliCommandDescriptor):
        command_of(descriptor, registry)
    elif kind is None:
        registry.load(descriptor, getattr(descriptor, field))
    else:
        registry.load_class(kind, descriptor, getattr(descriptor, field))


@functools.cache
def _classes() -> dict[tuple[type[Descriptor], str], type]:
    """What has to be a class of which kind."""
    from pye2core import Instance
    from pye2core.abc import Runner, Serializer, Transport

    return {
        (TransportDescriptor, "implementation"): Transport,
        (SerializerDescriptor, "implementation"): Serializer,
        (SignatureDescriptor, "client"): Instance,
        (SignatureDescriptor, "runner"): Runner,
    }


def _settings_check(
    subject: str, descriptor: TransportDescriptor | SerializerDescriptor, registry: PluginRegistry
) -> Callable[[], Iterator[Problem]]:
    plugin = registry.plugin_of(descriptor)

    def check() -> Iterator[Problem]:
        if not _is_usable(descriptor, "settings", registry):
            return
        try:
            registry.settings_of(descriptor)
        except SettingsError as error:
            advice = (
                f"give {error.setting} a value that can be used, in the environment or in .env;"
                f" `pye2 plugins info {plugin}` shows what it takes"
            )
            yield Problem("settings", subject, str(error), advice)
        except BaseException as error:  # noqa: BLE001 - whatever it raises is what is looked for
            advice = f"tell the makers of the plugin {plugin}; its settings refuse like this"
            yield Problem("settings", subject, told(error.__cause__ or error), advice)

    return check


def _making_check(
    subject: str, descriptor: SerializerDescriptor, registry: PluginRegistry
) -> Callable[[], Iterator[Problem]]:
    """Whether a session and a node would get one: that takes no broker, unlike a transport."""

    def check() -> Iterator[Problem]:
        from pye2core.connection import made_serializer

        if not _is_usable(descriptor, "implementation", registry):
            return
        for node_name in (None, "doctor"):
            try:
                made_serializer(registry, descriptor, node_name)
            except PluginBroken as error:
                yield Problem("use", subject, error.what, error.advice)
                return
            except SettingsError:
                return  # told where its settings are tried

    return check


def _is_usable(descriptor: Descriptor, field: str, registry: PluginRegistry) -> bool:
    """Whether it is; if not, that is told where importing it is tried."""
    try:
        _import(descriptor, field, registry)
    except PluginBroken:
        return False
    return True


def _own_standard_output() -> TextIO:
    """Standard output for reports alone: what plugins print goes to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return kept


def main() -> None:
    """Run, and end whatever threads plugins have left."""
    _Child(_own_standard_output(), json.loads(sys.argv[1])).run()
    os._exit(0)


if __name__ == "__main__":
    main()
