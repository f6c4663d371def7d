"""What the doctor says of grants: what could be granted on this machine, and what of it is there.

On the command line's side of the node.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from pye2_node.allow_file import read_allow_file
from pye2_node.granting import refuse_home
from pye2_node.home import allow_file_of
from pye2_node.sandbox.layers.names import ONE_FOR_FILES
from pye2_node.sandbox.layers.openings import CannotOpen, find_openings
from pye2core.code.grants import Grants
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from pye2_node.allow_file import Guest

_NOT_CONFINED: Final = (
    "Modules can be granted here. The network, folders and devices cannot: to keep code to them"
    " takes namespaces or landlock."
)


@frozen
class GrantsFinding:
    """What was found of the grants of one address.

    Attributes:
        address: whose.
        grants: what is granted, as in ``allow.toml``.
        problems: why some of it cannot be had.
    """

    address: str
    grants: dict[str, Any]
    problems: list[str]


def can_confine(holding: AbstractSet[str]) -> bool:
    """Whether code can be kept to the network, the folders and the devices that it is granted."""
    return not holding.isdisjoint(ONE_FOR_FILES)


def examine_grants(home: Path) -> tuple[list[GrantsFinding], list[str]]:
    """Look whether all is there that the white list of a node grants.

    Returns:
        What was found of each address with grants; and what in the list cannot be used.

    Raises:
        NodeError: the list cannot be read.
    """
    content = read_allow_file(allow_file_of(home))
    found = [_finding(guest, home) for guest in content.guests if any(guest.grants)]
    return found, list(content.problems)


def _finding(guest: Guest, home: Path) -> GrantsFinding:
    problems = list(problems_of(guest.grants, home))
    return GrantsFinding(guest.address, guest.grants.as_settings(), problems)


def problems_of(grants: Grants, home: Path) -> Iterator[str]:
    """Why some of what is granted cannot be had on this machine, by a node with this home."""
    for one in _places_one_by_one(grants):
        try:
            (place,) = find_openings(one, 0, as_stranger=_are_workers_strangers(home)).places
        except CannotOpen as error:
            yield str(error)
            continue
        wanted = os.R_OK | (os.W_OK if place.is_written else 0)
        if not os.access(place.source, wanted):
            yield f"this user may not {'write to' if place.is_written else 'read'} {place.path}"
    for module in sorted({name.partition(".")[0] for name in grants.modules}):
        if importlib.util.find_spec(module) is None:
            yield f"the module {module} is not installed in {sys.prefix}"
    try:
        refuse_home(grants, home)
    except NodeError as error:
        yield str(error)


def _places_one_by_one(grants: Grants) -> Iterator[Grants]:
    yield from (Grants(folders=(each,)) for each in grants.folders)
    yield from (Grants(folders_rw=(each,)) for each in grants.folders_rw)
    yield from (Grants(devices=(each,)) for each in grants.devices)


def _are_workers_strangers(home: Path) -> bool:
    """Whether the code of others runs as users that own nothing: where the node is root's."""
    return os.geteuid() == 0 and (not home.exists() or home.stat().st_uid == 0)


def in_words(home: Path, *, is_confined: bool) -> list[str]:
    """The doctor's lines about grants.

    Raises:
        NodeError: the white list cannot be read.
    """
    found, problems = examine_grants(home)
    lines = ["Modules can be granted here; so can the network, folders and devices."]
    if not is_confined:
        lines = [_NOT_CONFINED]
    for each in found:
        lines.append(f"{each.address}: {', '.join(map(_told, each.grants.items()))}")
        lines += [f"{'':<12}→ {problem}" for problem in each.problems]
    return [*lines, *problems]


def _told(grant: tuple[str, Any]) -> str:
    name, value = grant
    return name if value is True else f"{name} {' '.join(value)}"


def as_object(home: Path, *, is_confined: bool) -> dict[str, Any]:
    """The same for programs.

    Raises:
        NodeError: the white list cannot be read.
    """
    found, problems = examine_grants(home)
    return {
        "can_be_confined": is_confined,
        "addresses": [asdict(each) for each in found],
        "problems": problems,
    }
