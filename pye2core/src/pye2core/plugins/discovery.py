"""Finds plugins by their entry points, reading metadata only."""

from __future__ import annotations

import os
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2core.hookspecs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.metadata import EntryPoint


@frozen
class Candidate:
    """A plugin that was found and not looked at yet.

    Attributes:
        entry_point: its entry point.
        distribution: name of its distribution.
        version: version of its distribution.
        requires: that distribution's requirements, as written.
    """

    entry_point: EntryPoint
    distribution: str
    version: str
    requires: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The entry point's name."""
        return self.entry_point.name


@frozen
class LoadPolicy:
    """What the environment says about loading plugins.

    Attributes:
        disabled: names of plugins that are not to be loaded (``PYE2_DISABLE_PLUGINS``, separated by
            commas; ``*`` for all).
        strict: a broken plugin is an error at once (``PYE2_STRICT_PLUGINS=1``).
        trace: each phase of each plugin is written to the log (``PYE2_TRACE_PLUGINS=1``).
    """

    disabled: frozenset[str] = field(default=frozenset())
    strict: bool = False
    trace: bool = False

    def disables(self, name: str) -> bool:
        """Whether the plugin of that name is switched off."""
        return name in self.disabled or "*" in self.disabled


def policy_from(environment: Mapping[str, str] = os.environ) -> LoadPolicy:
    """Read the policy from environment variables."""
    names = environment.get("PYE2_DISABLE_PLUGINS", "").split(",")
    return LoadPolicy(
        disabled=frozenset(name.strip() for name in names if name.strip()),
        strict=environment.get("PYE2_STRICT_PLUGINS", "") == "1",
        trace=environment.get("PYE2_TRACE_PLUGINS", "") == "1",
    )


def installed_candidates() -> list[Candidate]:
    """All plugins of this environment, each distribution once, in order of their names."""
    seen: set[str] = set()
    found: list[Candidate] = []
    for distribution in distributions():
        points = [point for point in distribution.entry_points if point.group == PROJECT]
        if not points:
            continue
        # The first on sys.path is the one that Python imports; a shadowed copy is not a second.
        name = distribution.metadata["Name"]
        if name in seen:
            continue
        seen.add(name)
        found.extend(_candidates_of(distribution, points))
    return sorted(found, key=lambda candidate: (candidate.name, candidate.distribution))


def _candidates_of(distribution: Distribution, points: list[EntryPoint]) -> Iterator[Candidate]:
    requires = tuple(distribution.requires or ())
    for point in points:
        yield Candidate(point, distribution.metadata["Name"], distribution.version, requires)
