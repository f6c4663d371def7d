"""Finds plugins by their entry points, reading metadata only.

Metadata is hostile as well: a distribution whose files cannot be read costs only its own plugins.
"""

from __future__ import annotations

import logging
import os
import re
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2core.hookspecs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("pye2core.plugins")


@frozen
class Candidate:
    """A plugin that was found and not looked at yet.

    Attributes:
        entry_point: its entry point.
        distribution: name of its distribution.
        version: version of its distribution.
        requires: that distribution's requirements, as written.
        problem: why its metadata cannot be used; None if it can.
    """

    entry_point: EntryPoint
    distribution: str
    version: str
    requires: tuple[str, ...] = ()
    problem: str | None = None

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
        trace: each phase of each plugin is written to standard error (``PYE2_TRACE_PLUGINS=1``).
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


def canonical(distribution: str) -> str:
    """A distribution's name as package indexes compare it: ``Pye2_MQTT`` is ``pye2-mqtt``."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed_candidates() -> list[Candidate]:
    """All plugins of this environment, each distribution once, in order of their names."""
    found: dict[str, list[Candidate]] = {}
    for distribution in distributions():
        if not _offers_plugins(distribution):
            continue
        name = _name_of(distribution)
        if name is None:
            found.setdefault("", []).extend(_candidates_of(distribution))
        elif canonical(name) not in found:
            # The first on sys.path is the one that Python imports; a shadowed copy is no plugin.
            found[canonical(name)] = _candidates_of(Distribution.from_name(name))
    every = [candidate for candidates in found.values() for candidate in candidates]
    return sorted(every, key=lambda candidate: (candidate.name, candidate.distribution))


def _offers_plugins(distribution: Distribution) -> bool:
    # Parsing every distribution's entry points would cost more, and would stop at a malformed file.
    try:
        return f"[{PROJECT}]" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, ValueError) as error:
        _log.debug("a distribution's entry points cannot be read: %s", error)
        return False


def _name_of(distribution: Distribution) -> str | None:
    try:
        return distribution.name or None
    except Exception as error:  # noqa: BLE001 - whatever broken metadata raises costs only itself
        _log.debug("a distribution's metadata cannot be read: %s", error)
        return None


def _candidates_of(distribution: Distribution) -> list[Candidate]:
    name = _name_of(distribution)
    if name is None:
        return [_unreadable("a distribution without a name", "its metadata is missing")]
    try:
        points = [point for point in distribution.entry_points if point.group == PROJECT]
        requires = tuple(distribution.requires or ())
        return [Candidate(point, name, distribution.version, requires) for point in points]
    except Exception as error:  # noqa: BLE001 - whatever broken metadata raises costs only itself
        return [_unreadable(name, f"its metadata cannot be read: {error}")]


def _unreadable(distribution: str, why: str) -> Candidate:
    return Candidate(
        EntryPoint(distribution, "", PROJECT),
        distribution,
        version="unknown",
        problem=f"{why}; `pip install --force-reinstall` it, or remove what is left of it",
    )
