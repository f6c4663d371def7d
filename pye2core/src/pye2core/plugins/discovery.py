"""Finds plugins by their entry points, reading metadata only.

Metadata is hostile as well: a distribution whose files cannot be read costs only its own plugins.
"""

from __future__ import annotations

import logging
import os
import re
from email import message_from_string
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distributions
from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2core.hookspecs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from importlib.metadata import PackageMetadata

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

    @property
    def package(self) -> str:
        """The package, or the only module, whose code it is; empty if it names none."""
        return re.split(r"[.:\s]", self.entry_point.value, maxsplit=1)[0]


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
        metadata = _metadata_of(distribution)
        if metadata is None:
            found.setdefault("", []).append(
                _unreadable("a distribution without a name", "its metadata is missing")
            )
        elif canonical(metadata["Name"]) not in found:
            found[canonical(metadata["Name"])] = _used_candidates(distribution, metadata)
    every = [candidate for candidates in found.values() for candidate in candidates]
    return sorted(every, key=lambda candidate: (candidate.name, candidate.distribution))


def _offers_plugins(distribution: Distribution) -> bool:
    # Parsing every distribution's entry points would cost more, and would stop at a malformed file.
    try:
        return f"[{PROJECT}]" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, ValueError) as error:
        _log.debug("a distribution's entry points cannot be read: %s", error)
        return False


def _metadata_of(distribution: Distribution) -> Message | PackageMetadata | None:
    """What a distribution says of itself, read once, and without its README, which may be long."""
    try:
        fields, _, _ = (distribution.read_text("METADATA") or "").partition("\n\n")
        metadata = message_from_string(fields) if fields else distribution.metadata
        return metadata if metadata["Name"] else None
    except Exception as error:  # noqa: BLE001 - whatever broken metadata raises costs only itself
        _log.debug("a distribution's metadata cannot be read: %s", error)
        return None


def _used_candidates(found: Distribution, metadata: Message | PackageMetadata) -> list[Candidate]:
    """The plugins of the copy of a distribution that Python imports.

    That is the first one on ``sys.path``, which need not have any.
    """
    try:
        used = Distribution.from_name(metadata["Name"])
    except PackageNotFoundError:  # its folder is called otherwise
        return _candidates_of(found, metadata)
    if _same_place(used, found):
        return _candidates_of(found, metadata)
    said = _metadata_of(used)
    return _candidates_of(used, said if said is not None else metadata)


def _same_place(one: Distribution, other: Distribution) -> bool:
    return str(one.locate_file("")) == str(other.locate_file(""))


def _candidates_of(
    distribution: Distribution, metadata: Message | PackageMetadata
) -> list[Candidate]:
    name = metadata["Name"]
    try:
        points = [point for point in distribution.entry_points if point.group == PROJECT]
        requires = tuple(metadata.get_all("Requires-Dist") or distribution.requires or ())
        version = metadata["Version"] or "unknown"
        return [Candidate(point, name, version, requires) for point in points]
    except Exception as error:  # noqa: BLE001 - whatever broken metadata raises costs only itself
        return [_unreadable(name, f"its metadata cannot be read: {error}")]


def _unreadable(distribution: str, why: str) -> Candidate:
    return Candidate(
        EntryPoint(distribution, "", PROJECT),
        distribution,
        version="unknown",
        problem=why,
    )
