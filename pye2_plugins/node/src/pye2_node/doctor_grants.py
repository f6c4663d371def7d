"""What the doctor says of grants: what could be granted on this machine, and what of it is there.

On the command line's side of the node.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from pye2_node.allow_file import read_allow_file
from pye2_node.granting import refuse_home
from pye2_node.home import allow_file_of
from pye2_node.sandbox.layers.names import ONE_FOR_FILES
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from pye2_node.allow_file import Guest
    from pye2core.code.grants import Grants


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
    problems = list(_problems_of(guest.grants, home))
    return GrantsFinding(guest.address, guest.grants.as_settings(), problems)


def _problems_of(grants: Grants, home: Path) -> Iterator[str]:
    for folder in (*grants.folders, *grants.folders_rw):
        if not Path(folder).is_dir():
            yield f"{folder} is no folder"
    for device in grants.devices:
        if not Path(device).is_char_device():
            yield f"{device} is no character device"
    for module in sorted({name.partition(".")[0] for name in grants.modules}):
        if importlib.util.find_spec(module) is None:
            yield f"the module {module} is not installed here: python -m pip install {module}"
    try:
        refuse_home(grants, home)
    except NodeError as error:
        yield str(error)


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
